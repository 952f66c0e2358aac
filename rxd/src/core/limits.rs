//! How long the running method of a service has until its limit.
//!
//! The engine keeps the limit, and makes its timer when the method first waits. Then it writes down
//! when that timer ends, which is all that this costs a service. The rest is found out by the code
//! that asks.

use crate::board::{Epoch, Id, deadline};
use crate::core::Core;
use crate::lifecycle::cancel_cause::CancelCause;
use crate::lifecycle::options::{Options, STOP_LIMIT, slot};
use crate::lifecycle::state::State;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// The limits of the methods, in the order of their states, of those services that have any but the
/// default of Stop.
#[derive(Debug, Default)]
pub(super) struct MethodLimits(Vec<(Id, [Option<Duration>; 4])>);

impl MethodLimits {
    /// Adds the limits of a service. Those of services with lower numbers were added before.
    pub(super) fn add(&mut self, id: Id, options: &Options) {
        if options.timeouts.iter().any(Option::is_some) {
            self.0.push((id, options.timeouts));
        }
    }

    fn of(&self, id: Id, state: State) -> Option<Duration> {
        let place = self.0.binary_search_by_key(&id, |&(id, _)| id);
        or_default(state, place.ok().map(|place| &self.0[place].1))
    }
}

/// The limit of the method of a state, by those that are declared.
fn or_default(state: State, declared: Option<&[Option<Duration>; 4]>) -> Option<Duration> {
    let declared = slot(state).and_then(|slot| declared?[slot]);
    declared.or((state == State::Stop).then_some(STOP_LIMIT))
}

impl Core {
    fn method_limit(&self, id: Id, state: State) -> Option<Duration> {
        match self.names.has(id) {
            true => self.method_limits.of(id, state),
            false => or_default(state, self.added.timeouts(id).as_ref()),
        }
    }

    /// Notes that the limit of the running method ends then. `length` is the time until that.
    pub(crate) fn begin_limit(&self, id: Id, until: Instant, length: Duration) {
        // The time is stored modulo 49 days. A longer limit than half of that is shown in full.
        let is_near = i32::try_from(length.as_millis()).is_ok();
        let millis = until.saturating_duration_since(self.started).as_millis();
        let value = if is_near { deadline::at(millis) } else { deadline::NOT_BEGUN };
        self.board.service(id).deadline.store(value, Ordering::Relaxed);
    }

    /// Why the running method is cancelled, if it is, and how long it has until it is dropped.
    pub(crate) fn cancellation(&self, id: Id) -> Option<(CancelCause, Option<Duration>)> {
        let service = self.board.service(id);
        let epoch = service.epoch();
        let cause = service.cause(epoch)?;
        Some((cause, self.time_left(id, epoch, false)))
    }

    /// How long the running method has until its limit, or until that of Stop once its epoch is
    /// cancelled. `is_reload`: it is `reload`, whatever the state.
    pub(crate) fn time_left(&self, id: Id, epoch: Epoch, is_reload: bool) -> Option<Duration> {
        let service = self.board.service(id);
        if service.epoch() != epoch {
            return None;
        }
        let (is_cancelled, is_latched) = (service.is_interrupted(), service.is_latched());
        let stop = self.method_limit(id, State::Stop);
        let state = self.board.status(id).state;
        let whole = if is_cancelled || is_reload { stop } else { self.method_limit(id, state) };
        // The engine has not noticed the cancellation: the time for it begins when it does.
        if is_cancelled && !is_latched {
            return whole;
        }
        let left = match service.deadline.load(Ordering::Relaxed) {
            deadline::NO_METHOD if !is_cancelled => return None,
            deadline::NOT_BEGUN | deadline::NO_METHOD => whole?,
            until => {
                let left = until.wrapping_sub(self.uptime().as_millis() as u32);
                Duration::from_millis(u32::try_from(left as i32).unwrap_or(0).into())
            }
        };
        let extension = service.extension.load(Ordering::Acquire);
        Some(left + Duration::from_millis(extension.into()))
    }
}
