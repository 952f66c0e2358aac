//! The kinds of services beside a struct with a `Runner`, and what every service finds in its
//! context.

mod context;
mod declared;
mod functions;
#[cfg(unix)]
mod process;
mod threads;
