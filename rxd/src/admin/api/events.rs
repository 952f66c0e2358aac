//! `GET /events`: every transition, as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `snapshot` | all services, and the last transitions; the first event, unless a client resumes |
//! | `transition` | one transition |
//! | `added` | a service was added: its first transition, which enters `unknown` |
//! | `removed` | a service was removed: its last transition, which leaves `exit` |
//! | `lagged` | how many transitions were missed, and a new snapshot |
//! | `end` | all services, when the daemon has stopped, or begins to stop in a nested router; the last event |
//!
//! The id of an event is the start of the daemon and a sequence number. A client that sends
//! `Last-Event-ID` gets the transitions after it, if the history still has them; otherwise
//! `lagged`, or a `snapshot` if the id is another daemon's. A client that reads too slowly gets
//! `lagged`, and delays no one.

use crate::admin::activity::AdminCounts;
use crate::admin::app::App;
use crate::admin::dto::{DaemonReply, TransitionEvent};
use crate::admin::problem::Problem;
use crate::core::{ServiceState, States};
use crate::handle::DaemonHandle;
use crate::lifecycle::state::{Filter, State as Lifecycle, Transition};
use crate::service::cancelled::WaitCancelled;
use crate::watch::{StateEvent, StateStream};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_core::Stream;
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// How often a comment is sent on a stream without events.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How many transitions before a snapshot are sent with it.
const SNAPSHOT_TRANSITIONS: usize = 50;

pub(crate) async fn get(State(app): State<App>, headers: HeaderMap) -> Result<impl IntoResponse, Problem> {
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("all {} event streams are in use: try again later", app.limits.streams);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many event streams", detail)
    })?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| {
        let (prefix, seq) = id.split_once('-')?;
        (*prefix == *app.id_prefix).then(|| seq.parse().ok()).flatten()
    });
    let failed = |error: crate::Error| Problem::invalid("filter", error.to_string());
    let stream = app.handle.watch_states(Filter::None).map_err(failed)?;
    app.counts.streams.fetch_add(1, Ordering::Relaxed);
    let core = app.handle.core().clone();
    let drain_begins = core.drain_begins();
    // Of the service whose server it is.
    let cancelled = app.handle.service().map(|id| WaitCancelled::of_epoch(&core, id, core.board.service(id).epoch()));
    let server_ends: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = match app.is_nested {
        true => Some(Box::pin(async move {
            let cancelled = async {
                match cancelled {
                    Some(cancelled) => cancelled.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = core.stop_begins() => {}
                () = cancelled => {}
            }
        })),
        false => None,
    };
    let events = SseStream {
        format: EventFormat {
            handle: app.handle.clone(),
            id_prefix: app.id_prefix.clone(),
            counts: app.counts.clone(),
        },
        stream,
        drain_begins: Some(Box::pin(drain_begins)),
        server_ends,
        last,
        queue: VecDeque::new(),
        ended: false,
        _permit: permit,
    };
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL).text("keep-alive")))
}

/// The state of all services, and the transitions that led there.
#[derive(serde::Serialize)]
struct SnapshotReply {
    #[serde(flatten)]
    daemon: DaemonReply,
    /// The last transitions, oldest first.
    recent: Vec<TransitionEvent>,
}

/// Makes events out of transitions and snapshots.
struct EventFormat {
    handle: DaemonHandle,
    id_prefix: Arc<str>,
    counts: Arc<AdminCounts>,
}

impl EventFormat {
    fn event(&self, kind: &str, seq: u64, data: &impl serde::Serialize) -> Event {
        let data = serde_json::to_string(data).unwrap_or_default();
        Event::default().event(kind).id(format!("{}-{seq}", self.id_prefix)).data(data)
    }

    fn transition(&self, service: &ServiceState) -> Event {
        // Of a service that is added or removed while the daemon runs.
        let kind = match (service.state, service.transition) {
            (Lifecycle::Unknown, Transition::Entering) => "added",
            (Lifecycle::Exit, Transition::Exited) => "removed",
            _ => "transition",
        };
        self.event(kind, service.seq, &TransitionEvent::new(service))
    }

    fn at(&self, states: &States) -> SnapshotReply {
        let history = self.handle.history();
        let before = history.iter().rev().filter(|transition| transition.seq <= states.seq());
        let mut recent: Vec<_> = before.take(SNAPSHOT_TRANSITIONS).map(TransitionEvent::new).collect();
        recent.reverse();
        SnapshotReply { daemon: DaemonReply::at(&self.handle, states), recent }
    }

    fn snapshot(&self, states: &States) -> Event {
        self.event("snapshot", states.seq(), &self.at(states)).retry(Duration::from_secs(1))
    }

    fn lagged(&self, missed: u64, states: &States) -> Event {
        self.counts.lagged.fetch_add(missed, Ordering::Relaxed);
        let data = json!({ "missed": missed, "snapshot": self.at(states) });
        self.event("lagged", states.seq(), &data).retry(Duration::from_secs(1))
    }

    /// The first events for a client that has received everything up to `last`.
    fn begin(&self, last: Option<u64>, states: &States) -> VecDeque<Event> {
        let now = states.seq();
        let Some(last) = last.filter(|last| *last <= now) else {
            return VecDeque::from([self.snapshot(states)]);
        };
        let mut missed = self.handle.history();
        missed.retain(|transition| transition.seq > last && transition.seq <= now);
        if missed.len() as u64 == now - last {
            missed.iter().map(|transition| self.transition(transition)).collect()
        } else {
            VecDeque::from([self.lagged(now - last - missed.len() as u64, states)])
        }
    }
}

/// The body of the answer.
struct SseStream {
    format: EventFormat,
    stream: StateStream,
    /// The drain of the daemon is no transition, and so has an event of its own.
    drain_begins: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Ends the stream before `stream` does, in a nested router: its server may wait for it.
    server_ends: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The client has received everything up to this number. Taken when the first events are made.
    last: Option<u64>,
    queue: VecDeque<Event>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Drop for SseStream {
    fn drop(&mut self) {
        self.format.counts.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stream for SseStream {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let stops = self.server_ends.as_mut().is_some_and(|stop| stop.as_mut().poll(cx).is_ready());
            let next = if stops { Poll::Ready(None) } else { Pin::new(&mut self.stream).poll_next(cx) };
            match next {
                Poll::Pending => {
                    if !self.drain_begins.as_mut().is_some_and(|drain| drain.as_mut().poll(cx).is_ready()) {
                        return Poll::Pending;
                    }
                    self.drain_begins = None;
                    if self.format.handle.core().drains_until().is_some() {
                        let daemon = DaemonReply::of(&self.format.handle);
                        let event = self.format.event("draining", daemon.seq, &daemon);
                        self.queue.push_back(event);
                    }
                }
                Poll::Ready(Some(StateEvent::Snapshot(states))) => {
                    let last = self.last.take();
                    self.queue = self.format.begin(last, &states);
                }
                Poll::Ready(Some(StateEvent::Changed(transition))) => {
                    let event = self.format.transition(&transition);
                    self.queue.push_back(event);
                }
                Poll::Ready(Some(StateEvent::Lagged { missed, snapshot })) => {
                    let event = self.format.lagged(missed, &snapshot);
                    self.queue.push_back(event);
                }
                Poll::Ready(None) => {
                    self.ended = true;
                    let daemon = DaemonReply::of(&self.format.handle);
                    let event = self.format.event("end", daemon.seq, &daemon);
                    self.queue.push_back(event);
                }
            }
        }
    }
}
