//! Watches that are dropped before it is their turn to be woken.

use super::world::{Alarm, Stage, name};
use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, State, Transition};
use crate::watch::Watch;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// More than are woken in one batch.
const MANY: usize = 50;

/// A waker that drops these watches when it is woken.
struct DropsWatches(Mutex<Vec<Watch>>);

impl Wake for DropsWatches {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().clear();
    }
}

fn watch(stage: &Stage) -> Watch {
    Watch::new(&stage.core, Mode::Any, Action::Entering, State::Run, &[name(0)]).unwrap()
}

#[test]
fn watches_dropped_by_a_waker_before_their_turn_are_not_woken() {
    let stage = Stage::new(1, 8);
    let drops = Arc::new(DropsWatches(Mutex::default()));
    let mut first = watch(&stage);
    assert!(first.poll(&mut Context::from_waker(&Waker::from(drops.clone()))).is_pending());
    let (alarm, waker) = Alarm::new();
    let others = (0..MANY).map(|_| {
        let mut other = watch(&stage);
        assert!(other.poll(&mut Context::from_waker(&waker)).is_pending());
        other
    });
    drops.0.lock().unwrap().extend(others);
    let board = &stage.core.board;
    board.publish(0, State::Run, Transition::Entering, Cause::Normal);
    assert!(alarm.take() < MANY, "watches beyond the first batch are dropped before they are woken");
    // Their places are free again, and a new watch in such a place gets only its own events.
    let (alarm, waker) = Alarm::new();
    let mut next: Vec<Watch> = (0..=MANY).map(|_| watch(&stage)).collect();
    for watch in next.iter_mut().chain([&mut first]) {
        assert!(matches!(watch.poll(&mut Context::from_waker(&waker)), Poll::Ready(Some(event)) if event.times == 1));
        assert!(watch.poll(&mut Context::from_waker(&waker)).is_pending());
    }
    board.publish(0, State::Run, Transition::Exited, Cause::Normal);
    assert_eq!(alarm.take(), 0);
    board.publish(0, State::Run, Transition::Entering, Cause::Normal);
    assert_eq!(alarm.take(), MANY + 2);
}
