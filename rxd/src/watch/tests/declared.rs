//! Declared watches against the model: gates, and the signals of reactions. G9.

use super::model::{Instant, Watched};
use super::world::Stage;
use crate::board::{Board, Condition, Id, Reaction, WatcherSpec, signal};
use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, State, Transition};
use proptest::prelude::*;

const ACTIONS: [Action; 4] = [Action::Entering, Action::Exited, Action::Changing, Action::NotIn];

/// The last service declares the watches; the test moves the others.
const OTHERS: usize = 3;
const OWNER: usize = OTHERS;

#[derive(Clone, Debug)]
enum Op {
    Move(usize, usize),
    /// The owner makes its next transition, if its gates are open.
    MoveOwner,
    /// The owner's engine takes the reactions that have fired.
    TakeReactions,
}

type Watch = (bool, usize, usize, u8, usize);

const REACTIONS: [Reaction; 4] = [Reaction::GateInit, Reaction::GateRun, Reaction::Stop, Reaction::Exit];

fn run(watches: Vec<Watch>, ops: Vec<Op>) {
    let mut declared = vec![Vec::new(); OTHERS + 1];
    let mut models: Vec<(Watched, Reaction, Instant)> = Vec::new();
    for (all, action, state, mask, reaction) in watches {
        let mode = if all { Mode::All } else { Mode::Any };
        let targets: Vec<usize> = (0..OTHERS).filter(|id| (mask % 7 + 1) >> id & 1 == 1).collect();
        let (action, state, reaction) = (ACTIONS[action], State::ALL[state], REACTIONS[reaction]);
        declared[OWNER].push(WatcherSpec {
            mode,
            condition: Condition::State(action, state),
            targets: targets.iter().map(|&id| id as Id).collect(),
            reaction,
            within: None,
            lasts: None,
            since: None,
        });
        // The last number is the instant from which on an edge counts.
        models.push((Watched { mode, action, state, targets, made: 0 }, reaction, 0));
    }
    let mut stage = Stage::with(declared, 8);
    for op in ops {
        match op {
            Op::Move(service, choice) => stage.step(service % OTHERS, choice),
            Op::TakeReactions => {
                let now = stage.world.now();
                for (_, reaction, since) in &mut models {
                    if matches!(reaction, Reaction::Stop | Reaction::Exit) {
                        stage.core.board.take_reaction(OWNER as Id, *reaction);
                        *since = now + 1;
                    }
                }
            }
            Op::MoveOwner => {
                let now = stage.world.now();
                let (state, transition, ..) = stage.world.place(OWNER, now);
                let (from, to, gate) = match (state, transition) {
                    (State::Idle, Transition::Entering) => (Some(State::Idle), State::Run, Reaction::GateRun),
                    (State::Unknown, _) | (State::Stop, Transition::Exited) => (None, State::Init, Reaction::GateInit),
                    (State::Init, Transition::Exited) => {
                        stage.publish(OWNER, State::Idle, Transition::Entering, Cause::Normal);
                        continue;
                    }
                    (State::Run, Transition::Exited) => {
                        stage.publish(OWNER, State::Stop, Transition::Entering, Cause::Normal);
                        continue;
                    }
                    _ => {
                        stage.publish(OWNER, state, Transition::Exited, Cause::Normal);
                        continue;
                    }
                };
                let open = models.iter().filter(|(_, reaction, _)| *reaction == gate).all(|(watch, _, since)| {
                    if watch.action == Action::Changing {
                        fired(watch, &stage, *since)
                    } else {
                        watch.holds(&stage.world, now)
                    }
                });
                assert_eq!(
                    stage.try_enter(OWNER, from, to),
                    open,
                    "the service enters a state if and only if its gates hold"
                );
                if !open {
                    stage.core.board.leave_gate(OWNER as Id);
                    continue;
                }
                for (watch, reaction, since) in &mut models {
                    if *reaction == gate {
                        *since = now + 1;
                    }
                    // A condition that held before Run, and no longer holds, does not count. A
                    // change holds at no instant.
                    let holds = watch.action != Action::Changing && watch.holds(&stage.world, now);
                    if to == State::Run && *reaction == Reaction::Stop && !holds {
                        *since = now + 1;
                    }
                }
            }
        }
        let signals = stage.core.board.signals(OWNER as Id);
        for (reaction, signal) in [(Reaction::Stop, signal::STOP), (Reaction::Exit, signal::EXIT)] {
            let wanted = models.iter().any(|(watch, own, since)| *own == reaction && fired(watch, &stage, *since));
            assert_eq!(
                signals & signal != 0,
                wanted,
                "the signal of {reaction:?} is raised if and only if it has fired"
            );
        }
    }
}

/// Whether the watch came true at any instant from `since` on.
fn fired(watch: &Watched, stage: &Stage, since: Instant) -> bool {
    watch.edges(&stage.world).iter().any(|at| *at >= since)
}

/// A board whose last service has two stop reactions, one on each of the others entering Run.
fn board_with_two_stop_reactions() -> Board {
    let stop = |target| WatcherSpec {
        mode: Mode::Any,
        condition: Condition::State(Action::Entering, State::Run),
        targets: [target].into(),
        reaction: Reaction::Stop,
        within: None,
        lasts: None,
        since: None,
    };
    Board::new(vec![vec![], vec![], vec![stop(0), stop(1)]], 8)
}

#[test]
fn g9_stop_signal_on_entering_run_is_cleared_of_past_reactions() {
    let board = board_with_two_stop_reactions();
    let is_raised = || board.signals(2) & signal::STOP != 0;
    board.publish(0, State::Run, Transition::Entering, Cause::Normal);
    assert!(is_raised());
    board.take_reaction(2, Reaction::Stop);
    board.publish(1, State::Run, Transition::Entering, Cause::Normal);
    board.publish(1, State::Run, Transition::Exited, Cause::Normal);
    assert!(is_raised());
    // The first condition holds, but was taken. The second was not taken, but no longer holds.
    assert!(board.try_enter(2, None, State::Run).is_some());
    assert!(!is_raised());
}

proptest! {
    #![proptest_config(super::cases(100))]

    #[test]
    fn g9_random_gates_and_reactions_follow_the_model(
        watches in prop::collection::vec((any::<bool>(), 0..4usize, 0..6usize, any::<u8>(), 0..4usize), 1..5),
        ops in prop::collection::vec(
            prop_oneof![
                5 => (any::<usize>(), any::<usize>()).prop_map(|(service, choice)| Op::Move(service, choice)),
                4 => Just(Op::MoveOwner),
                1 => Just(Op::TakeReactions),
            ],
            1..80,
        ),
    ) {
        run(watches, ops);
    }
}
