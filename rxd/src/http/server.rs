//! The service that serves a router.

use super::activity::ConnectionState;
use super::address::Address;
use super::connection::{ClientLimits, say_last, serve_connection};
#[cfg(feature = "systemd")]
use super::listener::PassedListener;
use super::listener::{ClientStream, Listener};
use super::serve::{ConnectionTask, Connections, Serve};
use super::slots::{ConnectionSlot, ConnectionSlots};
use crate::board::Id;
use crate::core::Core;
use crate::error::{Cancelled, Error, Result};
use crate::lifecycle::cancel_cause::CancelCause;
use crate::panic::{self, emit};
use crate::service::context::Context;
use crate::service::runner::Runner;
use crate::service::tasks::contained;
use crate::sync::Mutex;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a connection stays after its last byte when the server stops.
const GRACE: Duration = Duration::from_millis(250);

/// The longest limit for a client; more would be beyond the clock's range.
const MAX_CLIENT_TIMEOUT: Duration = Duration::from_secs(366 * 86400);

type MakeRouter = Box<dyn FnMut(&Context) -> Result<Router> + Send>;

/// Serves an axum router over HTTP/1. See the [module](super).
#[must_use = "a server does nothing until it is a service"]
pub struct Server {
    make: MakeRouter,
    addresses: Vec<String>,
    #[cfg(feature = "systemd")]
    passed: Vec<PassedListener>,
    drain_timeout: Duration,
    client_timeout: Duration,
    max_connections: usize,
    local: LocalAddresses,
    router: Arc<Mutex<Router>>,
    /// From Init until Stop.
    connections: Option<Connections>,
}

impl Server {
    /// Serves this router.
    pub fn new(router: Router) -> Self {
        Server::with(move |_| Ok(router.clone()))
    }

    /// Serves the router that `make` returns. It is called when the service enters Run, and after
    /// each reload, with the context of [`run`](Runner::run).
    ///
    /// So handlers can reach the service's context, and the values that it gets from services that
    /// it [needs](crate::Provides). Connections that outlive a reload get their next answer from the
    /// new router.
    ///
    /// ```
    /// use axum::Router;
    /// use axum::routing::get;
    /// use rxd::http::Server;
    ///
    /// let web = Server::with(|cx| {
    ///     let (daemon, cx) = (cx.daemon(), cx.clone());
    ///     let wait = async move || { cx.cancelled().await; "the server stops" };
    ///     Ok(Router::new()
    ///         .route("/wait", get(wait))
    ///         .route("/name", get(async move || daemon.name().to_owned())))
    /// });
    /// # let _ = web;
    /// ```
    ///
    /// If it returns an error, the service fails, and restarts after its back-off.
    pub fn with(make: impl FnMut(&Context) -> Result<Router> + Send + 'static) -> Self {
        Server {
            make: Box::new(make),
            addresses: Vec::new(),
            #[cfg(feature = "systemd")]
            passed: Vec::new(),
            drain_timeout: Duration::from_secs(5),
            client_timeout: Duration::from_secs(75),
            max_connections: usize::MAX,
            local: LocalAddresses::default(),
            router: Arc::default(),
            connections: None,
        }
    }

    /// Listens on this address too: `"127.0.0.1:8080"`, `"[::]:80"`, `"unix:/run/my-app.sock"`. Port
    /// 0 takes any free port: see [`local_addresses`](Server::local_addresses).
    ///
    /// A Unix socket has mode 0600 from the instant at which it can be reached, and a socket that a
    /// crash has left behind is replaced. For clients of other users have systemd open it, with
    /// `SocketMode=`.
    ///
    /// The address is bound in Init. A text that is not an address, or one that cannot be bound, is
    /// a failure of the service, which restarts after its back-off. To end the daemon instead, write
    /// `restarts(max = 0, within = "1s")` and `on_failure = "shutdown"` on the service.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Sets how long requests in progress may take to end once the service is to stop. What has not
    /// ended then is cut, with a warning in the log. Default: 5 s.
    ///
    /// It is never more than nine tenths of what is left of the limit of Stop (10 s by default), so
    /// that a slow client is no failure of the service. To drain for longer, raise that too:
    /// `timeouts(Stop = "1m")`.
    pub fn drain_timeout(mut self, limit: Duration) -> Self {
        self.drain_timeout = limit;
        self
    }

