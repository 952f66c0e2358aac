//! Waiting before a state: for a delay, for gates, and for whatever ends the wait.

use super::Seat;
use super::decide::Leave;
use crate::error::Error;
use crate::pace::later_than;
use crate::state::{Cause, State, Transition};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, Sleep};

impl Seat {
    /// Waits for `delay` and for the gates before `to`, and enters it; when, as the board tells time.
    pub(super) async fn hold(&mut self, to: State, delay: Duration) -> Result<u64, Leave> {
        self.delay(delay).await?;
        let from = self.inside;
        let mut begun: Option<Instant> = None;
        let mut limit: Option<Pin<Box<Sleep>>> = None;
        let late = |seat: &Seat, begun: Instant| {
            let unmet = seat.overdue(to, begun)?;
            seat.fail("gate", Cause::Timeout, &Error::msg(unmet));
            Some(Poll::Ready(Err(Leave::Failed(Cause::Timeout))))
        };
        let held = poll_fn(|task| {
            self.register(task);
            if let Some(leave) = self.told_to_leave() {
                return Poll::Ready(Err(leave));
            }
            let owed = std::mem::take(&mut self.owed);
            let passed = self.core.board.pass_after(self.id, &owed, from, to, |passed| {
                self.trace_owed(&owed, passed.owed);
                let Some((left, entered)) = passed.entered else { return };
                if let Some(state) = from {
                    self.trace(state, Transition::Exited, left);
                }
                self.trace(to, Transition::Entering, Some(entered));
            });
            if passed.entered.is_some() {
                return Poll::Ready(Ok(passed.at));
            }
            let begun = match begun {
                Some(begun) => begun,
                None => {
                    let now = later_than(*self.waits_since.get_or_insert_with(Instant::now), delay);
                    begun = Some(now);
                    // A reload may have taken all the time there was.
                    if let Some(late) = late(self, now) {
                        return late;
                    }
                    limit = self.next_limit(to, now);
                    now
                }
            };
            while let Some(timer) = &mut limit {
                if timer.as_mut().poll(task).is_pending() {
                    break;
                }
                if let Some(late) = late(self, begun) {
                    return late;
                }
                limit = self.next_limit(to, begun);
            }
            Poll::Pending
        })
        .await;
        match held {
            Ok(_) => self.inside = Some(to),
            Err(_) => self.core.board.leave_gate(self.id),
        }
        held
    }

    /// When the next gate that is shut will have been so for too long.
    fn next_limit(&self, to: State, begun: Instant) -> Option<Pin<Box<Sleep>>> {
        let unmet = self.core.board.unmet(self.id, to);
        let within = unmet.iter().filter_map(|gate| gate.within).filter(|within| begun.elapsed() < *within).min()?;
        Some(Box::pin(tokio::time::sleep_until(later_than(begun, within))))
    }

    /// What is said when a gate has been shut for too long.
    fn overdue(&self, to: State, begun: Instant) -> Option<String> {
        let unmet = self.core.board.unmet(self.id, to);
        let gate = unmet.iter().find(|gate| gate.within.is_some_and(|within| begun.elapsed() >= within))?;
        let within = gate.within.unwrap_or_default();
        Some(format!("waited {within:?} for {}", crate::watch::describe(&self.core, gate)))
    }

    pub(super) async fn delay(&mut self, delay: Duration) -> Result<(), Leave> {
        // A zero delay uses no timer.
        let mut timer = (!delay.is_zero()).then(|| {
            let since = *self.waits_since.get_or_insert_with(Instant::now);
            Box::pin(tokio::time::sleep_until(later_than(since, delay)))
        });
        poll_fn(|task| {
            self.register(task);
            if let Some(leave) = self.told_to_leave() {
                return Poll::Ready(Err(leave));
            }
            match &mut timer {
                Some(timer) => {
                    self.flush();
                    timer.as_mut().poll(task).map(Ok)
                }
                None => Poll::Ready(Ok(())),
            }
        })
        .await
    }
}
