//! The admin route: shows the state of each service and the reason for it, sets log levels, and
//! acts on services.
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
//! Then open <http://127.0.0.1:1337/> in a browser, or use `curl`, or the command line `rxdctl`
//! (`cargo install rxdctl`):
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
//! | `GET`, `PUT`, `DELETE` `/log-level`, `/services/{name}/log-level` | log levels |
//! | `GET` `/services`, `/services/{name}`, `/services/{name}/why` | the state of each service, and why |
//! | `POST` `/services`, `DELETE` `/services/{name}` | adds and removes services of the [kinds](Admin::addable) that the program allows for |
//! | `POST` `/services/{name}/start`, `stop`, `restart`, `reload` | actions on a service |
//! | `POST` `/groups/{group}/start`, `stop`, `restart`, `reload` | the same for the services of a group |
//! | `POST` `/start`, `/stop`, `/restart`, `/reload` | the same for all services; a reload loads the configuration, too |
//! | `POST` `/shutdown` | stops the daemon; the body may hold a reason, for the log and the status |
//! | `GET` `/graph` | JSON, Mermaid, DOT or SVG, by `Accept` or `?format=` |
//! | `GET` `/events` | every transition, as server-sent events, resumed by `Last-Event-ID` |
//! | `GET` `/livez`, `/readyz` | liveness and readiness, as Kubernetes probes expect |
//! | `GET` `/metrics` | metrics, in the text format of Prometheus |
//! | `GET` `/openapi.json` | the description of these routes, as OpenAPI 3.1 |
//!
//! * A level is set permanently, or for a time.
//! * An action that takes longer than 10 s is answered with 202, and goes on. `/shutdown` is always
//!   answered so, and at once; it may be repeated.
//! * `/graph?format=svg&direction=down` draws the graph from top to bottom, for a narrow window.
//!
//! # Safety
//!
//! * **Address**: it listens on loopback or on a Unix socket; another address needs a
//!   [token](Admin::token).
//! * **Unix socket**: it has mode 0600 from the instant at which it can be reached, whatever the
//!   umask. Of several processes on one path one listens, and the others do not start. A socket
//!   that a crash has left behind is replaced.
//! * **Host and origin**: a request must be for an IP address, `localhost` or a [listed
//!   name](Admin::hosts), so that no web page can point a name of its own here; and it must not come
//!   from a page of another origin, except by a link. A probe of HTTP/1.0 needs no host.
//! * **Token**: where one is required, `/livez` and `/readyz` answer without it too, but give no
//!   reasons, and a few [connections](Admin::connections) are reserved for them.
//! * **Limits**: heads, bodies, connections and times are limited. A client that is too slow, also
//!   in reading an answer, is disconnected.
//! * **Shutdown**: while the daemon stops, what only shows something is answered as before, and says
//!   what the stop waits for. Changes are answered with 503 and the state of all services. The admin
//!   route ends last, and waits no longer than half a second for answers in progress.
//!
//! A server that exists already can have the routes as a [`router`] in it. Then the host, the token
//! and the limits are up to that server.

mod activity;
mod api;
mod app;
mod auth;
mod config;
mod dto;
mod explain;
mod graph_layout;
pub(crate) mod graph_svg;
pub(crate) mod kinds;
mod openapi;
mod page;
mod problem;
mod router;
mod routes;
mod serve;
mod server;

pub use crate::http::Address;
pub use config::{Admin, AdminStatus};
pub(crate) use server::{AdminServer, bind, finish};

use crate::handle::DaemonHandle;

/// The routes, to be nested in another server.
///
/// * The router does not keep the daemon running.
/// * It checks the origin of requests. The host, the token and the limits are up to the server.
/// * When the daemon begins to stop, its streams of `/events` end, so that a server in a service can
///   wait for its connections.
/// * In a service, `router(&cx.daemon())` makes it. An action on that same service, and a reload of
///   all services, is then answered with 202 at once: the service could wait for the request, and
///   the request for the service.
/// * Nested at `/admin`, its page is `/admin`: axum answers `/admin/` with 404.
/// * Its levels are those of [`rxd::log::level_handle`](crate::log::level_handle).
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
    let app = app::App::new(&handle.of_caller(), crate::log::level_handle().clone(), limits, std::sync::Arc::default());
    router::router(app::App { is_nested: true, ..app })
}

impl crate::DaemonHandle {
    /// Whether the [admin route](crate::Daemon::admin) of the daemon listens, and where.
    #[must_use]
    pub fn admin(&self) -> AdminStatus {
        self.core().extensions.get::<AdminServer>().map_or(AdminStatus::Off, |server| server.status())
    }
}
