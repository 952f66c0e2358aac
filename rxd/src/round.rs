//! One round of a service, as its contexts share it: whether it was told to end, and its tasks.
//!
//! The method that runs is polled by the engine's own task, and the engine polls it whenever it has
//! told it to return. So a method that waits for [`Context::cancelled`](crate::Context::cancelled)
//! need not leave a waker anywhere, and there is no token until somebody else asks for one.
//!
//! Invariants:
//!
//! 1. A token that was made is cancelled once the round is told: of making it and telling, each looks
//!    for the other after its own step, with a fence between, so at least one of them sees both.
//! 2. Whoever waits in the engine's task without a waker is polled again after a token was made, and
//!    waits for the token from then on: it may be cancelled by whoever has it.

use crate::children::Children;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::task::{Context as TaskContext, Poll, Waker};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Round {
    told: AtomicBool,
    /// What the wakers of the engine's task hold; 0 if there is no engine.
    engine: AtomicUsize,
    token: OnceLock<CancellationToken>,
    pub(crate) children: Children,
}

/// What tells the wakers of one task from those of another.
pub(crate) fn task_of(waker: &Waker) -> usize {
    waker.data().addr()
}

impl Round {
    /// A round in the task of this engine.
    pub(crate) fn new(engine: usize) -> Self {
        Round { engine: AtomicUsize::new(engine), ..Round::default() }
    }

    /// Whether no engine has been at it.
    pub(crate) fn is_fresh(&self) -> bool {
        self.engine.load(Ordering::Relaxed) == 0
    }

    /// The round is to end. Whoever holds its token is woken.
    pub(crate) fn tell(&self) {
        self.told.store(true, Ordering::Release);
        // Invariant 1.
        fence(Ordering::SeqCst);
        if let Some(token) = self.token.get() {
            token.cancel();
        }
    }

    /// Whether it was told, or somebody has cancelled its token.
    pub(crate) fn is_told(&self) -> bool {
        self.told.load(Ordering::Acquire) || self.token.get().is_some_and(CancellationToken::is_cancelled)
    }

    /// The token; `wake` wakes the engine's task if it was not there before (invariant 2).
    pub(crate) fn token(&self, wake: impl FnOnce()) -> &CancellationToken {
        let mut is_new = false;
        let token = self.token.get_or_init(|| {
            is_new = true;
            CancellationToken::new()
        });
        if is_new {
            // Invariant 1.
            fence(Ordering::SeqCst);
            if self.told.load(Ordering::Acquire) {
                token.cancel();
            }
            wake();
        }
        token
    }
}

/// Waits until a round is told, or its token is cancelled.
pub(crate) struct Told<'a, W: Fn()> {
    round: &'a Round,
    /// Wakes the engine's task.
    wake: W,
    token: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl<'a, W: Fn()> Told<'a, W> {
    pub(crate) fn new(round: &'a Round, wake: W) -> Self {
        Told { round, wake, token: None }
    }

    /// Until this token is cancelled, which is one below the round's.
    pub(crate) fn or(mut self, token: &CancellationToken) -> Self {
        self.token = Some(Box::pin(token.clone().cancelled_owned()));
        self
    }
}

impl<W: Fn() + Unpin> Future for Told<'_, W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.round.is_told() {
            return Poll::Ready(());
        }
        let engine = this.round.engine.load(Ordering::Relaxed);
        if this.round.token.get().is_none() && engine != 0 && engine == task_of(task.waker()) {
            return Poll::Pending;
        }
        let wait = || Box::pin(this.round.token(&this.wake).clone().cancelled_owned());
        this.token.get_or_insert_with(wait).as_mut().poll(task)
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    #[derive(Default)]
    struct Alarm(AtomicU32);

    impl Wake for Alarm {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn in_the_task_of_its_engine_nothing_is_left_behind() {
        let waker = Waker::from(Arc::new(Alarm::default()));
        let round = Round::new(task_of(&waker));
        let mut told = pin!(Told::new(&round, || unreachable!("there is no token")));
        assert!(told.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        assert!(round.token.get().is_none());
        round.tell();
        assert!(told.poll(&mut TaskContext::from_waker(&waker)).is_ready());
    }

    #[test]
    fn who_waited_without_a_waker_hears_of_a_token_that_is_cancelled() {
        let alarm = Arc::new(Alarm::default());
        let waker = Waker::from(alarm.clone());
        let round = Round::new(task_of(&waker));
        let mut told = pin!(Told::new(&round, || {}));
        assert!(told.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        let token = round.token(|| waker.wake_by_ref()).clone();
        assert_eq!(alarm.0.load(Ordering::Relaxed), 1, "it is to look again");
        assert!(told.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        token.cancel();
        assert_eq!(alarm.0.load(Ordering::Relaxed), 2, "it waits for the token");
        assert!(told.poll(&mut TaskContext::from_waker(&waker)).is_ready());
        assert!(round.is_told());
    }

    #[test]
    fn another_task_is_woken() {
        let (engine, alarm) = (Waker::from(Arc::new(Alarm::default())), Arc::new(Alarm::default()));
        let waker = Waker::from(alarm.clone());
        let round = Round::new(task_of(&engine));
        let mut told = pin!(Told::new(&round, || engine.wake_by_ref()));
        assert!(told.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        round.tell();
        assert_eq!(alarm.0.load(Ordering::Relaxed), 1);
        assert!(told.poll(&mut TaskContext::from_waker(&waker)).is_ready());
        assert!(round.token(|| {}).is_cancelled());
    }

    #[test]
    fn a_token_of_a_round_that_was_told_is_cancelled() {
        let round = Round::default();
        round.tell();
        assert!(round.token(|| {}).is_cancelled());
    }
}
