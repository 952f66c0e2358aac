//! The signals of a service, and the cancellation of its contexts that follows from them.
//!
//! The board, the supervisor and operators raise signals; the engine sets the mask of those that
//! cancel the running method. Both are in one atomic word, so that [`Context::is_cancelled`] is
//! true from the instant a signal is raised, on any thread, also while the method blocks the thread
//! of its engine.
//!
//! Contexts that are cancelled together belong to one *epoch*: from Init on, from Stop on, and from
//! a reload on. A context of a past epoch is cancelled for good.
//!
//! # Invariants
//!
//! 1. Signals and the mask of those that cancel are in one word: each atomic step on it sees the
//!    effect of every earlier one. A context is cancelled if its epoch is over, if the engine has
//!    cancelled the epoch, or if a signal of the mask is raised.
//! 2. The token of an epoch is made on first use. Making it and raising a signal race. The thread
//!    that makes it sets `TOKEN` and reads the signals in one atomic step; the thread that raises a
//!    signal reads `TOKEN` in its own. One of the two steps comes second, and that thread cancels
//!    the token.
//! 3. The token is cancelled without a lock, since that wakes tasks of the user's.
//!
//! [`Context::is_cancelled`]: crate::Context::is_cancelled

use crate::lifecycle::cancel_cause::CancelCause;
use crate::panic;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::Waker;
use tokio_util::sync::CancellationToken;

/// The signals that an engine reads. See [`Board::signals`](super::Board::signals).
pub(crate) mod signal {
    /// The condition of a gate has come true.
    pub(crate) const GATE: u32 = 1;
    /// A `then(stop)` reaction fired, or a service that this one needs has left Run.
    pub(crate) const STOP: u32 = 1 << 1;
    /// A `then(exit)` reaction fired.
    pub(crate) const EXIT: u32 = 1 << 2;
    /// A service that this one `needs`, or comes `after`, has failed for good.
    pub(crate) const DEPENDENCY: u32 = 1 << 3;
    /// The daemon is stopping, and all services that had to stop before this one have.
    pub(crate) const SHUTDOWN: u32 = 1 << 4;
    /// The shutdown is forced: all limits are zero.
    pub(crate) const KILL: u32 = 1 << 5;
    /// There is a request by an operator.
    pub(crate) const REQUEST: u32 = 1 << 6;
    /// A task of the service panicked.
    pub(crate) const CHILD: u32 = 1 << 7;
    /// The daemon has stopped: the engine of a service in Exit waits for nothing more.
    pub(crate) const OVER: u32 = 1 << 8;
    /// An operator asks the service to stop or to restart.
    pub(crate) const OPERATOR: u32 = 1 << 9;
    /// An operator, or SIGHUP, asks the service to reload.
    pub(crate) const RELOAD: u32 = 1 << 10;
    /// The service's engine has ended: it answers no further request.
    pub(crate) const GONE: u32 = 1 << 11;
    /// The monitor asks the service to restart, since it has missed its heartbeat.
    pub(crate) const STALE: u32 = 1 << 12;
    /// All signals that a request may raise.
    pub(crate) const REQUESTS: u32 = REQUEST | OPERATOR | RELOAD | STALE;
}

/// The values of [`ServiceSignals::deadline`]: milliseconds since the daemon's start, modulo 2^32, or
/// one of these two.
pub(crate) mod deadline {
    /// The time for the limit has not begun, since the method has not waited yet; or there is none.
    pub(crate) const NOT_BEGUN: u32 = 0;
    /// No method runs.
    pub(crate) const NO_METHOD: u32 = u32::MAX;

    /// The value for a time; a millisecond off where it would be one of the two.
    pub(crate) fn at(millis: u128) -> u32 {
        (millis as u32).clamp(NOT_BEGUN + 1, NO_METHOD - 1)
    }
}

