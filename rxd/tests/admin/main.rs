//! The admin route, over real sockets.

mod added;
mod client;
mod daemon;
mod declared;
mod events;
mod families;
mod fuzz;
mod groups;
#[cfg(unix)]
mod listening;
mod openapi;
#[cfg(unix)]
mod path;
mod probes;
mod routes;
mod shutdown;
mod siege;
#[cfg(unix)]
mod starved;
mod topics;
