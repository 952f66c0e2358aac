//! The admin route: see what runs and why something does not, turn one service's log up, restart it.
//!
//! ```no_run
//! # struct MyDaemon;
//! # impl MyDaemon { fn into_daemon(self) -> rxd::Daemon { rxd::Daemon::new("d") } }
//! # async fn f() -> rxd::Result {
//! MyDaemon.into_daemon().admin("127.0.0.1:1337").run().await?;
//! Ok(())
//! # }
//! ```
//!
//! Then open <http://127.0.0.1:1337/>, or ask with `curl`, or with `rxdctl`:
//!
//! ```text
//! curl 127.0.0.1:1337/services/poller/why
//! curl -X PUT -d 'debug for 10m' 127.0.0.1:1337/services/api/log-level
//! curl -X POST 127.0.0.1:1337/services/api/restart
//! curl -N 127.0.0.1:1337/events
//! ```
//!
//! | route | |
//! |---|---|
//! | `GET`, `PUT`, `DELETE` `/log-level`, `/services/{name}/log-level` | levels, to stay or for a while |
//! | `GET` `/services`, `/services/{name}`, `/services/{name}/why` | where services are, and why |
//! | `POST` `/services/{name}/start`, `stop`, `restart`, `reload` | 202 if it takes longer than 10 s |
//! | `GET` `/graph` | JSON, Mermaid, DOT or SVG, by `Accept` or `?format=`; with `direction=down` for a narrow window |
//! | `GET` `/events` | server-sent events, resumed by `Last-Event-ID` |
//! | `GET` `/livez`, `/readyz` | as Kubernetes asks |
//! | `GET` `/metrics` | as Prometheus asks |
//! | `GET` `/openapi.json` | all of this, for machines |
//!
//! # Safety
//!
//! It listens on loopback or a Unix socket; another address needs a [token](Admin::token). A Unix socket has
//! mode 0600 from the instant at which it can be reached, whatever the umask. Of several processes on
//! one path one listens, and the others do not start; a socket that a crash has left behind is replaced. A request must be for an IP address, `localhost`, or a [name that was
//! listed](Admin::host), so that no web page can make its own name point here; and from no page of
//! another origin. Where a token is asked for, `/livez` and `/readyz` answer without it too, but give
//! no reasons, and a few [connections](Admin::connections) are kept for them. Heads, bodies, connections and times are limited; what is too slow, also in taking in
//! an answer, is ended, and at the daemon's end nobody is waited for longer than half a second. While
//! the daemon stops, requests are answered with 503 and where the services are; the admin route goes last.
//!
//! Whoever has a server already can have the routes as a [`router`] in it. Then the host, the token
//! and the limits are that server's to look after.

mod api;
mod app;
mod auth;
mod config;
mod dto;
mod explain;
mod graph_layout;
pub(crate) mod graph_svg;
mod listen;
mod openapi;
mod page;
mod problem;
mod routes;
mod serve;
mod server;
mod slots;

pub use config::{Address, Admin, Listening};
pub(crate) use server::{Server, bind, finish};

use crate::handle::DaemonHandle;

/// The routes as a part of another server's: `Router::new().nest("/admin", rxd::admin::router(&handle))`.
///
/// It does not keep the daemon running.
///
/// ```no_run
/// # use rxd::DaemonHandle;
/// # async fn f(handle: DaemonHandle) -> rxd::Result {
/// let routes = axum::Router::new().nest("/admin", rxd::admin::router(&handle));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// axum::serve(listener, routes).await?;
/// # Ok(())
/// # }
/// ```
pub fn router(handle: &DaemonHandle) -> axum::Router {
    let limits = Admin::new("unused").limits;
    routes::router(app::App::new(handle, crate::log::level_handle().clone(), limits, std::sync::Arc::default()))
}

impl crate::DaemonHandle {
    /// How the daemon's own [admin route](crate::Daemon::admin) stands, and where it listens.
    #[must_use]
    pub fn admin(&self) -> Listening {
        self.core().admin.get().map_or(Listening::Off, Server::listening)
    }
}
