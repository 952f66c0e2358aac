//! The admin route, over real sockets.

mod client;
mod daemon;
mod declared;
mod events;
mod fuzz;
mod listening;
mod openapi;
mod path;
mod probes;
mod routes;
mod shutdown;
mod siege;
mod starved;
mod topics;
