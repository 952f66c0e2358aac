//! Who is woken by a transition writes of what follows after it was written of itself.

use super::world::Alarm;
use crate::board::{Board, Condition, Declared, Owed, Reaction, Step};
use crate::graph::Mode;
use crate::state::{Action, Cause, State, Transition};

#[test]
fn a_transition_is_told_of_before_anybody_is_woken() {
    let gate = Declared {
        mode: Mode::Any,
        condition: Condition::State(Action::Entering, State::Run),
        targets: [0].into(),
        reaction: Reaction::GateRun,
        within: None,
    };
    let board = Board::new(vec![vec![], vec![gate]], 8);
    let (alarm, waker) = Alarm::new();
    board.set_waker(1, &waker);
    assert!(board.pass(1, None, State::Run).is_none(), "it is held back");

    let mut owed = Owed::default();
    let _ = owed.push(Step { state: State::Run, transition: Transition::Entering, cause: Cause::Normal });
    let mut told = None;
    board.publish_all(0, &owed, |seq| {
        assert_eq!(alarm.take(), 0, "nobody is woken yet");
        told = seq;
    });
    assert_eq!((told, alarm.take()), (Some(1), 1));
}
