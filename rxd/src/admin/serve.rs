//! The accept loop of the admin route, and the tasks of its connections.
//!
//! [`serve`] runs in one task from the daemon's start to its end; each connection has a task of its
//! own. It limits how many connections there are and how long a client may take; which requests are
//! answered is [`auth`](super::auth)'s, and how, the router's.
//!
//! # Invariants
//!
//! 1. A failed accept never ends the loop. It fails for lack of file descriptors as a rule; the
//!    services lack them too then, so all idle connections are closed.
//! 2. There are no more connection tasks than slots, apart from tasks that have been asked to end
//!    and have not been polled since.
//! 3. A client that sends a head, a body, or reads an answer too slowly is disconnected: after
//!    `Limits::head`, and `Limits::body` for the other two.
//! 4. A connection counts as open until its task is dropped, and its slot is free from then on.
//! 5. [`serve`] returns at most `Limits::drain_timeout` after `end` is cancelled, unless a blocked
//!    thread delays the drop of an aborted task. No task outlives it.
//!
//! # How it ends
//!
//! 1. `end` is cancelled. The loop stops accepting, and the listener is dropped.
//! 2. Each connection task sees `end` as well. An idle connection is dropped; one with a request in
//!    progress sends its answer and closes.
//! 3. What is still open after `Limits::drain_timeout` is aborted.

use super::activity::{AdminCounts, RequestCount};
use super::auth::{RequestGuard, Unauthenticated};
use super::config::{Limits, MAX_HEAD_BYTES, MAX_HEADERS};
use super::listen::{AdminListener, ClientStream};
use super::problem::Problem;
use super::slots::{ConnectionSlot, ConnectionSlots};
use crate::panic::emit;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The pause after a failed accept, and how long a connection that was asked to close is waited
/// for.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a client may be silent on a connection that is reserved for probes.
const PROBE_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Failed accepts that are no further apart than this are logged once.
const ACCEPT_ERROR_WINDOW: Duration = Duration::from_secs(60);

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
    listener: AdminListener,
    router: Router,
    guard: RequestGuard,
    limits: Limits,
    counts: Arc<AdminCounts>,
    end: CancellationToken,
) {
    let guard = Arc::new(guard);
    let mut slots = ConnectionSlots::new(limits.connections);
    let mut last_error = None;
    let mut tasks = JoinSet::new();
    loop {
        let stream = tokio::select! {
            biased;
            () = end.cancelled() => break,
            _ = tasks.join_next(), if !tasks.is_empty() => continue,
            stream = listener.accept() => stream,
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                slots.close_all_idle();
                log_accept_error(&error, &mut last_error);
                let _ = timeout(ACCEPT_PAUSE, end.cancelled()).await;
                continue;
            }
        };
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = take_slot(&mut slots, &mut tasks, &end).await else {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        // A connection that was asked to close keeps its descriptor until its task is polled. The
        // wait is bounded, since a blocked thread may keep that task from being polled.
        let room = async { while tasks.len() >= limits.connections && tasks.join_next().await.is_some() {} };
        let _ = timeout(ACCEPT_PAUSE, room).await;
        let ConnectionSlot { requests, close, reserved } = slot;
        // Made outside of the task: it counts also if the task is aborted before its first poll.
        let open = OpenConnection::new(&counts);
        let handler =
            RequestHandler { router: router.clone(), guard: guard.clone(), counts: counts.clone(), requests, reserved };
        let end = end.clone();
        tasks.spawn(async move {
            let _open = open;
            let _free_the_slot = close.clone().drop_guard();
            match stream {
                ClientStream::Tcp(stream) => serve_connection(stream, handler, limits, &close, &end).await,
                ClientStream::Unix(stream) => serve_connection(stream, handler, limits, &close, &end).await,
            }
        });
    }
    drop(listener);
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = timeout(limits.drain_timeout, all).await;
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
}

/// A slot for a connection. While all are busy, it waits for up to two seconds until one for probes
/// is free again.
async fn take_slot(
    slots: &mut ConnectionSlots,
    tasks: &mut JoinSet<()>,
    end: &CancellationToken,
) -> Option<ConnectionSlot> {
    let until = Instant::now() + 2 * PROBE_IDLE_TIMEOUT;
    loop {
        let slot = slots.take();
        if slot.is_some() || !slots.has_reserve() || end.is_cancelled() || Instant::now() >= until {
            return slot;
        }
        // A connection that becomes idle makes room as well, but ends no task: hence the timeout.
        let _ = timeout(ACCEPT_PAUSE, tasks.join_next()).await;
    }
}

/// Logs a failed accept: a warning for the first, and debug records for those that follow it within
/// a minute of each other.
fn log_accept_error(error: &std::io::Error, last: &mut Option<Instant>) {
    let now = Instant::now();
    let before = last.replace(now);
    if before.is_none_or(|before| now - before > ACCEPT_ERROR_WINDOW) {
        emit!(WARN,
            target: "rxd::admin",
            "failed to accept a connection: {error}; idle connections are closed, and accepting goes on. If too many \
             files are open, raise the limit (LimitNOFILE= in the unit)"
        );
    } else {
        emit!(DEBUG, target: "rxd::admin", "failed to accept a connection: {error}");
    }
}

/// Answers the requests of one connection.
#[derive(Clone)]
struct RequestHandler {
    router: Router,
    guard: Arc<RequestGuard>,
    counts: Arc<AdminCounts>,
    requests: RequestCount,
    /// Only probes are answered.
    reserved: bool,
}

impl RequestHandler {
    async fn answer(self, request: hyper::Request<Incoming>) -> Result<hyper::Response<Body>, Infallible> {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let _request = self.requests.begin();
        if !self.reserved {
            return self.route(request).await;
        }
        let is_probe = ["/livez", "/readyz"].contains(&request.uri().path());
        let mut response = if is_probe { self.route(request).await? } else { all_busy().into_response() };
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Ok(response)
    }

    async fn route(self, request: hyper::Request<Incoming>) -> Result<hyper::Response<Body>, Infallible> {
        let authenticated = match self.guard.check(&request) {
            Ok(authenticated) => authenticated,
            Err(problem) => return Ok(problem.into_response()),
        };
        let mut request: Request = request.map(Body::new);
        if !authenticated {
            request.extensions_mut().insert(Unauthenticated);
        }
        request.extensions_mut().insert(self.requests);
        self.router.oneshot(request).await
    }
}

fn all_busy() -> Problem {
    let detail = "all connections are busy, and the last few are reserved for /livez and /readyz: try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "All connections are busy", detail)
}

async fn serve_connection<S>(
    stream: S,
    handler: RequestHandler,
    limits: Limits,
    close: &CancellationToken,
    end: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let requests = handler.requests.clone();
    let head = if handler.reserved { limits.head.min(PROBE_IDLE_TIMEOUT) } else { limits.head };
    // hyper limits the time for a head, and `App::body` that for a body. What neither limits is a
    // client that does not read its answer.
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(limits.body));
    let service = hyper::service::service_fn(move |request| handler.clone().answer(request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        result = connection.as_mut() => return log_connection_error(result),
        () = close.cancelled() => return,
        () = end.cancelled() => {}
    }
    if requests.is_idle() {
        return;
    }
    connection.as_mut().graceful_shutdown();
    log_connection_error(connection.await);
}

fn log_connection_error(result: hyper::Result<()>) {
    if let Err(error) = result {
        emit!(DEBUG, target: "rxd::admin", "a connection ended: {error}");
    }
}
