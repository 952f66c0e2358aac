//! What one connection is doing: its requests in progress, and its last bytes.
//!
//! The task of the connection writes it. [`slots`](super::slots) asks which connections are idle,
//! and [`connection`](super::connection) when its own may be closed. Nothing here waits or takes a
//! lock. The values order nothing, so `Relaxed` suffices for all of them.

use super::listener::ClientStream;
use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// The state of one connection. Clones are of the same connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionState(Arc<Activity>);

#[derive(Debug)]
struct Activity {
    accepted: Instant,
    /// Requests whose answers are not complete.
    requests: AtomicU32,
    /// When a byte was last read or written, in milliseconds since `accepted`.
    last_byte: AtomicU64,
    /// Bytes of an answer wait for the client to read.
    is_write_blocked: AtomicBool,
}

impl ConnectionState {
    /// Of a connection that was accepted just now.
    pub(crate) fn new() -> Self {
        ConnectionState(Arc::new(Activity {
            accepted: Instant::now(),
            requests: AtomicU32::new(0),
            last_byte: AtomicU64::new(0),
            is_write_blocked: AtomicBool::new(false),
        }))
    }

    /// A request is in progress until the returned guard is dropped.
    pub(crate) fn begin(&self) -> ActiveRequest {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        ActiveRequest(self.0.clone())
    }

    /// Whether no request is in progress. It may be half sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.requests.load(Ordering::Relaxed) == 0
    }

    /// Whether the client has to read before the rest of an answer can be sent.
    pub(super) fn is_write_blocked(&self) -> bool {
        self.0.is_write_blocked.load(Ordering::Relaxed)
    }

    /// When a byte was last read or written; at first, when it was accepted.
    pub(super) fn last_byte(&self) -> Instant {
        self.0.accepted + Duration::from_millis(self.0.last_byte.load(Ordering::Relaxed))
    }

    fn note_byte(&self) {
        self.0.last_byte.store(self.0.accepted.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}

/// One request in progress.
#[derive(Debug)]
pub(crate) struct ActiveRequest(Arc<Activity>);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer. Its request is in progress until the last byte of it is in the hands of
/// the connection.
pub(super) struct ActiveBody {
    pub(super) body: Body,
    pub(super) _request: ActiveRequest,
}

impl hyper::body::Body for ActiveBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notes its bytes.
pub(super) struct ActiveStream {
    pub(super) stream: ClientStream,
    pub(super) state: ConnectionState,
}

impl ActiveStream {
    fn note_write(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.state.0.is_write_blocked.store(written.is_pending(), Ordering::Relaxed);
        self.state.note_byte();
        written
    }
}

impl AsyncRead for ActiveStream {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(task, buffer))?;
        self.state.note_byte();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ActiveStream {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(task, bytes);
        self.note_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(task, parts);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}
