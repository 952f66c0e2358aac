//! Has the watches act that have to hold for a time; see `lasting`.

use super::state::BoardState;
use super::status::ServiceStatus;
use super::watcher::{StepEffect, WatcherKind};
use super::{Board, Id};
use crate::lifecycle::backoff::later_than;
use std::cmp::Reverse;
use std::task::Context;
use std::time::Duration;
use tokio::time::Instant;

/// How many engines are woken after one critical section.
const BATCH: usize = 32;

impl BoardState {
    /// Updates a watch with a time: its target number `nth` has gone from one status to another.
    #[cold]
    pub(super) fn update_lasting(
        &mut self,
        at: u32,
        nth: u32,
        (id, before, after): (Id, &ServiceStatus, &ServiceStatus),
    ) {
        if self.watchers[at as usize].step(nth as usize, before, after) == StepEffect::Rises {
            self.begin_to_last(at, id);
        }
    }

    /// Handles a rising edge of a watch with a time: it does not act yet.
    ///
    /// If it had acted before, and its engine has not taken that, `fired` stays: the engine has the
    /// signal, and has to find the reaction that raised it.
    pub(super) fn begin_to_last(&mut self, at: u32, cause: Id) {
        let watcher = &mut self.watchers[at as usize];
        let WatcherKind::Rare(Some(lasting)) = &mut watcher.kind else { return };
        (lasting.by, lasting.since, lasting.acted) = (cause, self.at, false);
        if std::mem::replace(&mut lasting.armed, true) {
            return;
        }
        let due = Reverse((self.at.saturating_add(lasting.lasts), at, lasting.token));
        self.lasting.due.push(due);
        let is_first = self.lasting.due.peek() == Some(&due);
        if is_first && self.lasting.waker.is_some() && !watcher.queued {
            watcher.queued = true;
            self.wake.push_back(at);
        }
    }
}

impl Board {
    /// Whether a watch has a time, and so the board needs a timer.
    pub(crate) fn has_lasting(&self) -> bool {
        self.lock().lasting.count > 0
    }

    /// For each watch whose time is running: the watch, and for how long its condition has held, in
    /// nanoseconds.
    #[cfg(feature = "test-util")]
    pub(crate) fn running_times(&self) -> Vec<(usize, u64)> {
        let now = self.now();
        let inner = self.lock();
        let mut times = Vec::new();
        for (at, watcher) in inner.watchers.iter().enumerate() {
            match &watcher.kind {
                WatcherKind::Rare(Some(lasting)) if watcher.held && !lasting.acted => {
                    times.push((at, now.saturating_sub(lasting.since)));
                }
                _ => {}
            }
        }
        times
    }

    /// Has the watches act whose conditions have held for their times. Returns when to call it
    /// again, or none if no time is running. Registers the waker, which is to be tokio's own.
    ///
    /// `owners` is empty, and empty again at the end: it only keeps its allocation.
    pub(crate) fn poll_lasting(&self, task: &Context<'_>, owners: &mut Vec<Id>) -> Option<Instant> {
        owners.reserve(BATCH);
        let waker = task.waker().clone();
        let now = self.now();
        let mut inner = self.lock();
        let old = inner.lasting.waker.replace(waker);
        loop {
            let next = self.act(&mut inner, now, owners);
            drop(inner);
            let is_full = owners.len() == BATCH;
            owners.drain(..).for_each(|owner| self.raise(owner, 0));
            if !is_full {
                drop(old);
                return next.map(|due| later_than(self.started, Duration::from_nanos(due)));
            }
            inner = self.lock();
        }
    }

    /// Has a batch of watches act. Returns when the next one is due.
    fn act(&self, inner: &mut BoardState, now: u64, owners: &mut Vec<Id>) -> Option<u64> {
        let now = now.max(inner.at);
        loop {
            let &Reverse((due, at, token)) = inner.lasting.due.peek()?;
            if due > now || owners.len() == BATCH {
                return Some(due);
            }
            inner.lasting.due.pop();
            let watcher = &mut inner.watchers[at as usize];
            let lasting = match &mut watcher.kind {
                WatcherKind::Rare(Some(lasting)) if lasting.token == token => lasting,
                _ => {
                    inner.lasting.took_stale();
                    continue;
                }
            };
            let due = lasting.since.saturating_add(lasting.lasts);
            lasting.armed = watcher.held && due > now;
            if lasting.armed {
                // The condition has had a break: its time began anew.
                inner.lasting.due.push(Reverse((due, at, token)));
            } else if watcher.held {
                lasting.acted = true;
                watcher.fired = true;
                self.service(lasting.owner).set(lasting.reaction.signal());
                if !lasting.reaction.is_gate() || inner.entries[lasting.owner].held {
                    owners.push(lasting.owner);
                }
            }
        }
    }
}
