//! The verdict on a graph against slow models of a start-up that are obviously right: they know
//! nothing of gates that wait for each other, only how a service moves from state to state and
//! what a watch asks, and then try everything that can happen.

use proptest::collection::vec;
use proptest::prelude::*;
use rxd::graph::{Edge, Effect, Fault, Graph, Keyword, Mode, Node, Rule, Target};
use rxd::manager::Table;
use rxd::{Action, State};
use std::collections::{HashSet, VecDeque};
use std::time::Duration;

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
const ACTIONS: [Action; 4] = [Action::Entering, Action::Exited, Action::Changing, Action::NotIn];
const EFFECTS: [Effect; 5] = [Effect::GateInit, Effect::GateRun, Effect::Stop, Effect::Exit, Effect::Stream];

/// Everything about one service, owned.
#[derive(Clone, Debug)]
struct Service {
    table: Table,
    gives_up: bool,
    watches: Vec<Watch>,
}

#[derive(Clone, Debug)]
struct Watch {
    keyword: Keyword,
    mode: Mode,
    action: Action,
    state: State,
    targets: Vec<usize>,
    effect: Effect,
    within: bool,
}

impl Watch {
    fn asks(&self) -> (Action, State) {
        match self.keyword {
            Keyword::Watch => (self.action, self.state),
            Keyword::Needs => (Action::Entering, State::Run),
            Keyword::After => (Action::Entering, State::Exit),
        }
    }

    fn any(&self) -> bool {
        self.keyword == Keyword::Watch && self.mode == Mode::Any
    }

    fn is(&self, effect: Effect) -> bool {
        self.effect() == effect
    }

    fn effect(&self) -> Effect {
        if self.keyword == Keyword::Watch { self.effect } else { Effect::GateRun }
    }
}

/// What the check says.
fn faults_of(services: &[Service]) -> Vec<Fault> {
    let targets: Vec<Vec<Vec<Target<'_>>>> = services
        .iter()
        .map(|service| {
            let of = |watch: &Watch| watch.targets.iter().map(|&t| Target::name(NAMES[t])).collect();
            service.watches.iter().map(of).collect()
        })
        .collect();
    let edges: Vec<Vec<Edge<'_>>> = services
        .iter()
        .zip(&targets)
        .map(|(service, targets)| {
            let edge = |((watch, targets), stream): ((&Watch, _), _)| {
                let edge = Edge::watch(watch.mode, watch.action, watch.state, targets).then(watch.effect);
                let within = watch.within.then_some(Duration::from_secs(1));
                Edge { keyword: watch.keyword, within, stream, ..edge }
            };
            service.watches.iter().zip(targets.iter().map(|t| &**t)).zip(NAMES).map(edge).collect()
        })
        .collect();
    let nodes: Vec<Node<'_>> = services
        .iter()
        .zip(&edges)
        .zip(NAMES)
        .map(|((service, edges), name)| Node {
            name,
            kind: None,
            table: &service.table,
            edges,
            optional: false,
            gives_up: service.gives_up,
        })
        .collect();
    Graph { daemon: "D", nodes: &nodes }.faults()
}

/// Where one service is, and what others can tell from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Local {
    state: State,
    /// The states it has left, as bits.
    left: u8,
    /// In Stop, and on to Exit after it.
    ending: bool,
    /// Its last Run returned `Ok`.
    ran: bool,
    /// In Exit after a good Run.
    well: bool,
}

const START: Local = Local { state: State::Unknown, left: 0, ending: false, ran: false, well: false };

impl Local {
    fn to(self, state: State) -> Local {
        Local { state, left: self.left | 1 << self.state as u8, ..self }
    }

    fn has_left(self, state: State) -> bool {
        self.left & 1 << state as u8 != 0 && self.state != state
    }
}

/// What a service may do next, given what holds around it.
#[derive(Clone, Copy)]
struct Around {
    init_open: bool,
    run_open: bool,
    /// Whether Init and Idle may fail.
    may_fail: bool,
    /// Told to end, or one it depends on has given up.
    falls: bool,
    /// Told to leave Run.
    stopped: bool,
    /// May give up when it has failed, or has waited too long before Init.
    gives_up: bool,
    limited_init: bool,
}

