//! Watches that somebody holds: polled, not reacted to.

use crate::board::{Condition, Declared, Fired, Id};
use crate::core::{Core, ServiceState, States};
use crate::error::{Error, Result};
use crate::graph::{Edge, Mode, Target};
use crate::state::{Action, Cause, Filter, State};
use futures_core::Stream;
use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

/// What can name services: one name, several, or none at all (which is an error where it is used).
pub trait Names {
    /// Calls `each` with every name.
    fn each(&self, each: &mut dyn FnMut(&str));
}

impl Names for str {
    fn each(&self, each: &mut dyn FnMut(&str)) {
        each(self);
    }
}

impl Names for String {
    fn each(&self, each: &mut dyn FnMut(&str)) {
        each(self);
    }
}

impl<N: Names> Names for [N] {
    fn each(&self, each: &mut dyn FnMut(&str)) {
        self.iter().for_each(|name| name.each(each));
    }
}

impl<N: Names, const K: usize> Names for [N; K] {
    fn each(&self, each: &mut dyn FnMut(&str)) {
        self.as_slice().each(each);
    }
}

impl<N: Names> Names for Vec<N> {
    fn each(&self, each: &mut dyn FnMut(&str)) {
        self.as_slice().each(each);
    }
}

impl<N: Names + ?Sized> Names for &N {
    fn each(&self, each: &mut dyn FnMut(&str)) {
        (**self).each(each);
    }
}

/// A watch on one or more services.
///
/// It yields once if its condition holds when it is made, and then each time it comes true again,
/// however short that was: what came true several times between two polls is yielded once, with
/// the count. It ends when its condition can hold no more, because its targets are in Exit, or the
/// daemon is over; [`ended`](Watch::ended) says which. Dropping it ends it, at any point, and
/// touches no other watch.
#[derive(Debug)]
#[must_use = "a watch does nothing unless it is awaited"]
pub struct Watch {
    core: Arc<Core>,
    /// The row on the board; none if the watch could not be made.
    row: Option<u32>,
    targets: Box<[Id]>,
    end: Option<Never>,
}

/// A watch's condition has come true.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Met {
    /// The number of the transition that made it true.
    pub seq: u64,
    /// How many times it has come true since the last one that was yielded, this one included.
    pub times: u64,
    /// The services it is about, at that instant.
    pub services: Vec<ServiceState>,
}

/// Why a condition can hold no more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Never {
    /// These of the watch's services are in Exit, with these causes.
    Exited(Vec<(Cow<'static, str>, Cause)>),
    /// The daemon is over.
    Closed,
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Never::Exited(services) => {
                for (at, (name, cause)) in services.iter().enumerate() {
                    write!(f, "{}service `{name}` has exited ({cause})", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Never::Closed => f.write_str("the daemon has ended"),
        }
    }
}

impl std::error::Error for Never {}

impl Watch {
    pub(crate) fn new(
        core: &Arc<Core>,
        mode: Mode,
        action: Action,
        state: State,
        services: impl Names,
    ) -> Result<Watch> {
        let mut targets = Vec::new();
        let mut unknown = None;
        services.each(&mut |name| match core.id(name) {
            Some(id) if targets.contains(&id) => {}
            Some(id) => targets.push(id),
            None => unknown = unknown.take().or(Some(unknown_service(core, name))),
        });
        if let Some(error) = unknown {
            return Err(error);
        }
        if targets.is_empty() {
            return Err(Error::msg("failed to watch: no service is named"));
        }
        Ok(Watch::on(core, mode, Condition::State(action, state), targets.into()))
    }

    pub(crate) fn on(core: &Arc<Core>, mode: Mode, condition: Condition, targets: Box<[Id]>) -> Watch {
        let row = core.board.watch(mode, condition, targets.clone());
        Watch { core: core.clone(), row: Some(row), targets, end: None }
    }

    /// The watch of a declared `stream(..)`.
    ///
    /// # Panics
    ///
    /// If the context belongs to a daemon that has none of its services.
    pub(crate) fn declared(core: &Arc<Core>, edge: &Edge<'_>) -> Watch {
        let targets: Box<[Id]> = edge.targets.iter().flat_map(|target| resolve(core, target)).collect();
        let condition = Condition::State(edge.action, edge.state);
        if targets.is_empty() {
            return Watch { core: core.clone(), row: None, targets, end: Some(Never::Exited(Vec::new())) };
        }
        Watch::on(core, edge.mode, condition, targets)
    }

    /// Waits until the condition comes true; none once it can do so no more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is taken until it is returned.
    pub async fn next(&mut self) -> Option<Met> {
        poll_fn(|task| self.poll(task)).await
    }

    /// Waits until the condition comes true.
    ///
    /// # Errors
    ///
    /// [`Never`], if it can do so no more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is taken until it is returned.
    pub async fn wait(&mut self) -> Result<Met, Never> {
        match self.next().await {
            Some(met) => Ok(met),
            None => Err(self.end.clone().unwrap_or(Never::Closed)),
        }
    }

    /// Whether the condition holds at this instant. One on `changing` never does.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.row.is_some_and(|row| self.core.board.is_met(row))
    }

    /// Why the watch has ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Never> {
        self.end.as_ref()
    }

    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Met>> {
        let (Some(row), None) = (self.row, &self.end) else { return Poll::Ready(None) };
        match self.core.board.poll_watch(row, Some(task)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(fired)) => Poll::Ready(Some(self.met(&fired))),
            Poll::Ready(None) => {
                let exited = self.targets.iter().filter_map(|&id| {
                    let word = self.core.board.word(id);
                    (word.state == State::Exit).then(|| (self.core.name(id).clone(), word.cause))
                });
                let exited: Vec<_> = exited.collect();
                self.end = Some(if exited.is_empty() { Never::Closed } else { Never::Exited(exited) });
                Poll::Ready(None)
            }
        }
    }

    fn met(&self, fired: &Fired) -> Met {
        let services = self.targets.iter().zip(&fired.words).map(|(&id, word)| self.core.state(id, word)).collect();
        Met { seq: fired.seq, times: fired.edges, services }
    }
}

