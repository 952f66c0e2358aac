//! A transition is logged before it wakes a task, so the log has causes before their effects.

use super::world::Alarm;
use crate::board::{Board, Condition, Fired, Reaction, StateChange, TransitionBatch, WatcherSpec};
use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, State, Transition};
use std::task::{Context, Poll, Waker};

#[test]
fn transition_is_logged_before_any_task_is_woken() {
    let gate = WatcherSpec {
        mode: Mode::Any,
        condition: Condition::State(Action::Entering, State::Run),
        targets: [0].into(),
        reaction: Reaction::GateRun,
        within: None,
        lasts: None,
        since: None,
    };
    let board = Board::new(vec![vec![], vec![gate]], 8);
    let (alarm, waker) = Alarm::new();
    board.set_waker(1, &waker);
    assert!(board.try_enter(1, None, State::Run).is_none(), "the gate is closed");

    let mut batch = TransitionBatch::default();
    let _ = batch.push(StateChange { state: State::Run, transition: Transition::Entering, cause: Cause::Normal });
    let mut first = None;
    board.publish_all(0, &batch, |seq| {
        assert_eq!(alarm.take(), 0, "no task is woken yet");
        first = seq;
    });
    assert_eq!((first, alarm.take()), (Some(1), 1));
}

#[test]
fn panic_while_logging_leaves_the_wake_ups_to_the_next_transition() {
    let board = Board::new(vec![vec![]], 8);
    let mut watches: Vec<_> = (0..3)
        .map(|_| {
            let mut watch_id = board.watch(Mode::Any, Condition::State(Action::Changing, State::Run), &[0]);
            let (alarm, waker) = Alarm::new();
            let pending = board.poll_watch(&mut watch_id, &Context::from_waker(&waker), &mut Vec::with_capacity(1));
            assert!(pending.is_pending());
            (watch_id, alarm)
        })
        .collect();
    let mut batch = TransitionBatch::default();
    let _ = batch.push(StateChange { state: State::Run, transition: Transition::Entering, cause: Cause::Normal });
    crate::panic::catch(|| board.publish_all(0, &batch, |_| panic!("the log"))).unwrap_err();
    let rang: Vec<usize> = watches.iter().map(|(_, alarm)| alarm.take()).collect();
    assert_eq!(rang, [1, 0, 0], "the first had been dequeued already");
    board.publish(0, State::Run, Transition::Exited, Cause::Normal);
    for (nth, (watch_id, alarm)) in watches.iter_mut().enumerate() {
        assert_eq!(alarm.take(), usize::from(nth > 0), "the next publication wakes the others, and no watch twice");
        let taken = board.poll_watch(watch_id, &Context::from_waker(Waker::noop()), &mut Vec::with_capacity(1));
        assert!(matches!(taken, Poll::Ready(Some(Fired { times: 2, .. }))));
    }
}

#[test]
fn watch_polled_by_two_tasks_wakes_the_last_one() {
    let board = Board::new(vec![vec![]], 8);
    let mut watch_id = board.watch(Mode::Any, Condition::State(Action::Changing, State::Run), &[0]);
    let [(one, of_one), (other, of_other)] = [Alarm::new(), Alarm::new()];
    let mut poll = |waker| board.poll_watch(&mut watch_id, &Context::from_waker(waker), &mut Vec::with_capacity(1));
    assert!(poll(&of_one).is_pending());
    assert!(poll(&of_other).is_pending(), "another task polls it now");
    board.publish(0, State::Run, Transition::Entering, Cause::Normal);
    assert_eq!((one.take(), other.take()), (0, 1));
    // The first task takes the event, and then the other one waits.
    assert!(poll(&of_one).is_ready());
    assert!(poll(&of_other).is_pending());
    board.publish(0, State::Run, Transition::Exited, Cause::Normal);
    assert_eq!((one.take(), other.take()), (0, 1));
}