    /// Sets how long a client may take to send the head of a request, to send the next request on a
    /// connection, and to read a piece of an answer. Then it is disconnected. Default: 75 s, at most
    /// 366 days. Zero is an error in Init.
    ///
    /// Behind a proxy, keep it longer than the time for which the proxy keeps an idle connection,
    /// which is 60 s in many.
    ///
    /// Nothing limits the time for the body of a request: that is up to the router, for example by
    /// `tower_http::timeout`.
    pub fn client_timeout(mut self, limit: Duration) -> Self {
        self.client_timeout = limit.min(MAX_CLIENT_TIMEOUT);
        self
    }

    /// Sets how many connections there may be. For one more, the one that has been idle longest is
    /// closed; while none is idle, clients wait to be accepted. Default: no limit. 0 is an error in
    /// Init.
    pub fn connections(mut self, max: usize) -> Self {
        self.max_connections = max;
        self
    }

    /// The addresses on which it listens, to be asked once it is a service.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> rxd::Result {
    /// use rxd::{Daemon, Service, State, http::Server};
    ///
    /// let web = Server::new(axum::Router::new()).listen("127.0.0.1:0");
    /// let at = web.local_addresses();
    /// let daemon = Daemon::new("agent").add(Service::new("web", web)).start().await?;
    /// daemon.wait_for("web", State::Run).await?;
    /// println!("http://{}/", at.tcp().ok_or("it listens in Run")?);
    /// # daemon.shutdown();
    /// # Ok(daemon.wait().await.into_result()?)
    /// # }
    /// ```
    #[must_use]
    pub fn local_addresses(&self) -> LocalAddresses {
        self.local.clone()
    }

    /// Serves on a socket that another process has opened.
    #[cfg(feature = "systemd")]
    #[allow(dead_code, reason = "only Unix has such sockets")]
    pub(crate) fn on_passed(mut self, listener: PassedListener) -> Self {
        self.passed.push(listener);
        self
    }

    /// A listener for each socket that was passed.
    fn passed(&self) -> io::Result<Vec<Listener>> {
        #[cfg(feature = "systemd")]
        return self.passed.iter().map(PassedListener::listener).collect();
        #[cfg(not(feature = "systemd"))]
        return Ok(Vec::new());
    }

    fn is_passed(&self) -> bool {
        #[cfg(feature = "systemd")]
        return !self.passed.is_empty();
        #[cfg(not(feature = "systemd"))]
        return false;
    }

    /// Binds the addresses, unless sockets were passed.
    async fn bind(&mut self) -> Result<Vec<Listener>, Error> {
        if self.client_timeout.is_zero() {
            return Err(Error::msg("`client_timeout` cannot be zero\nhelp: write how long: `Duration::from_secs(75)`"));
        }
        if self.max_connections == 0 {
            return Err(Error::msg("`connections` cannot be 0\nhelp: write 1 or more"));
        }
        let failed = |error| Error::with_cause(format!("failed to use a socket that was passed: {error}"), error);
        let mut listeners = self.passed().map_err(failed)?;
        if listeners.is_empty() {
            for address in &self.addresses {
                listeners.push(Listener::bind(&address.parse()?, "").await?);
            }
        }
        if listeners.is_empty() {
            return Err(Error::msg("the server has no address\nhelp: write `.listen(\"127.0.0.1:8080\")`"));
        }
        Ok(listeners)
    }

    /// Ends all connections, within its limit and that of the method.
    async fn drain(&mut self, cx: &Context) {
        self.local.set(Vec::new());
        let Some(connections) = &mut self.connections else { return };
        let limit = cx.time_left().map_or(self.drain_timeout, |left| self.drain_timeout.min(left / 10 * 9));
        let waits = |open: usize| {
            emit!(INFO, target: "rxd::http", "accepts nobody, and waits for {open} open requests, for {limit:?} at most");
        };
        match connections.drain(limit, waits).await {
            0 => {}
            1 => {
                emit!(WARN, target: "rxd::http", "a request did not end within {limit:?} of the stop; its connection is cut")
            }
            cut => {
                emit!(WARN, target: "rxd::http", "{cut} requests did not end within {limit:?} of the stop; their connections are cut")
            }
        }
    }
}

