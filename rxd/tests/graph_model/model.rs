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

/// The state of one service, as far as watches can ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Local {
    pub(super) state: State,
    /// The states it has left, as bits.
    pub(super) left: u8,
    /// In Stop, and on to Exit after it.
    pub(super) ending: bool,
    /// Its last Run returned `Ok`.
    pub(super) ran: bool,
    /// In Exit after a good Run.
    pub(super) well: bool,
}

pub(super) const START: Local = Local { state: State::Unknown, left: 0, ending: false, ran: false, well: false };

impl Local {
    pub(super) fn to(self, state: State) -> Local {
        Local { state, left: self.left | 1 << self.state as u8, ..self }
    }

    pub(super) fn has_left(self, state: State) -> bool {
        self.left & 1 << state as u8 != 0 && self.state != state
    }
}

/// What a service may do next, given what holds around it.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) init_open: bool,
    pub(super) run_open: bool,
    /// Whether Init and Idle may fail.
    pub(super) may_fail: bool,
    /// A reaction ends it, or a service that it depends on has reached its restart limit.
    pub(super) falls: bool,
    /// A reaction takes it out of Run.
    pub(super) stopped: bool,
    /// May end at its restart limit when it has failed, or has waited too long before Init.
    pub(super) has_restart_limit: bool,
    pub(super) limited_init: bool,
}

pub(super) fn moves(table: &Table, at: Local, around: Around) -> Vec<Local> {
    let mut found = Vec::new();
    let leave = |found: &mut Vec<Local>, to: State, ran: bool| match to {
        State::Exit => found.push(Local { ending: true, ran, ..at.to(State::Stop) }),
        to => found.push(Local { ran, ..at.to(to) }),
    };
    match at.state {
        State::Unknown => {
            if around.init_open {
                found.push(at.to(State::Init));
            }
            if around.falls || around.has_restart_limit && around.limited_init {
                found.push(at.to(State::Exit));
            }
        }
        State::Init | State::Idle => {
            for ok in [true, false] {
                let next = table.next(at.state, ok);
                if (ok || around.may_fail) && (next != State::Run || around.run_open) {
                    leave(&mut found, next, false);
                }
            }
            if around.falls || around.has_restart_limit && around.may_fail {
                leave(&mut found, State::Exit, false);
            }
        }
        State::Run => {
            leave(&mut found, table.next(State::Run, true), true);
            leave(&mut found, table.next(State::Run, false), false);
            if around.stopped {
                leave(&mut found, State::Stop, false);
            }
            if around.falls || around.has_restart_limit {
                leave(&mut found, State::Exit, false);
            }
        }
        State::Stop => {
            for ok in [true, false] {
                match table.next(State::Stop, ok) {
                    _ if at.ending => found.push(Local { well: at.ran, ..at.to(State::Exit) }),
                    State::Exit => found.push(Local { well: at.ran && ok, ..at.to(State::Exit) }),
                    to if around.init_open => found.push(at.to(to)),
                    _ => {}
                }
            }
            if around.falls || around.has_restart_limit {
                found.push(at.to(State::Exit));
            }
        }
        State::Exit => {}
    }
    found
}

/// Whether a service that is about to run comes to its gates before Run.
pub(super) fn comes_to_gates(table: &Table) -> bool {
    table.next(State::Init, true) == State::Idle && table.next(State::Idle, true) == State::Run
}

pub(super) fn limited(service: &Service, gate: Effect) -> bool {
    service.watches.iter().any(|watch| watch.is(gate) && watch.within)
}

/// A service that is held at a gate before Run is not about to fail.
pub(super) fn may_fail(service: &Service, run_open: bool) -> bool {
    run_open || limited(service, Effect::GateRun) || !comes_to_gates(&service.table)
}

pub(super) fn gates(service: &Service, stage: Effect, holds: impl Fn(&Watch) -> bool) -> bool {
    service.watches.iter().filter(|watch| watch.is(stage)).all(holds)
}

/// A whole daemon: the state of each service, and the last change: service, from, to.
pub(super) type Whole = (Vec<Local>, Option<(usize, State, State)>);

