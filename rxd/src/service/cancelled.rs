//! The wait for the cancellation of a context.

use crate::board::{Board, Epoch, Id};
use crate::core::Core;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Completes when a context is cancelled; made by
/// [`Context::cancelled`](crate::Context::cancelled).
///
/// The engine polls its method whenever a signal is raised. So a method that awaits this in the
/// engine's own task registers no waker, and makes no token. In another task, and once there is a
/// token, it awaits the token:
///
/// 1. A method is polled in the engine's task. There is no token, so it returns `Pending` without
///    registering a waker.
/// 2. Code asks for the token, which is made. The caller that makes it wakes the engine.
/// 3. The method is polled again, finds the token, and awaits it from then on, since code that
///    holds the token may cancel it.
pub(crate) struct WaitCancelled {
    core: Arc<Core>,
    id: Id,
    epoch: Epoch,
    token: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl WaitCancelled {
    /// Completes when the epoch is cancelled.
    pub(crate) fn of_epoch(core: &Arc<Core>, id: Id, epoch: Epoch) -> Self {
        WaitCancelled { core: core.clone(), id, epoch, token: None }
    }

    /// Completes when this token is cancelled, a child of the epoch's.
    pub(crate) fn of_token(self, token: &CancellationToken) -> Self {
        WaitCancelled { token: Some(Box::pin(token.clone().cancelled_owned())), ..self }
    }
}

/// The token of an epoch. Wakes the engine if this call makes the token: see [`WaitCancelled`].
pub(crate) fn token_of(board: &Board, id: Id, epoch: Epoch) -> CancellationToken {
    let (token, is_new) = board.service(id).token(epoch);
    if is_new {
        board.raise(id, 0);
    }
    token
}

impl Future for WaitCancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        let service = this.core.board.service(this.id);
        if service.is_cancelled(this.epoch) {
            return Poll::Ready(());
        }
        if this.token.is_none() && !service.has_token() && service.is_engine(task.waker()) {
            return Poll::Pending;
        }
        let wait = || Box::pin(token_of(&this.core.board, this.id, this.epoch).cancelled_owned());
        this.token.get_or_insert_with(wait).as_mut().poll(task)
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use crate::board::signal;
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;
    use std::pin::pin;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Alarm(AtomicU32);

    impl Wake for Alarm {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Alarm {
        fn times(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn core() -> Arc<Core> {
        let (board, stop_order) = (Board::new(vec![Vec::new()], 1), StopOrder::new(&[Vec::new()]));
        Arc::new(Core::new("d".into(), ServiceNames::of_names(["a"]), board, stop_order))
    }

    fn engine(board: &Board) -> (Arc<Alarm>, Waker) {
        let alarm = Arc::new(Alarm::default());
        let waker = Waker::from(alarm.clone());
        board.set_waker(0, &waker);
        (alarm, waker)
    }

    #[test]
    fn wait_in_the_task_of_its_engine_makes_no_token() {
        let core = core();
        let board = &core.board;
        let (alarm, waker) = engine(board);
        let epoch = board.service(0).begin_epoch(signal::SHUTDOWN);
        let mut wait = pin!(WaitCancelled::of_epoch(&core, 0, epoch));
        assert!(wait.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        assert!(!board.service(0).has_token());
        board.raise(0, signal::SHUTDOWN);
        assert_eq!(alarm.times(), 1);
        assert!(wait.poll(&mut TaskContext::from_waker(&waker)).is_ready());
    }

    #[test]
    fn wait_polled_before_the_token_is_made_awaits_the_token() {
        let core = core();
        let board = &core.board;
        let (alarm, waker) = engine(board);
        let epoch = board.service(0).begin_epoch(signal::SHUTDOWN);
        let mut wait = pin!(WaitCancelled::of_epoch(&core, 0, epoch));
        assert!(wait.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        let token = token_of(board, 0, epoch);
        assert_eq!(alarm.times(), 1, "the engine is woken, to poll again");
        assert!(wait.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        token.cancel();
        assert_eq!(alarm.times(), 2, "the token wakes it");
        assert!(wait.poll(&mut TaskContext::from_waker(&waker)).is_ready());
    }

    #[test]
    fn g51_wait_in_another_task_is_woken_by_the_signal() {
        let core = core();
        let board = &core.board;
        engine(board);
        let alarm = Arc::new(Alarm::default());
        let waker = Waker::from(alarm.clone());
        let epoch = board.service(0).begin_epoch(signal::SHUTDOWN);
        let mut wait = pin!(WaitCancelled::of_epoch(&core, 0, epoch));
        assert!(wait.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        board.raise(0, signal::SHUTDOWN);
        assert_eq!(alarm.times(), 1, "without a poll of the engine");
        assert!(wait.poll(&mut TaskContext::from_waker(&waker)).is_ready());
        assert!(token_of(board, 0, epoch).is_cancelled());
    }
}