/// The bit where the mask of cancelling signals begins.
const MASK: u32 = 16;
/// The engine has cancelled the epoch.
const CANCELLED: u64 = 1 << 32;
/// The epoch's last method has ended: no further task may be spawned in it.
const CLOSED: u64 = 1 << 33;
/// The epoch has a token.
const TOKEN: u64 = 1 << 34;
/// A task was spawned in the epoch.
const TASKS: u64 = 1 << 35;
/// The bit where the number of the cause begins for which the engine has cancelled the epoch.
const CAUSE: u32 = 36;
const CAUSE_MASK: u64 = 0xf;
/// The bit where the number of the epoch begins. It wraps after 2^24 epochs.
const EPOCH: u32 = 40;

/// The number of an epoch.
pub(crate) type Epoch = u32;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct ServiceSignals {
    word: AtomicU64,
    /// The time of the service's last `heartbeat`, in milliseconds since the daemon's start, plus
    /// one.
    pub(crate) beat: AtomicU64,
    /// The milliseconds by which the running method asked to extend its limit.
    pub(crate) extension: AtomicU32,
    /// When the limit of the running method is reached; see [`deadline`].
    pub(crate) deadline: AtomicU32,
    /// The epoch with which the current incarnation has begun.
    first: AtomicU32,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    /// The waker of the engine's task.
    engine: Option<Waker>,
    /// The token of the current epoch.
    token: Option<CancellationToken>,
}

/// Whether a cancelling signal is raised, or the engine has cancelled the epoch.
fn is_interrupted(word: u64) -> bool {
    word & CANCELLED != 0 || raised(word) != 0
}

/// The cancelling signals that are raised.
fn raised(word: u64) -> u32 {
    (word & (word >> MASK) & u64::from(u16::MAX)) as u32
}

/// Why these signals cancel: the one that the engine acts on.
fn cause_of(raised: u32) -> Option<CancelCause> {
    const ORDER: [(u32, CancelCause); 8] = [
        (signal::SHUTDOWN, CancelCause::Shutdown),
        (signal::DEPENDENCY, CancelCause::Dependency),
        (signal::EXIT, CancelCause::Reaction),
        (signal::CHILD, CancelCause::Panic),
        (signal::OPERATOR, CancelCause::Operator),
        (signal::STALE, CancelCause::Heartbeat),
        (signal::RELOAD, CancelCause::Reload),
        (signal::STOP, CancelCause::Reaction),
    ];
    ORDER.iter().find(|(signal, _)| raised & signal != 0).map(|&(_, cause)| cause)
}

fn epoch_of(word: u64) -> Epoch {
    (word >> EPOCH) as Epoch
}

impl ServiceSignals {
    /// Raises signals, under the board's lock or without it. [`cancel_token`](Self::cancel_token)
    /// has to follow without it.
    ///
    /// Release, and Acquire where it is read: an engine that sees a signal sees what was done
    /// before it was raised. That it sees it at all is due to the lock (invariant 5 of the board),
    /// not to the ordering.
    pub(super) fn set(&self, signals: u32) {
        self.word.fetch_or(signals.into(), Ordering::AcqRel);
    }

    pub(super) fn get(&self) -> u32 {
        (self.word.load(Ordering::Acquire) & u64::from(u16::MAX)) as u32
    }

    /// Clears signals that the engine has acted on. It never undoes a later `set`, since each of
    /// the two is one atomic step.
    pub(super) fn clear(&self, signals: u32) {
        self.word.fetch_and(!u64::from(signals), Ordering::AcqRel);
    }

    /// Cancels the token if there is one and a cancelling signal is raised.
    ///
    /// Wakes tasks of the user's, so it must not be called under a lock.
    #[inline]
    pub(super) fn cancel_token(&self) {
        if self.word.load(Ordering::Acquire) & TOKEN != 0 {
            self.cancel_token_if_interrupted();
        }
    }

    #[cold]
    fn cancel_token_if_interrupted(&self) {
        // The epoch may end in between. Its token is then cancelled already, and the token found
        // here is that of the next epoch, for which the same rule holds.
        let token = self.slot.lock().token.clone();
        if let Some(token) = token.filter(|_| is_interrupted(self.word.load(Ordering::Acquire))) {
            cancel(&token);
        }
    }

    // ---- called by the engine ------------------------------------------------------------------

