//! G9: no gate is passed before its condition holds.

use super::index::{IndexedTrace, Violations};
use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, State, Transition};
use crate::trace::TraceStep;
use crate::trace::rules::{DeclaredGate, GateCondition};

/// What a gate needs to know of one of its targets.
#[derive(Clone, Copy, Default)]
struct TargetState {
    inside: Option<State>,
    /// The states it has left, as bits.
    left: u8,
    /// The last Run ended without a failure.
    ran_well: bool,
    /// It is in Exit, without a failure, after such a Run.
    completed: bool,
}

impl TargetState {
    fn satisfies(&self, condition: GateCondition) -> bool {
        match condition {
            GateCondition::State(Action::Entering, state) => self.inside == Some(state),
            GateCondition::State(Action::Exited, state) => self.inside != Some(state) && self.left & state.bit() != 0,
            GateCondition::State(Action::NotIn, state) => self.inside != Some(state),
            // An edge holds at no time. `ChangeGate` counts these.
            GateCondition::State(Action::Changing, _) => false,
            GateCondition::Completed => self.completed,
        }
    }

    fn apply(&mut self, step: &TraceStep) {
        match step.transition {
            Transition::Entering => {
                self.inside = Some(step.state);
                self.completed = step.state == State::Exit && step.cause == Cause::Normal && self.ran_well;
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

/// A gate on `changing`: the targets that have changed, and whether those were enough since the
/// gate was last passed.
#[derive(Default)]
struct ChangeGate {
    targets: Vec<usize>,
    open: bool,
}

pub(super) fn check(indexed: &IndexedTrace<'_>, violations: &mut Violations) {
    let rules = indexed.rules;
    let mut states = vec![TargetState::default(); rules.services.len()];
    let mut changes: Vec<Vec<ChangeGate>> =
        rules.services.iter().map(|service| service.gates.iter().map(|_| ChangeGate::default()).collect()).collect();
    let gates = rules
        .services
        .iter()
        .enumerate()
        .flat_map(|(at, service)| (0..service.gates.len()).map(move |gate| (at, gate)));
    let on_change: Vec<(usize, usize)> = gates
        .filter(|&(at, gate)| {
            matches!(rules.services[at].gates[gate].condition, GateCondition::State(Action::Changing, _))
        })
        .collect();
    for (me, step) in indexed.steps() {
        if step.enters(State::Init) || step.enters(State::Run) {
            for (gate, changes) in rules.services[me].gates.iter().zip(&mut changes[me]) {
                if gate.before == step.state && !holds(gate, &states, changes) {
                    let names: Vec<&str> = gate.targets.iter().map(|&at| &*rules.services[at].name).collect();
                    let text = format!(
                        "`{}` enters {} before {:?} of {names:?} satisfies {:?}",
                        step.service, step.state, gate.mode, gate.condition
                    );
                    violations.add("G9", step.seq, text);
                }
            }
        }
        // When an operator starts a service again, it leaves Exit without a transition.
        let left = states[me].inside.filter(|&before| before != step.state);
        states[me].apply(step);
        for &(service, gate) in &on_change {
            count_change(&rules.services[service].gates[gate], &mut changes[service][gate], (me, left), step);
        }
    }
}

fn holds(gate: &DeclaredGate, states: &[TargetState], changes: &mut ChangeGate) -> bool {
    if matches!(gate.condition, GateCondition::State(Action::Changing, _)) {
        return std::mem::take(&mut changes.open);
    }
    match gate.mode {
        Mode::Any => gate.targets.iter().any(|&target| states[target].satisfies(gate.condition)),
        Mode::All => gate.targets.iter().all(|&target| states[target].satisfies(gate.condition)),
    }
}

/// Counts a transition of `service` for a gate on `changing`. `left` is a state that the service
/// left without a transition.
fn count_change(
    gate: &DeclaredGate,
    changes: &mut ChangeGate,
    (service, left): (usize, Option<State>),
    step: &TraceStep,
) {
    let GateCondition::State(Action::Changing, state) = gate.condition else { return };
    if (step.state != state && left != Some(state)) || !gate.targets.contains(&service) {
        return;
    }
    if !changes.targets.contains(&service) {
        changes.targets.push(service);
    }
    if gate.mode == Mode::Any || changes.targets.len() == gate.targets.len() {
        changes.targets.clear();
        changes.open = true;
    }
}