impl Stream for Watch {
    type Item = Met;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<Met>> {
        self.poll(task)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(row) = self.row {
            self.core.board.unwatch(row);
        }
    }
}

/// The services a declared target stands for.
pub(crate) fn resolve(core: &Core, target: &Target<'_>) -> Option<Id> {
    core.find(target.id).find(|&id| target.by_type || *core.name(id) == target.text)
}

/// Every transition of some services, in order.
///
/// The first item is a snapshot; every transition of the chosen services after it follows, in the
/// order of their numbers. A reader that falls too far behind is told how many it missed, is
/// given a new snapshot, and goes on from there. It never delays anyone.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct StateStream {
    core: Arc<Core>,
    row: u32,
    services: Box<[Id]>,
    /// Whether a service is one of them.
    chosen: Box<[bool]>,
    /// The last transition looked at.
    seq: u64,
    /// How many transitions the chosen services had made by then.
    count: u64,
    begun: bool,
}

/// What a [`StateStream`] yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateEvent {
    /// Where the services are; always the first.
    Snapshot(States),
    /// One of them made a transition.
    Changed(ServiceState),
    /// This reader was too slow: so many transitions were not delivered, and this is where the services are.
    Lagged {
        /// How many transitions of the chosen services were missed.
        missed: u64,
        /// Where they are after those.
        snapshot: States,
    },
}

impl StateStream {
    pub(crate) fn new(core: &Arc<Core>, filter: &Filter) -> Result<StateStream> {
        let (names, include) = match filter {
            Filter::None => (&[][..], false),
            Filter::Include(names) => (&names[..], true),
            Filter::Exclude(names) => (&names[..], false),
        };
        let mut chosen = vec![!include; core.names().len()].into_boxed_slice();
        for name in names {
            chosen[core.id(name).ok_or_else(|| unknown_service(core, name))? as usize] = include;
        }
        let services: Box<[Id]> = (0..chosen.len() as Id).filter(|&id| chosen[id as usize]).collect();
        let row = core.board.watch(Mode::Any, Condition::Every, services.clone());
        Ok(StateStream { core: core.clone(), row, services, chosen, seq: 0, count: 0, begun: false })
    }

    /// The next item; none when the daemon is over and everything was yielded.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is taken until it is returned.
    pub async fn next(&mut self) -> Option<StateEvent> {
        poll_fn(|task| self.poll(task)).await
    }

    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<StateEvent>> {
        loop {
            if let Some(event) = self.take() {
                return Poll::Ready(Some(event));
            }
            match self.core.board.poll_watch(self.row, Some(task)) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(self.take()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn take(&mut self) -> Option<StateEvent> {
        let core = self.core.clone();
        let begun = std::mem::replace(&mut self.begun, true);
        let event = core.board.tail(self.seq, |tail| {
            let now: u64 = self.services.iter().map(|&id| tail.word(id).transitions).sum();
            let missed = now - self.count;
            if begun && missed == 0 {
                self.seq = tail.seq;
                return None;
            }
            if begun && tail.whole {
                let event = tail.events().find(|event| self.chosen[event.id as usize])?;
                self.seq = event.seq;
                self.count += 1;
                return Some(Ok(*event));
            }
            self.seq = tail.seq;
            self.count = now;
            let words: Vec<_> = self.services.iter().map(|&id| *tail.word(id)).collect();
            Some(Err((missed, words)))
        })?;
        Some(match event {
            Ok(event) => StateEvent::Changed(core.past(&event)),
            Err((missed, words)) => {
                let services = self.services.iter().zip(&words).map(|(&id, word)| core.state(id, word)).collect();
                let snapshot = States::new(self.seq, services);
                if begun { StateEvent::Lagged { missed, snapshot } } else { StateEvent::Snapshot(snapshot) }
            }
        })
    }
}

impl Stream for StateStream {
    type Item = StateEvent;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<StateEvent>> {
        self.poll(task)
    }
}

impl Drop for StateStream {
    fn drop(&mut self) {
        self.core.board.unwatch(self.row);
    }
}

/// What is said of a name that no service has.
pub(crate) fn unknown_service(core: &Core, name: &str) -> Error {
    Error::msg(crate::graph::unknown(&core.daemon, name, core.names().iter().map(|name| &**name)))
}

/// A gate in words: `` all of `db`, `cache` entering Run ``.
pub(crate) fn describe(core: &Core, gate: &Declared) -> String {
    let names: Vec<String> = gate.targets.iter().map(|&id| format!("`{}`", core.name(id))).collect();
    let names = names.join(", ");
    let many = gate.targets.len() > 1;
    let mode = match gate.mode {
        Mode::Any if many => "any of ",
        Mode::All if many => "all of ",
        _ => "",
    };
    match gate.condition {
        Condition::State(action, state) => {
            let action = action.as_str().replace('_', " ");
            format!("{mode}{names} {action} {}", state.name())
        }
        Condition::EndedWell => format!("{mode}{names} to end well"),
        Condition::GaveUp => format!("{mode}{names} to give up"),
        Condition::Every => format!("{mode}{names} to change"),
    }
}
