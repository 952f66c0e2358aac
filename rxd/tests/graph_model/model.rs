//! The models: how a service moves, what a watch asks, and every execution that follows.

use rxd::graph::{Effect, Keyword, Mode};
use rxd::manager::Table;
use rxd::{Action, State};
use std::collections::{HashSet, VecDeque};

/// Everything about one service, owned.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) table: Table,
    pub(super) has_restart_limit: bool,
    pub(super) watches: Vec<Watch>,
}

#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) keyword: Keyword,
    pub(super) mode: Mode,
    pub(super) action: Action,
    pub(super) state: State,
    pub(super) targets: Vec<usize>,
    pub(super) effect: Effect,
    pub(super) within: bool,
}

impl Watch {
    pub(super) fn asks(&self) -> (Action, State) {
        match self.keyword {
            Keyword::Watch => (self.action, self.state),
            Keyword::Needs => (Action::Entering, State::Run),
            Keyword::After => (Action::Entering, State::Exit),
        }
    }

    pub(super) fn any(&self) -> bool {
        self.keyword == Keyword::Watch && self.mode == Mode::Any
    }

    pub(super) fn is(&self, effect: Effect) -> bool {
        self.effect() == effect
    }

    pub(super) fn effect(&self) -> Effect {
        if self.keyword == Keyword::Watch { self.effect } else { Effect::GateRun }
    }
}

/// The state of one service, as far as watches can ask about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ModelState {
    pub(super) state: State,
    /// The states it has left, as bits.
    pub(super) left: u8,
    /// In Stop, and on to Exit after it.
    pub(super) ending: bool,
    /// Its last Run returned `Ok`.
    pub(super) ran: bool,
    /// In Exit after a Run that returned `Ok`.
    pub(super) completed: bool,
}

pub(super) const START: ModelState =
    ModelState { state: State::Unknown, left: 0, ending: false, ran: false, completed: false };

impl ModelState {
    pub(super) fn to(self, state: State) -> ModelState {
        ModelState { state, left: self.left | 1 << self.state as u8, ..self }
    }

    pub(super) fn has_left(self, state: State) -> bool {
        self.left & 1 << state as u8 != 0 && self.state != state
    }
}

/// What a service may do next, under these conditions.
#[derive(Clone, Copy)]
pub(super) struct Conditions {
    pub(super) init_open: bool,
    pub(super) run_open: bool,
    /// Whether Init and Idle may fail.
    pub(super) may_fail: bool,
    /// A reaction ends it, or a service that it depends on has failed for good.
    pub(super) may_be_ended: bool,
    /// A reaction takes it out of Run.
    pub(super) stopped: bool,
    /// May end at its restart limit when it has failed, or has waited too long before Init.
    pub(super) has_restart_limit: bool,
    pub(super) limited_init: bool,
}

pub(super) fn moves(table: &Table, at: ModelState, conditions: Conditions) -> Vec<ModelState> {
    let mut found = Vec::new();
    let leave = |found: &mut Vec<ModelState>, to: State, ran: bool| match to {
        State::Exit => found.push(ModelState { ending: true, ran, ..at.to(State::Stop) }),
        to => found.push(ModelState { ran, ..at.to(to) }),
    };
    match at.state {
        State::Unknown => {
            if conditions.init_open {
                found.push(at.to(State::Init));
            }
            if conditions.may_be_ended || conditions.has_restart_limit && conditions.limited_init {
                found.push(at.to(State::Exit));
            }
        }
        State::Init | State::Idle => {
            for ok in [true, false] {
                let next = table.next(at.state, ok);
                if (ok || conditions.may_fail) && (next != State::Run || conditions.run_open) {
                    leave(&mut found, next, false);
                }
            }
            if conditions.may_be_ended || conditions.has_restart_limit && conditions.may_fail {
                leave(&mut found, State::Exit, false);
            }
        }
        State::Run => {
            leave(&mut found, table.next(State::Run, true), true);
            leave(&mut found, table.next(State::Run, false), false);
            if conditions.stopped {
                leave(&mut found, State::Stop, false);
            }
            if conditions.may_be_ended || conditions.has_restart_limit {
                leave(&mut found, State::Exit, false);
            }
        }
        State::Stop => {
            for ok in [true, false] {
                match table.next(State::Stop, ok) {
                    _ if at.ending => found.push(ModelState { completed: at.ran, ..at.to(State::Exit) }),
                    State::Exit => found.push(ModelState { completed: at.ran && ok, ..at.to(State::Exit) }),
                    to if conditions.init_open => found.push(at.to(to)),
                    _ => {}
                }
            }
            if conditions.may_be_ended || conditions.has_restart_limit {
                found.push(at.to(State::Exit));
            }
        }
        State::Exit => {}
    }
    found
}

/// Whether a service that does not fail reaches its gates before Run.
pub(super) fn reaches_run_gates(table: &Table) -> bool {
    table.next(State::Init, true) == State::Idle && table.next(State::Idle, true) == State::Run
}

