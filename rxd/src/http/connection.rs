//! One connection: its requests, its limits, and its end.
//!
//! hyper answers the requests. This module decides when the connection ends, since hyper's
//! `graceful_shutdown` does not fit: it waits for the rest of a half-sent request, and it closes a
//! connection although no answer had the header `Connection: close`.
//!
//! # How it ends
//!
//! 1. `end` is cancelled. What the connection has received by then is read first.
//! 2. With a request in progress it goes on until the answer is sent. The answer has the header
//!    `Connection: close`, after which hyper closes the connection, unless its head was sent before.
//! 3. Without one it is dropped at once, also if a head is half sent, except that it keeps what is
//!    left of [`ClientLimits::grace`] since its last byte, or since the end of an answer without that
//!    header. The next request of an active client may be on its way: without that time it would be
//!    lost. A half-sent head never prolongs it.
//! 4. `close` drops it at once.

use super::activity::{ActiveBody, ActiveStream, ConnectionState};
use super::listener::ClientStream;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

/// What one client may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientLimits {
    /// How long it may take to send a request's head, and between two requests.
    pub(crate) head: Duration,
    /// How long it may take to read a piece of an answer.
    pub(crate) write: Duration,
    /// How long its connection stays after the last byte when the server ends.
    pub(crate) grace: Duration,
    /// The largest number of headers of a request, and the largest head in bytes; hyper's, if not
    /// set.
    pub(crate) head_size: Option<(usize, usize)>,
}

/// Answers the requests of one connection by `handler`, until the client, `close` or `end` ends it.
///
/// # Errors
///
/// If the client sends something else than HTTP/1, is too slow, or leaves in the middle.
pub(crate) async fn serve_connection<H, F>(
    stream: ClientStream,
    state: ConnectionState,
    limits: ClientLimits,
    handler: H,
    close: &CancellationToken,
    end: &CancellationToken,
) -> hyper::Result<()>
where
    H: Fn(hyper::Request<Incoming>) -> F,
    F: Future<Output = hyper::Response<Body>>,
{
    stream.set_no_delay();
    let service = {
        let (state, end) = (state.clone(), end.clone());
        service_fn(move |request| {
            let (request, active, end) = (handler(request), state.begin(), end.clone());
            async move {
                let mut response = request.await;
                if end.is_cancelled() {
                    say_last(&mut response);
                }
                Ok::<_, Infallible>(response.map(|body| ActiveBody { body, _request: active }))
            }
        })
    };
    // hyper limits the time for a head. What it does not limit is a client that does not read.
    let mut stream = Box::pin(TimeoutStream::new(ActiveStream { stream, state: state.clone() }));
    stream.as_mut().set_write_timeout_pinned(Some(limits.write));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head);
    if let Some((headers, bytes)) = limits.head_size {
        builder.max_headers(headers).max_buf_size(bytes);
    }
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let (mut closed, mut ended) = (pin!(close.cancelled()), pin!(end.cancelled()));
    let (mut grace, mut was_busy) = (None, false);
    poll_fn(|task| {
        // First, so that a request that is there already is seen.
        if let Poll::Ready(result) = connection.as_mut().poll(task) {
            return Poll::Ready(result);
        }
        if closed.as_mut().poll(task).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if grace.is_none() && ended.as_mut().poll(task).is_ready() {
            grace = Some(Box::pin(sleep_until(state.last_byte() + limits.grace)));
        }
        let Some(grace) = &mut grace else { return Poll::Pending };
        // The last bytes of an answer may still wait for the client.
        if !state.is_idle() || state.is_write_blocked() {
            was_busy = true;
            return Poll::Pending;
        }
        // hyper has not closed it: the client does not know yet that this answer was the last one.
        if std::mem::take(&mut was_busy) {
            grace.as_mut().reset(Instant::now() + limits.grace);
        }
        grace.as_mut().poll(task).map(Ok)
    })
    .await
}

/// Lets the client know that the connection ends with this answer, unless another protocol goes on
/// with it.
pub(crate) fn say_last(response: &mut hyper::Response<Body>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