    /// Begins an epoch, whose contexts the signals of `mask` cancel.
    pub(crate) fn begin_epoch(&self, mask: u32) -> Epoch {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            // The signals stay; the rest of the word is set anew.
            let next = u64::from(epoch_of(word).wrapping_add(1)) << EPOCH;
            let next = next | u64::from(mask) << MASK | word & u64::from(u16::MAX);
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    if word & TOKEN != 0 {
                        self.drop_token();
                    }
                    return epoch_of(next);
                }
                Err(now) => word = now,
            }
        }
    }

    /// An incarnation begins with this epoch: from here on the contexts of earlier ones are
    /// [ended](Self::is_of_incarnation).
    pub(crate) fn begin_incarnation(&self, epoch: Epoch) {
        self.first.store(epoch, Ordering::Release);
    }

    /// Begins anew, for another service in the same slot: no signal is left, and every context of
    /// the service that was there is ended.
    pub(super) fn reset(&self) {
        self.word.fetch_and(!u64::from(u16::MAX), Ordering::AcqRel);
        let epoch = self.begin_epoch(0);
        self.begin_incarnation(epoch);
        self.beat.store(0, Ordering::Relaxed);
        self.extension.store(0, Ordering::Relaxed);
        self.deadline.store(deadline::NOT_BEGUN, Ordering::Relaxed);
    }

    /// Removes the token of the last epoch. No context of the next epoch exists yet.
    #[cold]
    fn drop_token(&self) {
        let token = self.slot.lock().token.take();
        if let Some(token) = token {
            cancel(&token);
        }
    }

    /// Sets the mask: from here on its signals cancel.
    pub(crate) fn set_mask(&self, mask: u32) {
        let now = (self.word.load(Ordering::Relaxed) >> MASK) as u32 & u32::from(u16::MAX);
        if now != mask {
            // The engine is the only one that changes the mask.
            self.word.fetch_xor(u64::from(now ^ mask) << MASK, Ordering::AcqRel);
            self.cancel_token();
        }
    }

    /// Cancels the epoch for good if a raised signal cancels it, before that signal is cleared.
    #[inline]
    pub(crate) fn latch(&self) {
        let word = self.word.load(Ordering::Acquire);
        if word & CANCELLED == 0 {
            if let Some(cause) = cause_of(raised(word)) {
                self.cancel(cause);
            }
        }
    }

    /// Whether the current epoch is cancelled: by a raised signal, or by the engine.
    pub(crate) fn is_interrupted(&self) -> bool {
        is_interrupted(self.word.load(Ordering::Acquire))
    }

    /// Whether the engine has cancelled the current epoch. If so, it has read its signals.
    pub(crate) fn is_latched(&self) -> bool {
        self.word.load(Ordering::Acquire) & CANCELLED != 0
    }

    /// Cancels the current epoch, also if the signals are cleared later. The first cause stands.
    pub(crate) fn cancel(&self, cause: CancelCause) {
        // The engine is the only one that cancels.
        if !self.is_latched() {
            self.word.fetch_or(CANCELLED | (cause as u64) << CAUSE, Ordering::AcqRel);
            self.cancel_token();
        }
    }

    /// Cancels the current epoch and closes it: no further task may be spawned in it. Returns
    /// whether one was.
    pub(crate) fn close(&self) -> bool {
        let word = self.word.fetch_or(CANCELLED | CLOSED, Ordering::AcqRel);
        if word & TOKEN != 0 {
            self.cancel_token_if_interrupted();
        }
        word & TASKS != 0
    }

    #[inline]
    pub(crate) fn set_engine(&self, waker: Waker) {
        let old = self.slot.lock().engine.replace(waker);
        drop(old);
    }

    pub(crate) fn forget_engine(&self) {
        let old = self.slot.lock().engine.take();
        drop(old);
    }

    // ---- called by contexts ---------------------------------------------------------------------

    pub(crate) fn epoch(&self) -> Epoch {
        epoch_of(self.word.load(Ordering::Acquire))
    }

    /// Whether this epoch is one of the current incarnation, which has several if it reloads.
    pub(crate) fn is_of_incarnation(&self, epoch: Epoch) -> bool {
        let first = self.first.load(Ordering::Acquire);
        // Their numbers wrap.
        let nth = |epoch: Epoch| epoch.wrapping_sub(first) & (u32::MAX >> (EPOCH - 32));
        nth(epoch) <= nth(self.epoch())
    }

    /// Notes that a task is spawned in this epoch. Returns whether that is allowed.
    pub(crate) fn spawns(&self, epoch: Epoch) -> bool {
        let word = self.word.fetch_or(TASKS, Ordering::AcqRel);
        epoch_of(word) == epoch && word & CLOSED == 0
    }

    /// Whether the engine has closed the epoch: its methods have returned.
    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether the contexts of this epoch are cancelled: by a signal, by the engine, or by code
    /// that holds the epoch's token.
    pub(crate) fn is_cancelled(&self, epoch: Epoch) -> bool {
        let word = self.word.load(Ordering::Acquire);
        if epoch_of(word) != epoch || is_interrupted(word) {
            return true;
        }
        word & TOKEN != 0 && self.slot.lock().token.as_ref().is_none_or(CancellationToken::is_cancelled)
    }

    /// Why the contexts of this epoch are cancelled, if they are.
    pub(crate) fn cause(&self, epoch: Epoch) -> Option<CancelCause> {
        let word = self.word.load(Ordering::Acquire);
        if epoch_of(word) != epoch {
            return Some(CancelCause::Ended);
        }
        if word & CANCELLED != 0 {
            let number = (word >> CAUSE & CAUSE_MASK) as u8;
            return Some(CancelCause::of_number(number).unwrap_or(CancelCause::Ended));
        }
        cause_of(raised(word)).or_else(|| self.is_cancelled(epoch).then_some(CancelCause::Token))
    }

    pub(crate) fn has_token(&self) -> bool {
        self.word.load(Ordering::Acquire) & TOKEN != 0
    }

    /// The token of an epoch, and whether this call made it; a cancelled token if the epoch is
    /// over.
    pub(crate) fn token(&self, epoch: Epoch) -> (CancellationToken, bool) {
        let mut slot = self.slot.lock();
        if epoch_of(self.word.load(Ordering::Acquire)) != epoch {
            drop(slot);
            let token = CancellationToken::new();
            token.cancel();
            return (token, false);
        }
        if let Some(token) = &slot.token {
            return (token.clone(), false);
        }
        let token = CancellationToken::new();
        // Invariant 2.
        let set = |word| (epoch_of(word) == epoch).then_some(word | TOKEN);
        let set = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, set);
        if set.is_ok() {
            slot.token = Some(token.clone());
        }
        drop(slot);
        // The epoch has ended meanwhile.
        if set.map_or(true, is_interrupted) {
            token.cancel();
        }
        (token, set.is_ok())
    }

    /// Whether this waker wakes the engine's task.
    pub(crate) fn is_engine(&self, waker: &Waker) -> bool {
        self.slot.lock().engine.as_ref().is_some_and(|engine| engine.will_wake(waker))
    }
}