pub(super) fn limited(service: &Service, gate: Effect) -> bool {
    service.watches.iter().any(|watch| watch.is(gate) && watch.within)
}

/// A service that is held at a gate before Run is not about to fail, unless the gate has a limit; and
/// not even then, if its manager sends it back to the gate.
pub(super) fn may_fail(service: &Service, run_open: bool) -> bool {
    let gate_fails = limited(service, Effect::GateRun) && service.table.next(State::Idle, false) != State::Run;
    run_open || gate_fails || !reaches_run_gates(&service.table)
}

pub(super) fn gates(service: &Service, stage: Effect, holds: impl Fn(&Watch) -> bool) -> bool {
    service.watches.iter().filter(|watch| watch.is(stage)).all(holds)
}

/// A whole daemon: the state of each service, and the last change: service, from, to.
pub(super) type DaemonState = (Vec<ModelState>, Option<(usize, State, State)>);

pub(super) fn holds(watch: &Watch, (models, last): &DaemonState) -> bool {
    let (action, state) = watch.asks();
    let one = |&t: &usize| {
        let model = models[t];
        match action {
            Action::Entering if watch.keyword == Keyword::After => model.state == state && model.completed,
            Action::Entering => model.state == state,
            Action::Exited => model.has_left(state),
            Action::NotIn => model.state != state,
            Action::Changing if watch.any() => {
                last.is_some_and(|(service, from, to)| service == t && (from == state || to == state))
            }
            // True once each has changed, which is so when the last of them has.
            Action::Changing => model.has_left(state) || model.state == state && state != State::Unknown,
        }
    };
    if watch.any() { watch.targets.iter().any(one) } else { watch.targets.iter().all(one) }
}

/// Every reachable state of the daemon, by one step of one service after the other. `strict`: a
/// service that is held at a gate does not fail. `None` if there are too many.
pub(super) fn explore(services: &[Service], strict: bool) -> Option<HashSet<DaemonState>> {
    let start: DaemonState = (vec![START; services.len()], None);
    let mut seen = HashSet::from([start.clone()]);
    let mut queue = VecDeque::from([start]);
    while let Some(daemon) = queue.pop_front() {
        for (i, service) in services.iter().enumerate() {
            let reacts = |effect| service.watches.iter().any(|w| w.is(effect) && holds(w, &daemon));
            let run_open = gates(service, Effect::GateRun, |watch| holds(watch, &daemon));
            let dependency_failed =
                service.watches.iter().filter(|watch| watch.keyword != Keyword::Watch).any(|watch| {
                    watch.targets.iter().any(|&t| daemon.0[t].state == State::Exit && !daemon.0[t].completed)
                });
            let conditions = Conditions {
                init_open: gates(service, Effect::GateInit, |watch| holds(watch, &daemon)),
                run_open,
                may_fail: !strict || may_fail(service, run_open),
                may_be_ended: reacts(Effect::Exit) || dependency_failed,
                stopped: reacts(Effect::Stop),
                has_restart_limit: service.has_restart_limit,
                limited_init: limited(service, Effect::GateInit),
            };
            for next in moves(&service.table, daemon.0[i], conditions) {
                let mut models = daemon.0.clone();
                models[i] = next;
                let reached = (models, Some((i, daemon.0[i].state, next.state)));
                if seen.insert(reached.clone()) {
                    queue.push_back(reached);
                }
            }
        }
        if seen.len() > 10_000 {
            return None;
        }
    }
    Some(seen)
}

/// The same for each service alone: a watch holds if each target can ever be as it asks. That
/// forgets which states exclude each other, as the check promises to do.
pub(super) fn explore_each(services: &[Service]) -> Vec<HashSet<ModelState>> {
    let mut seen: Vec<HashSet<ModelState>> = vec![HashSet::from([START]); services.len()];
    // Whether others may end a service, as if no gate held them back.
    let mut may_be_ended: Vec<bool> = services
        .iter()
        .map(|s| s.watches.iter().any(|w| w.is(Effect::Exit)) || s.has_restart_limit && limited(s, Effect::GateInit))
        .collect();
    for _ in services {
        for (i, service) in services.iter().enumerate() {
            let mut dependencies = service.watches.iter().filter(|watch| watch.keyword != Keyword::Watch);
            may_be_ended[i] |= dependencies.any(|watch| {
                watch
                    .targets
                    .iter()
                    .any(|&t| may_be_ended[t] || services[t].has_restart_limit || services[t].table.ends())
            });
        }
    }
    loop {
        let before: usize = seen.iter().map(HashSet::len).sum();
        for (i, service) in services.iter().enumerate() {
            let can = |watch: &Watch| {
                let (action, state) = watch.asks();
                let one = |&t: &usize| {
                    seen[t].iter().any(|model| match action {
                        Action::Entering if watch.keyword == Keyword::After => model.state == state && model.completed,
                        Action::Entering => model.state == state,
                        Action::Exited => model.has_left(state),
                        Action::NotIn => model.state != state,
                        Action::Changing => {
                            model.left & 1 << state as u8 != 0 || model.state == state && state != State::Unknown
                        }
                    })
                };
                if watch.any() { watch.targets.iter().any(one) } else { watch.targets.iter().all(one) }
            };
            let run_open = gates(service, Effect::GateRun, can);
            let conditions = Conditions {
                init_open: gates(service, Effect::GateInit, can),
                run_open,
                may_fail: may_fail(service, run_open),
                may_be_ended: may_be_ended[i],
                stopped: true,
                has_restart_limit: service.has_restart_limit,
                limited_init: limited(service, Effect::GateInit),
            };
            let next: Vec<ModelState> = seen[i].iter().flat_map(|&at| moves(&service.table, at, conditions)).collect();
            seen[i].extend(next);
        }
        if seen.iter().map(HashSet::len).sum::<usize>() == before {
            return seen;
        }
    }
}

