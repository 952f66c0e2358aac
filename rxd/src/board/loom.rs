//! The board under every interleaving of a few threads: {transition, transition, create, poll,
//! drop, close}.
//!
//! `RUSTFLAGS="--cfg rxd_loom" cargo test -p rxd --lib --release loom`

use super::*;
use crate::lifecycle::state::Action;
use ::loom::sync::Arc;
use ::loom::sync::atomic::AtomicBool;
use ::loom::thread;
use std::task::{Context, Poll, Wake};

/// Notes that it was woken.
#[derive(Debug)]
struct Alarm(AtomicBool);

impl Alarm {
    fn new() -> (std::sync::Arc<Alarm>, Waker) {
        let alarm = std::sync::Arc::new(Alarm(AtomicBool::new(false)));
        (alarm.clone(), Waker::from(alarm))
    }

    fn rang(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Wake for Alarm {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

const IN_RUN: Condition = Condition::State(Action::Entering, State::Run);

fn board(services: usize) -> Arc<Board> {
    Arc::new(Board::new(vec![Vec::new(); services], 4))
}

fn enter(board: &Board, id: Id) {
    board.publish(id, State::Run, Transition::Entering, Cause::Normal);
}

fn leave(board: &Board, id: Id) {
    board.publish(id, State::Run, Transition::Exited, Cause::Normal);
}

fn poll(board: &Board, watcher: &mut WatchId, waker: &Waker) -> Poll<Option<Fired>> {
    board.poll_watch(watcher, &Context::from_waker(waker), &mut Vec::with_capacity(4))
}

/// Whether no watcher is left in the queue.
fn has_woken_all(board: &Board) -> bool {
    board.lock().wake.is_empty()
}

#[test]
fn loom_watch_made_and_polled_amid_transitions_misses_nothing() {
    ::loom::model(|| {
        let board = board(1);
        let other = board.clone();
        let moves = thread::spawn(move || {
            enter(&other, 0);
            leave(&other, 0);
        });
        let mut watcher = board.watch(Mode::Any, IN_RUN, &[0]);
        let made_at = board.status(0).seq;
        let (alarm, waker) = Alarm::new();
        let first = poll(&board, &mut watcher, &waker);
        moves.join().unwrap();
        match first {
            Poll::Ready(fired) => assert_eq!(fired.map(|fired| (fired.times, fired.seq)), Some((1, 1))),
            Poll::Pending => match poll(&board, &mut watcher, Waker::noop()) {
                Poll::Ready(fired) => {
                    assert_eq!(fired.map(|fired| fired.times), Some(1));
                    assert!(alarm.rang(), "a condition that came true while it waited woke it");
                }
                Poll::Pending => assert_eq!(made_at, 2, "it was made after both transitions"),
            },
        }
        assert!(poll(&board, &mut watcher, Waker::noop()).is_pending(), "no event is delivered twice");
        board.unwatch(&watcher);
        assert!(has_woken_all(&board));
    });
}

#[test]
fn loom_watch_all_amid_two_transitions_fires_once() {
    ::loom::model(|| {
        let board = board(2);
        let mut watcher = board.watch(Mode::All, IN_RUN, &[0, 1]);
        let (alarm, waker) = Alarm::new();
        assert!(poll(&board, &mut watcher, &waker).is_pending());
        let other = board.clone();
        let one = thread::spawn(move || enter(&other, 0));
        enter(&board, 1);
        one.join().unwrap();
        assert!(alarm.rang());
        let mut statuses = Vec::with_capacity(2);
        let fired = board.poll_watch(&mut watcher, &Context::from_waker(Waker::noop()), &mut statuses);
        assert_eq!(fired, Poll::Ready(Some(Fired { seq: 2, times: 1 })));
        assert!(statuses.iter().all(|status| status.is_in(State::Run)));
        assert!(has_woken_all(&board));
    });
}

#[test]
fn loom_watch_dropped_amid_transitions_leaves_its_twin_to_be_woken() {
    ::loom::model(|| {
        let board = board(1);
        let (mut dropped, mut kept) = (board.watch(Mode::Any, IN_RUN, &[0]), board.watch(Mode::Any, IN_RUN, &[0]));
        let (_, first) = Alarm::new();
        let (alarm, second) = Alarm::new();
        assert!(poll(&board, &mut dropped, &first).is_pending());
        assert!(poll(&board, &mut kept, &second).is_pending());
        let other = board.clone();
        let moves = thread::spawn(move || enter(&other, 0));
        board.unwatch(&dropped);
        // Its place may be given away while it is still in the queue.
        let mut next = board.watch(Mode::Any, IN_RUN, &[0]);
        moves.join().unwrap();
        assert!(alarm.rang());
        assert!(matches!(poll(&board, &mut kept, &second), Poll::Ready(Some(Fired { times: 1, .. }))));
        assert!(matches!(poll(&board, &mut next, &second), Poll::Ready(Some(Fired { times: 1, .. }))));
        assert!(has_woken_all(&board));
    });
}

#[test]
fn loom_close_after_the_last_transition_ends_a_pending_watch() {
    ::loom::model(|| {
        let board = board(1);
        let mut watcher = board.watch(Mode::Any, IN_RUN, &[0]);
        let other = board.clone();
        let ends = thread::spawn(move || {
            enter(&other, 0);
            other.close();
        });
        let mut taken = 0;
        loop {
            let (alarm, waker) = Alarm::new();
            match poll(&board, &mut watcher, &waker) {
                Poll::Ready(Some(fired)) => taken += fired.times,
                Poll::Ready(None) => break,
                Poll::Pending => {
                    while !alarm.rang() {
                        thread::yield_now();
                    }
                }
            }
        }
        assert_eq!(taken, 1, "every event is delivered before the end");
        ends.join().unwrap();
    });
}

#[test]
fn loom_stream_amid_transitions_reads_each_in_order() {
    ::loom::model(|| {
        let board = board(2);
        let services = ServiceSet::All;
        let mut statuses = Vec::with_capacity(2);
        let (mut watcher, mut seq) = board.open_stream(&services, &mut statuses);
        let movers: Vec<_> = (0..2)
            .map(|id| {
                let board = board.clone();
                thread::spawn(move || enter(&board, id))
            })
            .collect();
        let mut read = Vec::new();
        while read.len() < 2 {
            let (alarm, waker) = Alarm::new();
            let mut events = Vec::with_capacity(4);
            match board.poll_stream(
                &mut watcher,
                &Context::from_waker(&waker),
                &mut seq,
                &services,
                &mut events,
                &mut statuses,
            ) {
                Poll::Ready(StreamRead::Events) => read.extend(events.iter().map(|event| event.seq)),
                Poll::Ready(other) => panic!("{other:?}"),
                Poll::Pending => {
                    while !alarm.rang() {
                        thread::yield_now();
                    }
                }
            }
        }
        assert_eq!(read, [1, 2]);
        movers.into_iter().for_each(|mover| mover.join().unwrap());
        assert!(has_woken_all(&board));
    });
}

#[test]
fn loom_gate_opening_while_its_engine_registers_is_not_missed() {
    ::loom::model(|| {
        let gate = WatcherSpec {
            mode: Mode::Any,
            condition: IN_RUN,
            targets: [0].into(),
            reaction: Reaction::GateRun,
            within: None,
            lasts: None,
            since: None,
        };
        let board = Arc::new(Board::new(vec![Vec::new(), vec![gate]], 4));
        let other = board.clone();
        let opens = thread::spawn(move || enter(&other, 0));
        let (alarm, waker) = Alarm::new();
        board.set_waker(1, &waker);
        let passed = board.try_enter(1, None, State::Run).is_some();
        opens.join().unwrap();
        assert!(passed || alarm.rang(), "it passed, or its engine is woken");
        assert!(passed || board.try_enter(1, None, State::Run).is_some());
        assert!(has_woken_all(&board));
    });
}

#[test]
fn loom_condition_that_begins_to_last_while_the_timer_registers_is_not_missed() {
    ::loom::model(|| {
        let reaction = WatcherSpec {
            mode: Mode::Any,
            condition: IN_RUN,
            targets: [0].into(),
            reaction: Reaction::Stop,
            within: None,
            lasts: Some(Duration::from_secs(3)),
            since: None,
        };
        let board = Arc::new(Board::new(vec![Vec::new(), vec![reaction]], 4));
        let other = board.clone();
        let begins = thread::spawn(move || {
            enter(&other, 0);
            leave(&other, 0);
            enter(&other, 0);
        });
        let (alarm, waker) = Alarm::new();
        let due = board.poll_lasting(&Context::from_waker(&waker), &mut Vec::new());
        begins.join().unwrap();
        assert!(due.is_some() || alarm.rang(), "the timer knows when to look again");
        assert!(board.poll_lasting(&Context::from_waker(Waker::noop()), &mut Vec::new()).is_some());
        assert_eq!(board.signals(1) & signal::STOP, 0, "the time is not over");
        assert!(has_woken_all(&board));
    });
}

#[test]
fn loom_signal_raised_while_its_engine_registers_is_not_missed() {
    ::loom::model(|| {
        let board = board(1);
        let other = board.clone();
        let raises = thread::spawn(move || other.raise(0, signal::SHUTDOWN));
        let (alarm, waker) = Alarm::new();
        board.set_waker(0, &waker);
        let seen = board.signals(0) & signal::SHUTDOWN != 0;
        raises.join().unwrap();
        assert!(seen || alarm.rang());
    });
}

#[test]
fn loom_g51_token_made_while_a_signal_is_raised_is_cancelled() {
    ::loom::model(|| {
        let board = board(1);
        let epoch = board.service(0).begin_epoch(signal::SHUTDOWN);
        let other = board.clone();
        let raises = thread::spawn(move || other.raise(0, signal::SHUTDOWN));
        let (token, _) = board.service(0).token(epoch);
        raises.join().unwrap();
        assert!(token.is_cancelled() && board.service(0).is_cancelled(epoch));
    });
}

#[test]
fn loom_g51_token_made_while_its_epoch_ends_is_cancelled_alone() {
    ::loom::model(|| {
        let board = board(1);
        let first = board.service(0).begin_epoch(signal::SHUTDOWN);
        let other = board.clone();
        let requests_token = thread::spawn(move || other.service(0).token(first).0);
        board.service(0).close();
        let second = board.service(0).begin_epoch(signal::SHUTDOWN);
        assert!(requests_token.join().unwrap().is_cancelled());
        assert!(!board.service(0).is_cancelled(second));
        assert!(!board.service(0).token(second).0.is_cancelled());
    });
}

/// A service that is added behind `services` others, and waits for the first to be in Run.
fn add(board: &Board) -> Id {
    let id = slots::first_in_slot(board.first_added());
    let gate = WatcherSpec {
        mode: Mode::All,
        condition: IN_RUN,
        targets: [0].into(),
        reaction: Reaction::GateRun,
        within: None,
        lasts: None,
        since: None,
    };
    board.add_service(id, vec![gate], None);
    id
}

#[test]
fn loom_service_added_amid_a_transition_passes_its_gate_and_misses_nothing() {
    ::loom::model(|| {
        let board = board(1);
        let adder = thread::spawn({
            let board = board.clone();
            move || {
                let id = add(&board);
                let (alarm, waker) = Alarm::new();
                board.set_waker(id, &waker);
                (id, alarm, board.try_enter(id, None, State::Run).is_some())
            }
        });
        enter(&board, 0);
        let (id, alarm, has_entered) = adder.join().unwrap();
        assert!(has_entered || alarm.rang(), "the gate is open, or its engine was woken");
        assert!(has_entered || board.try_enter(id, None, State::Run).is_some());
        board.drop_waker(id);
    });
}

#[test]
fn loom_stream_of_all_services_amid_an_addition_has_it_in_the_snapshot_or_as_a_transition() {
    ::loom::model(|| {
        let board = board(1);
        let adder = thread::spawn({
            let board = board.clone();
            move || add(&board)
        });
        let mut snapshot = Vec::new();
        let (mut watch, mut seq) = board.open_stream(&ServiceSet::All, &mut snapshot);
        let (alarm, waker) = Alarm::new();
        let (mut events, mut statuses) = (Vec::with_capacity(4), Vec::new());
        let task = &Context::from_waker(&waker);
        let read = board.poll_stream(&mut watch, task, &mut seq, &ServiceSet::All, &mut events, &mut statuses);
        let id = adder.join().unwrap();
        let in_snapshot = snapshot.iter().any(|(other, _)| *other == id);
        let in_events = events.iter().any(|event| event.id == id);
        assert!(in_snapshot || in_events || read.is_pending() && alarm.rang());
        assert!(!(in_snapshot && in_events), "once");
        board.unwatch(&watch);
    });
}

#[test]
fn loom_watch_on_a_service_that_is_removed_is_removed_cleanly() {
    ::loom::model(|| {
        let board = board(1);
        let id = add(&board);
        // Not by an operator: one that was never started may still be.
        board.publish_exit(id, &TransitionBatch::default(), (Cause::Normal, true), (false, false), |_, _| {});
        let remover = thread::spawn({
            let board = board.clone();
            move || board.remove_service(id)
        });
        let mut watch = board.watch(Mode::All, IN_RUN, &[id]);
        let (_alarm, waker) = Alarm::new();
        assert!(matches!(poll(&board, &mut watch, &waker), Poll::Ready(None)), "it has exited, or is gone");
        remover.join().unwrap();
        board.unwatch(&watch);
        // The next in its slot has no watcher of it.
        let next = slots::next_in_slot(id).unwrap();
        board.add_service(next, Vec::new(), None);
        enter(&board, next);
        assert!(board.status(next).is_in(State::Run) && !board.status(id).is_in(State::Run));
        assert!(has_woken_all(&board));
    });
}
