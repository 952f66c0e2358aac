//! G9: no gate is passed before its condition holds.

use super::Found;
use crate::graph::Mode;
use crate::state::{Action, Cause, State, Transition};
use crate::testing::rules::{Asks, Gate, Rules};
use crate::testing::trace::{Step, Trace};

/// What a gate may ask of a service.
#[derive(Clone, Copy, Default)]
struct Seen {
    inside: Option<State>,
    /// The states it has left, as bits.
    left: u8,
    ran_well: bool,
    ended_well: bool,
}

impl Seen {
    fn is(&self, asks: Asks) -> bool {
        match asks {
            Asks::State(Action::Entering, state) => self.inside == Some(state),
            Asks::State(Action::Exited, state) => self.inside != Some(state) && self.left & state.bit() != 0,
            Asks::State(Action::NotIn, state) => self.inside != Some(state),
            Asks::State(Action::Changing, _) => false,
            Asks::EndedWell => self.ended_well,
        }
    }

    fn see(&mut self, step: &Step) {
        match step.transition {
            Transition::Entering => {
                self.inside = Some(step.state);
                self.ended_well = step.state == State::Exit && step.cause == Cause::Normal && self.ran_well;
                self.ran_well &= step.state != State::Init;
            }
            Transition::Exited => {
                self.inside = None;
                self.left |= step.state.bit();
                if step.state == State::Run {
                    self.ran_well = step.cause == Cause::Normal;
                }
            }
        }
    }
}

/// What a gate on `changing` has heard: which targets, and whether that was enough since it was passed.
#[derive(Default)]
struct Heard {
    targets: Vec<usize>,
    open: bool,
}

pub(super) fn judge(trace: &Trace, rules: &Rules, found: &mut Found) {
    let mut seen = vec![Seen::default(); rules.services.len()];
    let mut heard: Vec<Vec<Heard>> =
        rules.services.iter().map(|service| service.gates.iter().map(|_| Heard::default()).collect()).collect();
    for step in &trace.steps {
        let Some(me) = rules.find(&step.service) else { continue };
        if step.enters(State::Init) || step.enters(State::Run) {
            for (gate, heard) in rules.services[me].gates.iter().zip(&mut heard[me]) {
                if gate.before == step.state && !holds(gate, &seen, heard) {
                    let names: Vec<&str> = gate.targets.iter().map(|&at| &*rules.services[at].name).collect();
                    let text = format!(
                        "`{}` enters {} before {:?} of {names:?} is {:?}",
                        step.service, step.state, gate.mode, gate.asks
                    );
                    found.add("G9", step.seq, text);
                }
            }
        }
        seen[me].see(step);
        for (service, heard) in rules.services.iter().zip(&mut heard) {
            for (gate, heard) in service.gates.iter().zip(heard) {
                listen(gate, heard, me, step);
            }
        }
    }
}

fn holds(gate: &Gate, seen: &[Seen], heard: &mut Heard) -> bool {
    if matches!(gate.asks, Asks::State(Action::Changing, _)) {
        return std::mem::take(&mut heard.open);
    }
    match gate.mode {
        Mode::Any => gate.targets.iter().any(|&target| seen[target].is(gate.asks)),
        Mode::All => gate.targets.iter().all(|&target| seen[target].is(gate.asks)),
    }
}

fn listen(gate: &Gate, heard: &mut Heard, who: usize, step: &Step) {
    let Asks::State(Action::Changing, state) = gate.asks else { return };
    if step.state != state || !gate.targets.contains(&who) {
        return;
    }
    if !heard.targets.contains(&who) {
        heard.targets.push(who);
    }
    if gate.mode == Mode::Any || heard.targets.len() == gate.targets.len() {
        heard.targets.clear();
        heard.open = true;
    }
}
