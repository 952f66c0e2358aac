//! The accept loop of a server, and the tasks of its connections.
//!
//! The admin route and [`Server`](super::Server) use it. What they do with a connection, and what
//! they log, is in their [`Serve`].
//!
//! # Invariants
//!
//! 1. A failed accept never ends the loop. It fails for lack of file descriptors as a rule; the
//!    services lack them too then, so all idle connections are closed. A client that has left
//!    before its connection was accepted is no failure.
//! 2. There are no more connection tasks than slots, apart from tasks that have been asked to end
//!    and have not been polled since.
//! 3. A connection counts as open until its task is dropped, and its slot is free from then on.
//! 4. [`Connections::drain`] returns at most its limit after it is called, unless a blocked thread
//!    delays the drop of an aborted task. No task outlives it.

use super::listener::{ClientStream, Listener, has_left};
use super::slots::{ConnectionSlot, ConnectionSlots};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// The pause after a failed accept, and how long a connection that was asked to close is waited
/// for.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Failed accepts that are no further apart than this are logged once.
const ACCEPT_ERROR_WINDOW: Duration = Duration::from_secs(60);

/// Connections that are drained and have not ended after this time are worth a record.
const SOON: Duration = Duration::from_millis(500);

/// How many connections that wait in the listeners are accepted at the end.
const MAX_LAST_CONNECTIONS: usize = 4096;

/// The task of a connection.
pub(crate) type ConnectionTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a server does with its connections.
pub(crate) trait Serve {
    /// How long a connection waits while all slots are busy, before it is refused; `None`: until
    /// one is free.
    fn patience(&self) -> Option<Duration>;

    /// The task of a connection. It ends soon after `end` or the slot's `close` is cancelled.
    fn serve(&mut self, stream: ClientStream, slot: &ConnectionSlot, end: CancellationToken) -> ConnectionTask;

    /// A connection was accepted.
    fn accepted(&mut self) {}

    /// A connection is dropped, since all slots are busy.
    fn refused(&mut self) {}

    /// An accept has failed, for the first time within a minute or again.
    fn failed(&mut self, error: &io::Error, is_first: bool);
}

/// The listeners of a server, and its connections.
#[derive(Debug)]
pub(crate) struct Connections {
    listeners: Vec<Listener>,
    /// The listener that is asked first next time.
    next: usize,
    slots: ConnectionSlots,
    tasks: JoinSet<()>,
    /// Accepted, while all slots are busy.
    waiting: Option<ClientStream>,
    last_error: Option<Instant>,
    end: CancellationToken,
}

impl Connections {
    /// `end` asks all connections to end.
    pub(crate) fn new(listeners: Vec<Listener>, slots: ConnectionSlots, end: CancellationToken) -> Self {
        Connections { listeners, next: 0, slots, tasks: JoinSet::new(), waiting: None, last_error: None, end }
    }

    /// Accepts until `until` is cancelled. The connections go on after that.
    ///
    /// # Cancel safety
    ///
    /// A connection that is accepted at the instant of the drop may be lost.
    pub(crate) async fn accept(&mut self, until: &CancellationToken, server: &mut impl Serve) {
        while !until.is_cancelled() {
            if let Some(stream) = self.waiting.take() {
                self.admit(stream, until, server).await;
                continue;
            }
            let accepted = tokio::select! {
                biased;
                () = until.cancelled() => return,
                _ = self.tasks.join_next(), if !self.tasks.is_empty() => continue,
                accepted = poll_fn(|task| poll_accept(&self.listeners, &mut self.next, task)) => accepted,
            };
            match accepted {
                Ok(stream) => {
                    server.accepted();
                    self.waiting = Some(stream);
                }
                Err(error) => {
                    self.slots.close_all_idle();
                    let before = self.last_error.replace(Instant::now());
                    server.failed(&error, before.is_none_or(|before| before.elapsed() > ACCEPT_ERROR_WINDOW));
                    let _ = timeout(ACCEPT_PAUSE, until.cancelled()).await;
                }
            }
        }
    }

    /// Serves a connection once there is a slot for it.
    async fn admit(&mut self, stream: ClientStream, until: &CancellationToken, server: &mut impl Serve) {
        let begun = Instant::now();
        let slot = loop {
            if let Some(slot) = self.slots.take() {
                break slot;
            }
            if until.is_cancelled() {
                self.waiting = Some(stream);
                return;
            }
            if server.patience().is_some_and(|patience| begun.elapsed() >= patience) {
                server.refused();
                return;
            }
            // A connection that becomes idle makes room as well, but ends no task: hence the timeout.
            let _ = timeout(ACCEPT_PAUSE, self.tasks.join_next()).await;
        };
        // A connection that was asked to close keeps its descriptor until its task is polled. The
        // wait is bounded, since a blocked thread may keep that task from being polled.
        let limit = self.slots.limit();
        let room = async { while self.tasks.len() >= limit && self.tasks.join_next().await.is_some() {} };
        let _ = timeout(ACCEPT_PAUSE, room).await;
        self.spawn(stream, slot, server);
    }

    fn spawn(&mut self, stream: ClientStream, slot: ConnectionSlot, server: &mut impl Serve) {
        let task = server.serve(stream, &slot, self.end.clone());
        let freed = slot.close.drop_guard();
        self.tasks.spawn(async move {
            let _freed = freed;
            task.await;
        });
    }

    /// Closes the listeners, and serves the connections that wait in them, as far as there are slots.
    /// Their clients have connected, and may have sent a request.
    pub(crate) fn accept_last(&mut self, server: &mut impl Serve) {
        let listeners = std::mem::take(&mut self.listeners);
        let accepted = listeners.into_iter().flat_map(Listener::into_waiting);
        for stream in self.waiting.take().into_iter().chain(accepted).take(MAX_LAST_CONNECTIONS) {
            match self.slots.take() {
                Some(slot) => self.spawn(stream, slot, server),
                None => server.refused(),
            }
        }
    }

    /// Closes the listeners, asks all connections to end, and waits for them. Those that have not
    /// ended within the limit are aborted. Returns how many that were.
    ///
    /// `waits` is called with the number of those that have not ended soon.
    pub(crate) async fn drain(&mut self, limit: Duration, waits: impl FnOnce(usize)) -> usize {
        self.listeners.clear();
        self.waiting = None;
        self.end.cancel();
        let soon = limit.min(SOON);
        let tasks = &mut self.tasks;
        let _ = timeout(soon, async { while tasks.join_next().await.is_some() {} }).await;
        if !tasks.is_empty() && limit > soon {
            waits(tasks.len());
            let _ = timeout(limit - soon, async { while tasks.join_next().await.is_some() {} }).await;
        }
        let cut = self.tasks.len();
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        cut
    }
}

/// Accepts from the first listener that has a connection, beginning with another one each time.
fn poll_accept(listeners: &[Listener], next: &mut usize, task: &mut Context<'_>) -> Poll<io::Result<ClientStream>> {
    for _ in listeners {
        let listener = &listeners[*next % listeners.len()];
        *next = (*next + 1) % listeners.len();
        loop {
            match listener.poll_accept(task) {
                Poll::Pending => break,
                // tokio's budget bounds the loop.
                Poll::Ready(Err(error)) if has_left(&error) => {}
                accepted => return accepted,
            }
        }
    }
    Poll::Pending
}
