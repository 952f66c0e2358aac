//! Connections: so many, so long, and all of them gone when the daemon is.
//!
//! A client that says nothing, or too slowly, has its connection ended after a while; before that,
//! it makes room for one that does say something, the one that has been idle for longest first.

use super::config::{HEAD, HEADERS, Limits};
use super::guard::{Guard, Stranger};
use super::listen::Listener;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long to wait after a failure to accept: it is for want of files, as a rule.
const BREATH: Duration = Duration::from_millis(50);

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

/// One connection, as the others' limit sees it.
struct Seat {
    busy: Arc<AtomicU32>,
    end: CancellationToken,
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
    let mut seats: VecDeque<Seat> = VecDeque::new();
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
                tracing::debug!(target: "rxd::admin", "failed to accept a connection: {error}");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        seats.retain(|seat| !seat.end.is_cancelled());
        if seats.len() >= limits.connections {
            match seats.iter().position(|seat| seat.busy.load(Ordering::Relaxed) == 0).and_then(|at| seats.remove(at)) {
                Some(seat) => seat.end.cancel(),
                None => {
                    // All are being answered.
                    counts.refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            }
        }
        let seat = Seat { busy: Arc::default(), end: CancellationToken::new() };
        let (busy, over) = (seat.busy.clone(), seat.end.clone());
        seats.push_back(seat);
        counts.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(counts.clone());
        let (router, guard, counts, end) = (router.clone(), guard.clone(), counts.clone(), end.clone());
        tasks.spawn(async move {
            let _open = open;
            let _over = over.clone().drop_guard();
            let answer = Answer { router, guard, counts, busy };
            match stream {
                Stream::Tcp(stream) => converse(stream, answer, limits, &over, &end).await,
                Stream::Unix(stream) => converse(stream, answer, limits, &over, &end).await,
            }
        });
    }
    drop(listener);
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(limits.farewell, all).await;
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
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

async fn converse<S>(stream: S, answer: Answer, limits: Limits, over: &CancellationToken, end: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let busy = answer.busy.clone();
    // Who does not take in what it asked for is not waited for.
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(limits.body));
    let service = hyper::service::service_fn(move |request| answer.clone().answer(request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
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
        tracing::debug!(target: "rxd::admin", "a connection ended: {error}");
    }
}