pub(super) fn holds(watch: &Watch, (locals, last): &Whole) -> bool {
    let (action, state) = watch.asks();
    let one = |&t: &usize| {
        let local = locals[t];
        match action {
            Action::Entering if watch.keyword == Keyword::After => local.state == state && local.well,
            Action::Entering => local.state == state,
            Action::Exited => local.has_left(state),
            Action::NotIn => local.state != state,
            Action::Changing if watch.any() => {
                last.is_some_and(|(who, from, to)| who == t && (from == state || to == state))
            }
            // True once each has changed, which is so when the last of them has.
            Action::Changing => local.has_left(state) || local.state == state && state != State::Unknown,
        }
    };
    if watch.any() { watch.targets.iter().any(one) } else { watch.targets.iter().all(one) }
}

/// Every reachable state of the daemon, by one step of one service after the other. `strict`: a
/// service that is held at a gate does not fail. `None` if there are too many.
pub(super) fn explore(services: &[Service], strict: bool) -> Option<HashSet<Whole>> {
    let start: Whole = (vec![START; services.len()], None);
    let mut seen = HashSet::from([start.clone()]);
    let mut queue = VecDeque::from([start]);
    while let Some(whole) = queue.pop_front() {
        for (i, service) in services.iter().enumerate() {
            let reacts = |effect| service.watches.iter().any(|w| w.is(effect) && holds(w, &whole));
            let run_open = gates(service, Effect::GateRun, |watch| holds(watch, &whole));
            let lost = service
                .watches
                .iter()
                .filter(|watch| watch.keyword != Keyword::Watch)
                .any(|watch| watch.targets.iter().any(|&t| whole.0[t].state == State::Exit && !whole.0[t].well));
            let around = Around {
                init_open: gates(service, Effect::GateInit, |watch| holds(watch, &whole)),
                run_open,
                may_fail: !strict || may_fail(service, run_open),
                falls: reacts(Effect::Exit) || lost,
                stopped: reacts(Effect::Stop),
                has_restart_limit: service.has_restart_limit,
                limited_init: limited(service, Effect::GateInit),
            };
            for next in moves(&service.table, whole.0[i], around) {
                let mut locals = whole.0.clone();
                locals[i] = next;
                let reached = (locals, Some((i, whole.0[i].state, next.state)));
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
pub(super) fn explore_each(services: &[Service]) -> Vec<HashSet<Local>> {
    let mut seen: Vec<HashSet<Local>> = vec![HashSet::from([START]); services.len()];
    // Whether others may end a service, as if no gate held them back.
    let mut falls: Vec<bool> = services
        .iter()
        .map(|s| s.watches.iter().any(|w| w.is(Effect::Exit)) || s.has_restart_limit && limited(s, Effect::GateInit))
        .collect();
    for _ in services {
        for (i, service) in services.iter().enumerate() {
            let mut hard = service.watches.iter().filter(|watch| watch.keyword != Keyword::Watch);
            falls[i] |= hard.any(|watch| {
                watch.targets.iter().any(|&t| falls[t] || services[t].has_restart_limit || services[t].table.ends())
            });
        }
    }
    loop {
        let before: usize = seen.iter().map(HashSet::len).sum();
        for (i, service) in services.iter().enumerate() {
            let can = |watch: &Watch| {
                let (action, state) = watch.asks();
                let one = |&t: &usize| {
                    seen[t].iter().any(|local| match action {
                        Action::Entering if watch.keyword == Keyword::After => local.state == state && local.well,
                        Action::Entering => local.state == state,
                        Action::Exited => local.has_left(state),
                        Action::NotIn => local.state != state,
                        Action::Changing => {
                            local.left & 1 << state as u8 != 0 || local.state == state && state != State::Unknown
                        }
                    })
                };
                if watch.any() { watch.targets.iter().any(one) } else { watch.targets.iter().all(one) }
            };
            let run_open = gates(service, Effect::GateRun, can);
            let around = Around {
                init_open: gates(service, Effect::GateInit, can),
                run_open,
                may_fail: may_fail(service, run_open),
                falls: falls[i],
                stopped: true,
                has_restart_limit: service.has_restart_limit,
                limited_init: limited(service, Effect::GateInit),
            };
            let next: Vec<Local> = seen[i].iter().flat_map(|&at| moves(&service.table, at, around)).collect();
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