fn moves(table: &Table, at: Local, around: Around) -> Vec<Local> {
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
            if around.falls || around.gives_up && around.limited_init {
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
            if around.falls || around.gives_up && around.may_fail {
                leave(&mut found, State::Exit, false);
            }
        }
        State::Run => {
            leave(&mut found, table.next(State::Run, true), true);
            leave(&mut found, table.next(State::Run, false), false);
            if around.stopped {
                leave(&mut found, State::Stop, false);
            }
            if around.falls || around.gives_up {
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
            if around.falls || around.gives_up {
                found.push(at.to(State::Exit));
            }
        }
        State::Exit => {}
    }
    found
}

/// Whether a service that is about to run comes to its gates before Run.
fn comes_to_gates(table: &Table) -> bool {
    table.next(State::Init, true) == State::Idle && table.next(State::Idle, true) == State::Run
}

fn limited(service: &Service, gate: Effect) -> bool {
    service.watches.iter().any(|watch| watch.is(gate) && watch.within)
}

/// A service that is held at a gate before Run is not about to fail.
fn may_fail(service: &Service, run_open: bool) -> bool {
    run_open || limited(service, Effect::GateRun) || !comes_to_gates(&service.table)
}

fn gates(service: &Service, stage: Effect, holds: impl Fn(&Watch) -> bool) -> bool {
    service.watches.iter().filter(|watch| watch.is(stage)).all(holds)
}

/// A whole daemon: everybody's place, and the last change: who, from, to.
type Whole = (Vec<Local>, Option<(usize, State, State)>);

fn holds(watch: &Watch, (locals, last): &Whole) -> bool {
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
            // Once each has changed: at the latest when the last of them has.
            Action::Changing => local.has_left(state) || local.state == state && state != State::Unknown,
        }
    };
    if watch.any() { watch.targets.iter().any(one) } else { watch.targets.iter().all(one) }
}

