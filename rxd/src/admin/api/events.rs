//! `GET /events`: server-sent events.
//!
//! First a `snapshot`, then every `transition` with its number; an event's id is the daemon's start
//! and that number. A client that comes back with `Last-Event-ID` is given what it missed, if the
//! history still has it, otherwise a `lagged` with how many are gone and a new snapshot. A client
//! that is too slow is told so the same way, and delays nobody. At the daemon's end there is an `end`.

use crate::admin::app::App;
use crate::admin::dto::{Change, Daemon};
use crate::admin::problem::Problem;
use crate::admin::serve::{Busy, Connection, Counts};
use crate::core::{ServiceState, States};
use crate::handle::DaemonHandle;
use crate::lifecycle::state::Filter;
use crate::watch::{StateEvent, StateStream};
use axum::Extension;
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

/// How often a client that hears nothing is told that there is nothing.
const QUIET: Duration = Duration::from_secs(15);

pub(crate) async fn get(
    State(app): State<App>,
    connection: Option<Extension<Connection>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("{} clients follow the events already", app.limits.streams);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "There are too many clients", detail)
    })?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| {
        let (epoch, seq) = id.split_once('-')?;
        (*epoch == *app.epoch).then(|| seq.parse().ok()).flatten()
    });
    let failed = |error: crate::Error| Problem::bad("filter", error.to_string());
    let stream = app.handle.watch_states(Filter::None).map_err(failed)?;
    app.counts.streams.fetch_add(1, Ordering::Relaxed);
    let told = Told { handle: app.handle.clone(), epoch: app.epoch.clone(), counts: app.counts.clone() };
    let events = Events {
        told,
        stream,
        last,
        waiting: VecDeque::new(),
        over: false,
        _busy: connection.map(|Extension(connection)| connection.hold()),
        _permit: permit,
    };
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(QUIET).text("quiet")))
}

/// How many transitions before a snapshot are told with it.
const RECENT: usize = 50;

/// Where the services are, and how they came there.
#[derive(serde::Serialize)]
struct Snapshot {
    #[serde(flatten)]
    daemon: Daemon,
    /// The last transitions, oldest first.
    recent: Vec<Change>,
}

struct Told {
    handle: DaemonHandle,
    epoch: Arc<str>,
    counts: Arc<Counts>,
}

impl Told {
    fn event(&self, kind: &str, seq: u64, data: &impl serde::Serialize) -> Event {
        let data = serde_json::to_string(data).unwrap_or_default();
        Event::default().event(kind).id(format!("{}-{seq}", self.epoch)).data(data)
    }

    fn change(&self, service: &ServiceState) -> Event {
        self.event("transition", service.seq, &Change::new(service))
    }

    fn at(&self, states: &States) -> Snapshot {
        let recent: Vec<Change> = self.handle.history().iter().rev().map(Change::new).collect();
        let recent = recent.into_iter().filter(|change| change.seq <= states.seq()).take(RECENT).collect::<Vec<_>>();
        Snapshot { daemon: Daemon::at(&self.handle, states), recent: recent.into_iter().rev().collect() }
    }

    fn snapshot(&self, states: &States) -> Event {
        self.event("snapshot", states.seq(), &self.at(states)).retry(Duration::from_secs(1))
    }

    fn lagged(&self, missed: u64, states: &States) -> Event {
        self.counts.lagged.fetch_add(missed, Ordering::Relaxed);
        let data = json!({ "missed": missed, "snapshot": self.at(states) });
        self.event("lagged", states.seq(), &data).retry(Duration::from_secs(1))
    }

    /// What a client that has heard all up to `last` is told first.
    fn begin(&self, last: Option<u64>, states: &States) -> VecDeque<Event> {
        let now = states.seq();
        let Some(last) = last.filter(|last| *last <= now) else {
            return VecDeque::from([self.snapshot(states)]);
        };
        let missed: Vec<ServiceState> =
            self.handle.history().into_iter().filter(|change| change.seq > last && change.seq <= now).collect();
        if missed.len() as u64 == now - last {
            missed.iter().map(|change| self.change(change)).collect()
        } else {
            VecDeque::from([self.lagged(now - last - missed.len() as u64, states)])
        }
    }
}

struct Events {
    told: Told,
    stream: StateStream,
    /// Up to where the client has heard everything, until it is told the rest.
    last: Option<u64>,
    waiting: VecDeque<Event>,
    over: bool,
    _busy: Option<Busy>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Events {
    fn drop(&mut self) {
        self.told.counts.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(StateEvent::Snapshot(states))) => {
                    let last = self.last.take();
                    self.waiting = self.told.begin(last, &states);
                }
                Poll::Ready(Some(StateEvent::Changed(change))) => {
                    let event = self.told.change(&change);
                    self.waiting.push_back(event);
                }
                Poll::Ready(Some(StateEvent::Lagged { missed, snapshot })) => {
                    let event = self.told.lagged(missed, &snapshot);
                    self.waiting.push_back(event);
                }
                Poll::Ready(None) => {
                    self.over = true;
                    let daemon = Daemon::of(&self.told.handle);
                    let event = self.told.event("end", daemon.seq, &daemon);
                    self.waiting.push_back(event);
                }
            }
        }
    }
}