/// Cancels a token. A panic in a waker of the user's is contained.
fn cancel(token: &CancellationToken) {
    if !token.is_cancelled() {
        panic::ignore(|| token.cancel());
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;

    #[test]
    fn g51_context_after_a_signal_of_its_mask_is_cancelled_at_once() {
        let signals = ServiceSignals::default();
        let epoch = signals.begin_epoch(signal::SHUTDOWN | signal::STOP);
        signals.set(signal::GATE | signal::CHILD);
        assert!(!signals.is_cancelled(epoch), "these do not cancel");
        signals.set(signal::STOP);
        assert!(signals.is_cancelled(epoch));
        signals.clear(signal::STOP);
        assert!(!signals.is_cancelled(epoch), "the engine cancels the epoch before it clears a signal");
        signals.cancel(CancelCause::Timeout);
        assert!(signals.is_cancelled(epoch));
    }

    #[test]
    fn context_of_a_removed_service_is_ended_before_the_next_in_its_slot_begins() {
        let signals = ServiceSignals::default();
        let epoch = signals.begin_epoch(signal::SHUTDOWN);
        signals.begin_incarnation(epoch);
        signals.set(signal::OVER | signal::GONE);
        signals.reset();
        assert_eq!(signals.get(), 0);
        assert!(signals.is_cancelled(epoch) && !signals.is_of_incarnation(epoch) && !signals.spawns(epoch));
    }

    #[test]
    fn cause_of_an_epoch_is_that_of_the_strongest_signal_and_stays() {
        let signals = ServiceSignals::default();
        let epoch = signals.begin_epoch(signal::SHUTDOWN | signal::STOP | signal::OPERATOR);
        signals.set(signal::CHILD);
        assert_eq!(signals.cause(epoch), None, "it does not cancel");
        signals.set(signal::STOP);
        assert_eq!(signals.cause(epoch), Some(CancelCause::Reaction), "before the engine has seen it");
        signals.set(signal::OPERATOR);
        signals.latch();
        signals.clear(signal::STOP | signal::OPERATOR);
        signals.set(signal::SHUTDOWN);
        signals.latch();
        signals.cancel(CancelCause::Timeout);
        assert_eq!(signals.cause(epoch), Some(CancelCause::Operator));
        let next = signals.begin_epoch(0);
        assert_eq!((signals.cause(epoch), signals.cause(next)), (Some(CancelCause::Ended), None));
        signals.close();
        assert_eq!(signals.cause(next), Some(CancelCause::Ended));
    }

    #[test]
    fn g51_token_made_before_or_after_the_signal_is_cancelled() {
        let signals = ServiceSignals::default();
        let epoch = signals.begin_epoch(signal::SHUTDOWN);
        signals.set(signal::SHUTDOWN);
        assert!(signals.token(epoch).0.is_cancelled(), "the signal came first");

        let signals = ServiceSignals::default();
        let epoch = signals.begin_epoch(signal::SHUTDOWN);
        let (token, is_new) = signals.token(epoch);
        assert!(is_new && !token.is_cancelled() && !signals.token(epoch).1);
        signals.set(signal::SHUTDOWN);
        signals.cancel_token();
        assert!(token.is_cancelled(), "the token came first");
    }

    #[test]
    fn g51_epoch_that_is_over_stays_cancelled() {
        let signals = ServiceSignals::default();
        let first = signals.begin_epoch(signal::SHUTDOWN);
        let (token, _) = signals.token(first);
        let second = signals.begin_epoch(0);
        assert!(signals.is_cancelled(first) && token.is_cancelled());
        assert!(signals.token(first).0.is_cancelled());
        assert!(!signals.is_cancelled(second) && signals.spawns(second) && !signals.spawns(first));
        signals.set(signal::SHUTDOWN);
        assert!(!signals.is_cancelled(second), "a shutdown is not in the mask");
        assert!(signals.close(), "something was spawned");
        assert!(signals.is_cancelled(second) && !signals.spawns(second));
    }

    #[test]
    fn epoch_is_one_of_its_incarnation_until_the_next_begins() {
        let signals = ServiceSignals::default();
        // The epoch of a context that was made before the daemon has begun.
        assert!(signals.is_of_incarnation(signals.epoch()));
        // Numbers wrap within the first incarnation.
        signals.word.store(((1 << 24) - 3) << EPOCH, Ordering::Relaxed);
        for _ in 0..3 {
            let init = signals.begin_epoch(0);
            signals.begin_incarnation(init);
            let reload = signals.begin_epoch(0);
            let stop = signals.begin_epoch(0);
            assert!([init, reload, stop].iter().all(|&epoch| signals.is_of_incarnation(epoch)));
            signals.begin_incarnation(signals.begin_epoch(0));
            assert!([init, reload, stop].iter().all(|&epoch| !signals.is_of_incarnation(epoch)));
        }
    }

    #[test]
    fn g51_token_cancelled_by_its_holder_cancels_its_epoch_alone() {
        let signals = ServiceSignals::default();
        let epoch = signals.begin_epoch(signal::SHUTDOWN);
        signals.token(epoch).0.cancel();
        assert!(signals.is_cancelled(epoch) && signals.cause(epoch) == Some(CancelCause::Token));
        let next = signals.begin_epoch(signal::SHUTDOWN);
        assert!(!signals.is_cancelled(next));
    }
}
