//! G9: no gate is passed before its condition holds.

use super::{Found, Seen};
use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, State, Transition};
use crate::testing::rules::{Asks, Gate};
use crate::testing::trace::Step;

/// What a gate may ask of a service.
#[derive(Clone, Copy, Default)]
struct Last {
    inside: Option<State>,
    /// The states it has left, as bits.
    left: u8,
    ran_well: bool,
    ended_well: bool,
}

impl Last {
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

pub(super) fn check_invariants(seen: &Seen<'_>, found: &mut Found) {
    let rules = seen.rules;
    let mut last = vec![Last::default(); rules.services.len()];
    let mut heard: Vec<Vec<Heard>> =
        rules.services.iter().map(|service| service.gates.iter().map(|_| Heard::default()).collect()).collect();
    let gates = rules
        .services
        .iter()
        .enumerate()
        .flat_map(|(at, service)| (0..service.gates.len()).map(move |gate| (at, gate)));
    let pulses: Vec<(usize, usize)> = gates
        .filter(|&(at, gate)| matches!(rules.services[at].gates[gate].asks, Asks::State(Action::Changing, _)))
        .collect();
    for (me, step) in seen.steps() {
        if step.enters(State::Init) || step.enters(State::Run) {
            for (gate, heard) in rules.services[me].gates.iter().zip(&mut heard[me]) {
                if gate.before == step.state && !holds(gate, &last, heard) {
                    let names: Vec<&str> = gate.targets.iter().map(|&at| &*rules.services[at].name).collect();
                    let text = format!(
                        "`{}` enters {} before {:?} of {names:?} is {:?}",
                        step.service, step.state, gate.mode, gate.asks
                    );
                    found.add("G9", step.seq, text);
                }
            }
        }
        // Exit, when an operator starts the service again, is left without a transition of its own.
        let left = last[me].inside.filter(|&before| before != step.state);
        last[me].see(step);
        for &(service, gate) in &pulses {
            listen(&rules.services[service].gates[gate], &mut heard[service][gate], (me, left), step);
        }
    }
}

fn holds(gate: &Gate, last: &[Last], heard: &mut Heard) -> bool {
    if matches!(gate.asks, Asks::State(Action::Changing, _)) {
        return std::mem::take(&mut heard.open);
    }
    match gate.mode {
        Mode::Any => gate.targets.iter().any(|&target| last[target].is(gate.asks)),
        Mode::All => gate.targets.iter().all(|&target| last[target].is(gate.asks)),
    }
}

fn listen(gate: &Gate, heard: &mut Heard, (who, left): (usize, Option<State>), step: &Step) {
    let Asks::State(Action::Changing, state) = gate.asks else { return };
    if (step.state != state && left != Some(state)) || !gate.targets.contains(&who) {
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