#[diagnostic::do_not_recommend]
impl Runner for Server {
    async fn init(&mut self, cx: &Context) -> Result {
        let listeners = cx.or_cancelled(self.bind()).await??;
        let addresses: io::Result<Vec<Address>> = listeners.iter().map(Listener::address).collect();
        let addresses = addresses?;
        for address in &addresses {
            emit!(INFO, target: "rxd::http", "listening on {address}");
        }
        self.local.set(addresses);
        let slots = ConnectionSlots::new(self.max_connections, 0);
        self.connections = Some(Connections::new(listeners, slots, CancellationToken::new()));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result {
        let router = (self.make)(cx)?;
        // Dropped after the lock is released: handlers hold values of the user's.
        drop(std::mem::replace(&mut *self.router.lock(), router));
        let is_passed = self.is_passed();
        let Some(connections) = &mut self.connections else { return Err("`run` is called without `init`".into()) };
        let mut clients = Clients {
            core: cx.core().clone(),
            id: cx.id(),
            router: self.router.clone(),
            limits: ClientLimits {
                head: self.client_timeout,
                write: self.client_timeout,
                grace: GRACE,
                head_size: None,
            },
        };
        connections.accept(&cx.token(), &mut clients).await;
        // The listeners and the connections stay: `run` is called again.
        if cx.cause() == Some(CancelCause::Reload) {
            return Err(Cancelled.into());
        }
        // A client that has connected but is not accepted yet would be reset. On a socket that was
        // passed it waits for the next process.
        if !is_passed {
            connections.accept_last(&mut clients);
        }
        self.drain(cx).await;
        Ok(())
    }

    /// Ends what `run` has left: after a panic, or if a stop follows a reload.
    async fn stop(&mut self, cx: &Context) -> Result {
        self.drain(cx).await;
        self.connections = None;
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Serves the clients, as tasks of the service.
struct Clients {
    core: Arc<Core>,
    id: Id,
    router: Arc<Mutex<Router>>,
    limits: ClientLimits,
}

impl Serve for Clients {
    fn patience(&self) -> Option<Duration> {
        None
    }

    fn serve(&mut self, stream: ClientStream, slot: &ConnectionSlot, end: CancellationToken) -> ConnectionTask {
        let (router, peer) = (self.router.clone(), stream.peer());
        let (state, close, limits): (ConnectionState, _, _) = (slot.requests.clone(), slot.close.clone(), self.limits);
        let core = self.core.clone();
        let handler = move |request| {
            let (answer, core) = (answer(router.clone(), peer, request), core.clone());
            async move {
                let mut response = answer.await;
                // While the daemon drains, each client's next connection may go to another process.
                if core.shutting_down().is_some() {
                    say_last(&mut response);
                }
                response
            }
        };
        contained(&self.core, self.id, "connection", async move {
            if let Err(error) = serve_connection(stream, state, limits, handler, &close, &end).await {
                emit!(DEBUG, target: "rxd::http", "a connection ended: {error}");
            }
        })
    }

    fn failed(&mut self, error: &io::Error, is_first: bool) {
        if is_first {
            emit!(WARN,
                target: "rxd::http",
                "failed to accept a connection: {error}; idle connections are closed, and accepting goes on. If too \
                 many files are open, raise the limit (LimitNOFILE= in the unit)"
            );
        } else {
            emit!(DEBUG, target: "rxd::http", "failed to accept a connection: {error}");
        }
    }
}

/// The router's answer; 500, if a handler panics.
async fn answer(router: Arc<Mutex<Router>>, peer: Option<SocketAddr>, request: hyper::Request<Incoming>) -> Response {
    let mut request = request.map(Body::new);
    if let Some(peer) = peer {
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    let router = router.lock().clone();
    match panic::contain(router.oneshot(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(caught) => {
            emit!(WARN, target: "rxd::http", "a handler panicked, and the answer is 500: {caught}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The addresses on which a [`Server`] listens: see
/// [`local_addresses`](Server::local_addresses).
#[derive(Clone, Debug, Default)]
pub struct LocalAddresses(Arc<Mutex<Vec<Address>>>);

impl LocalAddresses {
    /// All of them; none, unless the service is in Idle or Run.
    #[must_use]
    pub fn get(&self) -> Vec<Address> {
        self.0.lock().clone()
    }

    /// The first one that is not a Unix socket.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.0.lock().iter().find_map(|address| match address {
            Address::Tcp(tcp) => Some(*tcp),
            Address::Unix(_) => None,
        })
    }

    fn set(&self, addresses: Vec<Address>) {
        drop(std::mem::replace(&mut *self.0.lock(), addresses));
    }
}
