//! G9: no gate is passed, and no reaction takes a service out of Run, before its condition holds,
//! and has held for as long as it has to.

use super::index::{IndexedTrace, Violations};
use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, State, Transition};
use crate::trace::TraceStep;
use crate::trace::rules::{DeclaredRules, GateCondition, family_of_target};
use std::time::Duration;

/// What a condition needs to know of one of its targets.
#[derive(Clone, Copy)]
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
    const AT_START: TargetState =
        TargetState { inside: Some(State::Unknown), left: 0, ran_well: false, completed: false };

    fn satisfies(&self, condition: GateCondition) -> bool {
        match condition {
            GateCondition::State(Action::Entering, state) => self.inside == Some(state),
            GateCondition::State(Action::Exited, state) => self.inside != Some(state) && self.left & state.bit() != 0,
            GateCondition::State(Action::NotIn, state) => self.inside != Some(state),
            // An edge holds at no time. `changed` counts these.
            GateCondition::State(Action::Changing, _) => false,
            GateCondition::Completed => self.completed,
        }
    }

    fn apply(&mut self, step: &TraceStep) {
        match step.transition {
            Transition::Entering => {
                // No transition leaves Unknown, Exit, or the state of an abandoned service.
                self.left |= self.inside.map_or(0, State::bit);
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

/// A gate or a reaction of a service, and what has become of its condition.
struct WatchedCondition {
    /// The state that a gate is before; none for a reaction.
    before: Option<State>,
    condition: GateCondition,
    mode: Mode,
    /// The services, members of families among them, and the families.
    targets: Vec<usize>,
    families: Vec<usize>,
    lasts: Duration,
    /// Since when it holds, if it does.
    since: Option<Duration>,
    /// It has held for long enough, or the edge has come, since its service last acted on it.
    came_true: bool,
    /// Of an edge: the targets that have changed since it last came.
    changed: Vec<usize>,
}

impl WatchedCondition {
    fn is_edge(&self) -> bool {
        matches!(self.condition, GateCondition::State(Action::Changing, _))
    }

    /// Looks at the condition after a transition at this time.
    fn look(&mut self, states: &[TargetState], at: Duration) {
        self.look_between(states, at, at);
    }

    /// As [`look`](WatchedCondition::look), after what happened at some time between these two.
    fn look_between(&mut self, states: &[TargetState], earliest: Duration, latest: Duration) {
        let satisfies = |&target: &usize| states[target].satisfies(self.condition);
        let holds = match self.mode {
            _ if self.is_edge() => return,
            Mode::Any => self.targets.iter().any(satisfies),
            Mode::All => self.targets.iter().all(satisfies),
        };
        self.came_true |= self.holds_long_enough(latest);
        self.since = holds.then(|| self.since.unwrap_or(earliest));
        self.came_true |= self.holds_long_enough(latest);
    }

    fn holds_long_enough(&self, at: Duration) -> bool {
        self.since.is_some_and(|since| at.saturating_sub(since) >= self.lasts)
    }

    /// Counts a transition of `service` for an edge. `left` is a state that the service left
    /// without a transition.
    fn count_change(&mut self, (service, left): (usize, Option<State>), step: &TraceStep) {
        let GateCondition::State(Action::Changing, state) = self.condition else { return };
        if (step.state != state && left != Some(state)) || !self.targets.contains(&service) {
            return;
        }
        if !self.changed.contains(&service) {
            self.changed.push(service);
        }
        if self.mode == Mode::Any || self.changed.len() == self.targets.len() {
            self.changed.clear();
            self.came_true = true;
        }
    }

    /// Whether its service may act on it now: a gate while it holds, or once for each edge; a
    /// reaction once it has come true.
    fn is_taken(&mut self, at: Duration) -> bool {
        let came_true = std::mem::take(&mut self.came_true);
        let holds = self.holds_long_enough(at);
        if self.before.is_some() && !self.is_edge() { holds } else { holds || came_true }
    }

    fn text(&self, rules: &DeclaredRules) -> String {
        let services = self.targets.iter().map(|&at| &*rules.services[at].name);
        let names: Vec<&str> = services.chain(self.families.iter().map(|&at| &*rules.families[at].name)).collect();
        let lasts = if self.lasts.is_zero() { String::new() } else { format!(" for {:?}", self.lasts) };
        format!("{:?} of {names:?} satisfies {:?}{lasts}", self.mode, self.condition)
    }
}

fn watched_of(rules: &DeclaredRules, states: &[TargetState]) -> Vec<Vec<WatchedCondition>> {
    let new = |before, condition, mode, targets: &[usize], lasts| {
        let (since, came_true, changed) = (None, false, Vec::new());
        let families = targets.iter().copied().filter_map(family_of_target).collect();
        let targets = targets.iter().copied().filter(|&target| family_of_target(target).is_none()).collect();
        let mut watched =
            WatchedCondition { before, condition, mode, targets, families, lasts, since, came_true, changed };
        watched.look(states, Duration::ZERO);
        watched
    };
    let mut all = Vec::new();
    for service in &rules.services {
        let mut own = Vec::new();
        for gate in &service.gates {
            own.push(new(Some(gate.before), gate.condition, gate.mode, &gate.targets, gate.lasts));
        }
        for reaction in &service.reactions {
            own.push(new(None, reaction.condition, reaction.mode, &reaction.targets, reaction.lasts));
        }
        all.push(own);
    }
    all
}

pub(super) fn check(indexed: &IndexedTrace<'_>, violations: &mut Violations) {
    let rules = indexed.rules;
    let mut states = vec![TargetState::AT_START; rules.services.len()];
    let mut watched = watched_of(rules, &states);
    // The watches that each service, and each family, is a target of.
    let mut watches_on = vec![Vec::new(); rules.services.len()];
    let mut watches_on_family = vec![Vec::new(); rules.families.len()];
    for (owner, own) in watched.iter().enumerate() {
        for (nth, watch) in own.iter().enumerate() {
            watch.targets.iter().for_each(|&target| watches_on[target].push((owner, nth)));
            watch.families.iter().for_each(|&family| watches_on_family[family].push((owner, nth)));
        }
    }
    let mut before = Duration::ZERO;
    let mut memberships = rules.memberships.iter().peekable();
    for (me, step) in indexed.steps() {
        while let Some(change) = memberships.next_if(|change| change.seq < step.seq) {
            for &(owner, nth) in &watches_on_family[change.family] {
                let watch = &mut watched[owner][nth];
                if change.joins {
                    watch.targets.push(change.service);
                    watches_on[change.service].push((owner, nth));
                } else {
                    watch.targets.retain(|&target| target != change.service);
                    watch.changed.retain(|&target| target != change.service);
                    watches_on[change.service].retain(|&on| on != (owner, nth));
                }
                watch.look_between(&states, before, step.at);
            }
        }
        if step.enters(State::Init) || step.enters(State::Run) {
            for gate in watched[me].iter_mut().filter(|gate| gate.before == Some(step.state)) {
                if !gate.is_taken(step.at) {
                    let text = format!("`{}` enters {} before {}", step.service, step.state, gate.text(rules));
                    violations.add("G9", step.seq, text);
                }
            }
        }
        if step.state == State::Run && step.transition == Transition::Exited && step.cause == Cause::Reaction {
            let (mut is_due, mut texts) = (false, Vec::new());
            for reaction in watched[me].iter_mut().filter(|watch| watch.before.is_none()) {
                is_due |= reaction.is_taken(step.at);
                texts.push(reaction.text(rules));
            }
            if !is_due && !texts.is_empty() {
                let text = format!("`{}` leaves Run by a reaction before {}", step.service, texts.join(", or "));
                violations.add("G9", step.seq, text);
            }
        }
        before = step.at;
        // When an operator starts a service again, it leaves Exit without a transition.
        let left = states[me].inside.filter(|&before| before != step.state);
        states[me].apply(step);
        for &(owner, nth) in &watches_on[me] {
            let watch = &mut watched[owner][nth];
            watch.look(&states, step.at);
            watch.count_change((me, left), step);
        }
    }
}