/// Everything that can happen, one step of one service after the other. `strict`: a service held at
/// a gate does not fail. None if there is too much to try.
fn explore(services: &[Service], strict: bool) -> Option<HashSet<Whole>> {
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
                gives_up: service.gives_up,
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

/// The same, but of each service alone: a watch holds if each target can ever be as it asks. This
/// forgets what cannot be at the same time, and is exactly what the check promises to find out.
fn explore_each(services: &[Service]) -> Vec<HashSet<Local>> {
    let mut seen: Vec<HashSet<Local>> = vec![HashSet::from([START]); services.len()];
    // Whether a service may end without its own doing, as if nobody were held back.
    let mut falls: Vec<bool> = services
        .iter()
        .map(|s| s.watches.iter().any(|w| w.is(Effect::Exit)) || s.gives_up && limited(s, Effect::GateInit))
        .collect();
    for _ in services {
        for (i, service) in services.iter().enumerate() {
            let mut hard = service.watches.iter().filter(|watch| watch.keyword != Keyword::Watch);
            falls[i] |= hard.any(|watch| {
                watch.targets.iter().any(|&t| falls[t] || services[t].gives_up || services[t].table.ends())
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
                gives_up: service.gives_up,
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
fn kept_from(watch: &Watch) -> State {
    if watch.is(Effect::GateInit) { State::Init } else { State::Run }
}

fn tables() -> impl Strategy<Value = Table> {
    use State::{Exit, Idle, Init, Run, Stop};
    let any = (0..3_usize, 0..3_usize, 0..3_usize, 0..3_usize, 0..2_usize, 0..2_usize, 0..2_usize, 0..2_usize)
        .prop_map(|(a, b, c, d, e, f, g, h)| {
            let (init, idle, run, stop) = ([Idle, Stop, Exit], [Run, Stop, Exit], [Stop, Exit], [Init, Exit]);
            Table::new([init[a], init[b]], [idle[c], idle[d]], [run[e], run[f]], [stop[g], stop[h]])
        });
    prop_oneof![
        4 => Just(Table::new([Idle, Stop], [Run, Stop], [Stop, Stop], [Init, Init])),
        2 => Just(Table::new([Idle, Stop], [Run, Stop], [Exit, Stop], [Init, Init])),
        1 => Just(Table::new([Idle, Exit], [Run, Exit], [Stop, Exit], [Init, Exit])),
        1 => any,
    ]
}

fn graphs(most: usize, edges: usize) -> impl Strategy<Value = Vec<Service>> {
    (2..=most).prop_flat_map(move |n| {
        let watch = (0..8_u8, any::<bool>(), 0..7_usize, 0..6_usize, vec(0..n, 1..=3), 0..8_usize, 0..8_u8).prop_map(
            |(keyword, any, action, state, targets, effect, within)| Watch {
                keyword: match keyword {
                    0 => Keyword::Needs,
                    1 => Keyword::After,
                    _ => Keyword::Watch,
                },
                mode: if any { Mode::Any } else { Mode::All },
                // Mostly what people write.
                action: ACTIONS[action.saturating_sub(3)],
                state: State::ALL[state],
                targets,
                effect: EFFECTS[if effect < 5 { effect } else { 1 }],
                within: within == 0,
            },
        );
        let service = (tables(), 0..8_u8, vec(watch, 0..=edges));
        vec(service, n).prop_map(|services| {
            let services = services.into_iter().enumerate().map(|(me, (table, gives_up, mut watches))| {
                for watch in &mut watches {
                    watch.targets.retain(|&t| t != me);
                    let mut seen = HashSet::new();
                    watch.targets.retain(|&t| seen.insert(t));
                    watch.within &= matches!(watch.effect(), Effect::GateInit | Effect::GateRun);
                }
                watches.retain(|watch| !watch.targets.is_empty());
                Service { table, gives_up: gives_up == 0, watches }
            });
            services.collect()
        })
    })
}

/// Every fault that says "never" is true in everything that can happen.
fn is_sound(services: &[Service]) -> Result<(), TestCaseError> {
    let faults = faults_of(services);
    let (Some(strict), Some(lax)) = (explore(services, true), explore(services, false)) else {
        return Ok(());
    };
    for fault in faults {
        let Some(me) = fault.service else { continue };
        let Some(e) = fault.edge else { continue };
        let watch = &services[me].watches[e];
        let is_gate = matches!(watch.effect(), Effect::GateInit | Effect::GateRun);
        match fault.rule {
            Rule::Cycle => {
                prop_assert!(strict.iter().all(|(all, _)| all[me].state != kept_from(watch)), "{fault}");
            }
            Rule::NeverHolds | Rule::AfterEndless | Rule::ShutTogether if is_gate => {
                prop_assert!(lax.iter().all(|(all, _)| all[me].state != kept_from(watch)), "{fault}");
            }
            Rule::NeverHolds => {
                prop_assert!(lax.iter().all(|whole| !holds(watch, whole)), "{fault}");
            }
            Rule::Contradiction | Rule::AlwaysReacts => {
                for whole in &lax {
                    if whole.1.is_some_and(|(who, _, to)| who == me && to == State::Run) {
                        prop_assert!(holds(watch, whole), "{fault}");
                    }
                }
            }
            Rule::Repelled => {
                let to = watch.targets[fault.target.unwrap_or_default()];
                for whole in &lax {
                    if whole.1.is_some_and(|(who, _, to)| who == me && to == State::Run) {
                        prop_assert!(
                            services[to].watches.iter().any(|watch| {
                                matches!(watch.effect(), Effect::Stop | Effect::Exit) && holds(watch, whole)
                            }),
                            "{fault}"
                        );
                    }
                }
            }
            Rule::NeedsEnding | Rule::RepeatedWatch => {}
            other => prop_assert!(false, "unexpected {other}: {fault}"),
        }
    }
    Ok(())
}

/// A cycle is reported if and only if somebody can never get past a gate, one service at a time.
fn is_exact(services: &[Service]) -> Result<(), TestCaseError> {
    let faults = faults_of(services);
    let seen = explore_each(services);
    let reaches = |i: usize, state| seen[i].iter().any(|local| local.state == state);
    for fault in faults.iter().filter(|fault| fault.rule == Rule::Cycle) {
        let watch = &services[fault.service.unwrap()].watches[fault.edge.unwrap()];
        prop_assert!(!reaches(fault.service.unwrap(), kept_from(watch)), "{fault}");
    }
    if faults.iter().any(|fault| fault.rule != Rule::Cycle) {
        return Ok(());
    }
    let stuck = (0..services.len())
        .find(|&i| !reaches(i, State::Init) || services[i].table.reaches(State::Run) && !reaches(i, State::Run));
    prop_assert!(stuck.is_none() || !faults.is_empty(), "service {stuck:?} is stuck, and nobody says so");
    Ok(())
}

/// `PROPTEST_CASES=100000 cargo test --release -p rxd --test graph_model` tries for longer.
fn config(times: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases * times, max_shrink_iters: 3000, failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(config(1))]
    #[test]
    fn what_never_works_never_happens(services in graphs(3, 2)) {
        is_sound(&services)?;
    }
}

proptest! {
    #![proptest_config(config(8))]
    #[test]
    fn what_is_stuck_is_said(services in graphs(7, 3)) {
        is_exact(&services)?;
    }
}
