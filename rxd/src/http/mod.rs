//! A ready-made service that serves an axum router, and drains.
//!
//! ```
//! use axum::{Router, routing::get};
//! use rxd::http::Server;
//! use rxd::{Daemon, Service};
//!
//! let web = Server::new(Router::new().route("/", get(async || "hello"))).listen("127.0.0.1:8080");
//! let daemon = Daemon::new("agent").add(Service::new("web", web));
//! # let _ = daemon;
//! ```
//!
//! In a declared daemon, put it into a struct of yours, and have that delegate to it:
//!
//! ```
//! #[rxd::service(name = "web", delegate, timeouts(Stop = "20s"))]
//! struct Web(rxd::http::Server);
//!
//! #[rxd::daemon]
//! struct Agent {
//!     web: Web,
//! }
//!
//! let routes = axum::Router::new().route("/", axum::routing::get(async || "hello"));
//! let agent = Agent { web: Web(rxd::http::Server::new(routes).listen("127.0.0.1:8080")) };
//! # let _ = agent.into_daemon();
//! ```
//!
//! # What it does
//!
//! * **Init** binds the addresses, or takes the sockets that systemd has passed. So a service that
//!   is in Run listens. Clients that connect while it waits for its gates are accepted when it
//!   enters Run; to bind only after a gate, write that with `then(init)`.
//! * **Run** accepts, and answers requests over HTTP/1.0 and HTTP/1.1. A failed accept, for lack of
//!   file descriptors as a rule, closes the idle connections, is logged once a minute, and is tried
//!   again every 50 ms.
//! * **Each connection** is a task in the service's span. A handler that panics is answered with
//!   500, and logged; it fails neither the service nor the connection. A body that panics while it is
//!   sent ends its connection. A client that closes its side for writing counts as gone. Handlers find the client's
//!   address by `ConnectInfo<SocketAddr>`, unless it came by a Unix socket.
//!
//! # How it stops
//!
//! While the daemon [drains](crate::Daemon::drain), the server accepts and answers as before, and its
//! answers say `Connection: close`. Then:
//!
//! 1. It serves the clients that have connected by then, and closes its listeners.
//! 2. Requests in progress go on, for up to [`drain_timeout`](Server::drain_timeout). Their answers
//!    say `Connection: close`. A request with a half-sent body is one of them.
//! 3. A connection without a request is closed at once, also if the head of a request is half sent.
//!    One that was active in the last 250 ms stays for the rest of those, since its next request may
//!    be on its way. So does one whose answer had begun before the stop, for 250 ms after it.
//! 4. What is left is cut, with a warning. The exit status stays 0.
//!
//! An answer without an end, such as a stream of events, lasts until that limit, unless it ends
//! itself when [`cx.cancelled()`](crate::Context::cancelled) completes: see [`Server::with`]. The
//! routes of the admin route do. A WebSocket leaves the server with its upgrade, and is not waited
//! for: let it end in the same way.
//!
//! At a reload, connections and listeners stay. The server itself has nothing to reload, so SIGHUP
//! skips it, unless a service of yours has it as a part and calls its methods, or takes a configuration.
//!
//! The address is free once the service is in Exit, and while it waits to be restarted. A socket of
//! [systemd](Server::systemd) stays open.

mod activity;
mod address;
mod connection;
mod listener;
mod serve;
mod server;
mod slots;

pub use address::Address;
#[cfg(feature = "admin")]
pub(crate) use connection::{ClientLimits, serve_connection};
#[cfg(feature = "systemd")]
#[allow(unused_imports, reason = "only Unix has such sockets")]
pub(crate) use listener::PassedListener;
#[cfg(feature = "admin")]
pub(crate) use listener::{ClientStream, Listener};
#[cfg(feature = "admin")]
pub(crate) use serve::{ConnectionTask, Connections, Serve};
pub use server::{LocalAddresses, Server};
#[cfg(feature = "admin")]
pub(crate) use slots::{ConnectionSlot, ConnectionSlots};
