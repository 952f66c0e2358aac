//! The kinds of services beside a struct with a `Runner`, and what every service finds in its
//! context.

mod context;
mod functions;
