//! The clients of the admin route.
//!
//! [`serve`] runs in one task from the daemon's start to its end. The accept loop, the connections
//! and their end are those of [`http`](crate::http). Here are the limits of the admin route, its
//! counters, and the connections that it reserves for probes. Which requests are answered is
//! [`auth`](super::auth)'s, and how, the router's.
//!
//! # Invariants
//!
//! 1. A client that sends a head, a body, or reads an answer too slowly is disconnected: after
//!    `Limits::head`, and `Limits::body` for the other two.
//! 2. [`serve`] returns at most `Limits::drain_timeout` after `end` is cancelled, unless a blocked
//!    thread delays the drop of an aborted task. No task outlives it.

use super::activity::AdminCounts;
use super::auth::{RequestGuard, Unauthenticated};
use super::config::{Limits, MAX_HEAD_BYTES, MAX_HEADERS};
use super::problem::Problem;
use crate::http::{
    ClientLimits, ClientStream, ConnectionSlot, ConnectionSlots, ConnectionTask, Connections, Listener, Serve,
    serve_connection,
};
use crate::panic::emit;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How many connections are reserved for probes, if there are at least eight times as many in all.
const PROBE_CONNECTIONS: usize = 4;

/// How long a client may be silent on a connection that is reserved for probes.
const PROBE_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Counts an open connection; when it is dropped, it no longer does.
struct OpenConnection(Arc<AdminCounts>);

impl OpenConnection {
    fn new(counts: &Arc<AdminCounts>) -> Self {
        counts.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(counts.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves until `end` is cancelled, and then for up to `limits.drain_timeout`.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    guard: RequestGuard,
    limits: Limits,
    counts: Arc<AdminCounts>,
    end: CancellationToken,
) {
    let reserve = PROBE_CONNECTIONS.min(limits.connections / 8);
    let slots = ConnectionSlots::new(limits.connections, reserve);
    let mut connections = Connections::new(vec![listener], slots, end.clone());
    let guard = Arc::new(guard);
    let mut clients =
        AdminClients { handler: RequestHandler { router, guard, counts, reserved: false }, limits, reserve };
    connections.accept(&end, &mut clients).await;
    connections.drain(limits.drain_timeout, |_| ()).await;
}

struct AdminClients {
    handler: RequestHandler,
    limits: Limits,
    /// How many connections are for probes.
    reserve: usize,
}

impl Serve for AdminClients {
    /// A connection for probes is free again soon, if there are any.
    fn patience(&self) -> Option<Duration> {
        Some(if self.reserve > 0 { 2 * PROBE_IDLE_TIMEOUT } else { Duration::ZERO })
    }

    fn serve(&mut self, stream: ClientStream, slot: &ConnectionSlot, end: CancellationToken) -> ConnectionTask {
        let reserved = slot.reserved;
        let head = self.limits.head;
        let limits = ClientLimits {
            head: if reserved { head.min(PROBE_IDLE_TIMEOUT) } else { head },
            write: self.limits.body,
            grace: Duration::ZERO,
            head_size: Some((MAX_HEADERS, MAX_HEAD_BYTES)),
        };
        // Made outside of the task: it counts also if the task is aborted before its first poll.
        let open = OpenConnection::new(&self.handler.counts);
        let handler = RequestHandler { reserved, ..self.handler.clone() };
        let (state, close) = (slot.requests.clone(), slot.close.clone());
        Box::pin(async move {
            let _open = open;
            let answer = move |request| handler.clone().answer(request);
            if let Err(error) = serve_connection(stream, state, limits, answer, &close, &end).await {
                emit!(DEBUG, target: "rxd::admin", "a connection ended: {error}");
            }
        })
    }

    fn accepted(&mut self) {
        self.handler.counts.accepted.fetch_add(1, Ordering::Relaxed);
    }

    fn refused(&mut self) {
        self.handler.counts.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&mut self, error: &io::Error, is_first: bool) {
        if is_first {
            emit!(WARN,
                target: "rxd::admin",
                "failed to accept a connection: {error}; idle connections are closed, and accepting goes on. If too \
                 many files are open, raise the limit (LimitNOFILE= in the unit)"
            );
        } else {
            emit!(DEBUG, target: "rxd::admin", "failed to accept a connection: {error}");
        }
    }
}

/// Answers the requests of one connection.
#[derive(Clone)]
struct RequestHandler {
    router: Router,
    guard: Arc<RequestGuard>,
    counts: Arc<AdminCounts>,
    /// Only probes are answered.
    reserved: bool,
}

impl RequestHandler {
    async fn answer(self, request: hyper::Request<Incoming>) -> Response {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        if !self.reserved {
            return self.route(request).await;
        }
        let is_probe = ["/livez", "/readyz"].contains(&request.uri().path());
        let mut response = if is_probe { self.route(request).await } else { all_busy().into_response() };
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }

    async fn route(self, request: hyper::Request<Incoming>) -> Response {
        let authenticated = match self.guard.check(&request) {
            Ok(authenticated) => authenticated,
            Err(problem) => return problem.into_response(),
        };
        let mut request: Request = request.map(Body::new);
        if !authenticated {
            request.extensions_mut().insert(Unauthenticated);
        }
        match self.router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

fn all_busy() -> Problem {
    let detail = "all connections are busy, and the last few are reserved for /livez and /readyz: try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "All connections are busy", detail)
}