/// The state that a gate keeps its service from.
pub(super) fn kept_from(watch: &Watch) -> State {
    if watch.is(Effect::GateInit) { State::Init } else { State::Run }
}

/// The services that this one needs, directly or by way of others, itself included: by `needs`, or
/// by a gate and a reaction.
pub(super) fn needed_services(services: &[Service], me: usize) -> HashSet<usize> {
    let mut found = HashSet::from([me]);
    for _ in services {
        for at in found.clone() {
            for watch in &services[at].watches {
                let gate = watch.keyword == Keyword::Watch && watch.is(Effect::GateRun);
                let every = !watch.any() || watch.targets.len() == 1;
                found.extend(watch.targets.iter().filter(|&&t| {
                    watch.keyword == Keyword::Needs
                        || gate && every && watch.asks() == (Action::Entering, State::Run) && follows(&services[at], t)
                }));
            }
        }
    }
    found
}

/// Whether a `then(stop)` takes the service out when `target` has left Run.
fn follows(service: &Service, target: usize) -> bool {
    service.watches.iter().any(|watch| {
        watch.is(Effect::Stop)
            && matches!(watch.asks(), (Action::Exited | Action::NotIn, State::Run))
            && watch.targets.contains(&target)
            && (watch.any() || watch.targets.len() == 1)
    })
}

/// Whether the service is in Run and about to be taken out: a reaction holds, or one that it needs
/// has left Run. An edge counts as if it held for as long as the state it led to.
pub(super) fn leaves(services: &[Service], daemon: &DaemonState, at: usize) -> bool {
    let holds = |watch: &Watch| match watch.asks() {
        (Action::Changing, State::Run) => watch.targets.iter().any(|&t| daemon.0[t].state == State::Run),
        (Action::Changing, State::Idle) => watch.targets.iter().any(|&t| daemon.0[t].has_left(State::Idle)),
        _ => holds(watch, daemon),
    };
    daemon.0[at].state == State::Run
        && services[at].watches.iter().any(|watch| match watch.keyword {
            Keyword::Needs => watch.targets.iter().any(|&t| daemon.0[t].state != State::Run),
            Keyword::After => false,
            Keyword::Watch => matches!(watch.effect, Effect::Stop | Effect::Exit) && holds(watch),
        })
}

/// Whether the history of this service shows that it has satisfied the watch, now or before.
pub(super) fn has_held(watch: &Watch, model: &ModelState) -> bool {
    let (action, state) = watch.asks();
    let left = model.left & 1 << state as u8 != 0;
    match action {
        Action::Entering => left || model.state == state,
        Action::Exited => left,
        Action::Changing => left || model.state == state && state != State::Unknown,
        Action::NotIn => left || model.state != state,
    }
}

/// Services of which each is taken out of Run when the next one enters it, and the last one when
/// the first does: from `me` on, which is taken out by `by`. Empty if there are none.
pub(super) fn eviction_cycle(services: &[Service], me: usize, by: usize) -> Vec<usize> {
    let mut paths = VecDeque::from([vec![me, by]]);
    while let Some(path) = paths.pop_front() {
        let last = path[path.len() - 1];
        if takes_out(&services[last], me) {
            return path;
        }
        let next = (0..me).filter(|at| !path.contains(at) && takes_out(&services[last], *at));
        paths.extend(next.map(|at| [&path[..], &[at]].concat()));
    }
    Vec::new()
}

/// Whether a `then(stop)` takes the service out when `other` goes from Idle to Run.
fn takes_out(service: &Service, other: usize) -> bool {
    use {Action::*, State::*};
    let rises = [(Entering, Run), (NotIn, Idle), (Exited, Idle), (Changing, Idle), (Changing, Run)];
    service.watches.iter().any(|watch| {
        watch.is(Effect::Stop)
            && rises.contains(&watch.asks())
            && watch.targets.contains(&other)
            && (watch.any() || watch.targets.len() == 1)
    })
}
