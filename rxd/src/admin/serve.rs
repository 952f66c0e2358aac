//! Connections: so many, so long, and all of them gone when the daemon is.
//!
//! A client that says nothing, or too slowly, has its connection ended after a while; before that,
//! it makes room for one that does say something, the one that has been idle for longest first.
//!
//! A failed accept never ends the listener. It is for want of files as a rule, and then the services
//! want them too: all idle connections are ended.

use super::auth::{Guard, Stranger};
use super::config::{HEAD, HEADERS, Limits};
use super::listen::Listener;
use super::problem::Problem;
use super::slots::{Slot, Slots};
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
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long to wait after a failure to accept, and for a connection that was asked to end.
const BREATH: Duration = Duration::from_millis(50);

/// How long a client may be silent on a connection that is kept for probes.
const PROBE: Duration = Duration::from_secs(1);

/// Failures to accept that are no further apart than this are one, and logged once.
const EPISODE: Duration = Duration::from_secs(60);

/// What is counted of all connections.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) streams: AtomicU64,
    pub(crate) lagged: AtomicU64,
}

/// Counts down when it is dropped.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves until `end`, then for as long as `limits.farewell` to whoever is being answered.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    guard: Guard,
    limits: Limits,
    counts: Arc<Counts>,
    end: CancellationToken,
) {
    let guard = Arc::new(guard);
    let mut slots = Slots::new(limits.connections);
    let mut failed = None;
    let mut tasks = JoinSet::new();
    loop {
        let stream = tokio::select! {
            biased;
            () = end.cancelled() => break,
            _ = tasks.join_next(), if !tasks.is_empty() => continue,
            stream = accept(&listener) => stream,
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                slots.end_all_idle();
                say_failed(&error, &mut failed);
                let _ = timeout(BREATH, end.cancelled()).await;
                continue;
            }
        };
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = take(&mut slots, &mut tasks, &end).await else {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        // One that was asked to end has its descriptor until its task has run. A blocked thread may keep it from that.
        let room = async { while tasks.len() >= limits.connections && tasks.join_next().await.is_some() {} };
        let _ = timeout(BREATH, room).await;
        let (busy, over, reserved) = (slot.busy, slot.end, slot.reserved);
        counts.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(counts.clone());
        let (router, guard, counts, end) = (router.clone(), guard.clone(), counts.clone(), end.clone());
        tasks.spawn(async move {
            let _open = open;
            let _over = over.clone().drop_guard();
            let answer = Answer { router, guard, counts, busy, reserved };
            match stream {
                Stream::Tcp(stream) => converse(stream, answer, limits, &over, &end).await,
                Stream::Unix(stream) => converse(stream, answer, limits, &over, &end).await,
            }
        });
    }
    drop(listener);
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = timeout(limits.farewell, all).await;
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
}

/// A slot for a connection. While all are busy, the next one that is for probes is waited for.
async fn take(slots: &mut Slots, tasks: &mut JoinSet<()>, end: &CancellationToken) -> Option<Slot> {
    let until = Instant::now() + 2 * PROBE;
    loop {
        let slot = slots.take();
        if slot.is_some() || !slots.has_reserve() || end.is_cancelled() || Instant::now() >= until {
            return slot;
        }
        // One that becomes idle makes room as well, and does not end.
        let _ = timeout(BREATH, tasks.join_next()).await;
    }
}

/// Logs a failure to accept, once for all that follow it within a minute of each other.
fn say_failed(error: &std::io::Error, last: &mut Option<Instant>) {
    let now = Instant::now();
    let before = last.replace(now);
    if before.is_none_or(|before| now - before > EPISODE) {
        emit!(WARN,
            target: "rxd::admin",
            "failed to accept a connection: {error}; idle connections are closed, and it goes on. If too many files \
             are open, raise the limit (LimitNOFILE= in the unit)"
        );
    } else {
        emit!(DEBUG, target: "rxd::admin", "failed to accept a connection: {error}");
    }
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn accept(listener: &Listener) -> std::io::Result<Stream> {
    match listener {
        Listener::Tcp(tcp) => tcp.accept().await.map(|(stream, _)| Stream::Tcp(stream)),
        Listener::Unix(_, unix) => unix.accept().await.map(|(stream, _)| Stream::Unix(stream)),
    }
}

#[derive(Clone)]
struct Answer {
    router: Router,
    guard: Arc<Guard>,
    counts: Arc<Counts>,
    busy: Arc<AtomicU32>,
    /// Only probes are answered.
    reserved: bool,
}

/// While it lives, its connection is not idle.
#[derive(Debug)]
pub(crate) struct Busy(Arc<AtomicU32>);

impl Busy {
    fn new(count: Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Busy(count)
    }
}

/// Among a request's extensions: for an answer that goes on after its head.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<AtomicU32>);

impl Connection {
    pub(crate) fn hold(&self) -> Busy {
        Busy::new(self.0.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Answer {
    async fn answer(self, request: hyper::Request<Incoming>) -> Result<hyper::Response<Body>, Infallible> {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let _busy = Busy::new(self.busy.clone());
        if !self.reserved {
            return self.route(request).await;
        }
        let is_probe = ["/livez", "/readyz"].contains(&request.uri().path());
        let mut response = if is_probe { self.route(request).await? } else { all_busy().into_response() };
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Ok(response)
    }

    async fn route(self, request: hyper::Request<Incoming>) -> Result<hyper::Response<Body>, Infallible> {
        let known = match self.guard.check(&request) {
            Ok(known) => known,
            Err(problem) => return Ok(problem.into_response()),
        };
        let mut request: Request = request.map(Body::new);
        if !known {
            request.extensions_mut().insert(Stranger);
        }
        request.extensions_mut().insert(Connection(self.busy));
        self.router.oneshot(request).await
    }
}

fn all_busy() -> Problem {
    let detail = "all connections are busy, and the last few are for probes: try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "All connections are busy", detail)
}

async fn converse<S>(stream: S, answer: Answer, limits: Limits, over: &CancellationToken, end: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let busy = answer.busy.clone();
    let head = if answer.reserved { limits.head.min(PROBE) } else { limits.head };
    // Who does not take in what it asked for is not waited for.
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(limits.body));
    let service = hyper::service::service_fn(move |request| answer.clone().answer(request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_headers(HEADERS)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        result = connection.as_mut() => return told(result),
        () = over.cancelled() => return,
        () = end.cancelled() => {}
    }
    if busy.load(Ordering::Relaxed) == 0 {
        return;
    }
    connection.as_mut().graceful_shutdown();
    told(connection.await);
}

fn told(result: hyper::Result<()>) {
    if let Err(error) = result {
        emit!(DEBUG, target: "rxd::admin", "a connection ended: {error}");
    }
}
