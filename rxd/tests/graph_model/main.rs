//! Compares the check of a graph with slow models of a start that are obviously right.
//!
//! The models know nothing of gates that wait for each other. They know only how a service moves
//! from state to state and what a watch asks, and try every execution.

mod model;

use model::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rxd::graph::{Edge, Effect, Fault, Graph, Keyword, Mode, Node, Rule, Target};
use rxd::manager::Table;
use rxd::{Action, Options, State};
use std::collections::HashSet;
use std::time::Duration;

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
const LIMITED: &Options = &Options::DEFAULT.restarts(1, Duration::from_secs(1));
const ACTIONS: [Action; 4] = [Action::Entering, Action::Exited, Action::Changing, Action::NotIn];
const EFFECTS: [Effect; 5] = [Effect::GateInit, Effect::GateRun, Effect::Stop, Effect::Exit, Effect::Stream];

/// The faults that the check finds.
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
            service_type: None,
            table: &service.table,
            edges,
            optional: false,
            options: if service.has_restart_limit { LIMITED } else { &Options::DEFAULT },
            family: None,
        })
        .collect();
    Graph { daemon: "D", nodes: &nodes }.faults()
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
        let service =
            service.prop_map(|(table, limited, watches)| Service { table, has_restart_limit: limited == 0, watches });
        vec(service, n).prop_map(without_repeated_targets)
    })
}

/// The same services, without what is a fault of a watch alone.
fn without_repeated_targets(mut services: Vec<Service>) -> Vec<Service> {
    for (me, Service { watches, .. }) in services.iter_mut().enumerate() {
        for watch in &mut *watches {
            watch.targets.retain(|&t| t != me);
            let mut seen = HashSet::new();
            watch.targets.retain(|&t| seen.insert(t));
            watch.within &= matches!(watch.effect(), Effect::GateInit | Effect::GateRun);
        }
        watches.retain(|watch| !watch.targets.is_empty());
    }
    services
}

/// Every fault that says "never" is true in every execution.
fn is_sound(services: &[Service]) -> Result<(), TestCaseError> {
    let faults = faults_of(services);
    if faults.is_empty() {
        return Ok(());
    }
    let is_cycle = |fault: &Fault| fault.rule == Rule::Cycle;
    let strict = if faults.iter().any(is_cycle) { explore(services, true) } else { Some(HashSet::new()) };
    let (Some(strict), Some(lax)) = (strict, explore(services, false)) else {
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
            Rule::WatchNeverTrue | Rule::AfterNeverCompletes | Rule::ConflictingGates if is_gate => {
                prop_assert!(lax.iter().all(|(all, _)| all[me].state != kept_from(watch)), "{fault}");
            }
            Rule::WatchNeverTrue => {
                prop_assert!(lax.iter().all(|daemon| !holds(watch, daemon)), "{fault}");
            }
            Rule::ReactionContradictsGate | Rule::ReactionAlwaysTrue => {
                for daemon in &lax {
                    if daemon.1.is_some_and(|(service, _, to)| service == me && to == State::Run) {
                        prop_assert!(holds(watch, daemon), "{fault}");
                    }
                }
            }
            // When it enters Run, a service that it needs is on its way out.
            Rule::NeedsEvicts | Rule::NeedsExclusive | Rule::NeedsEnded => {
                let needed = needed_services(services, me);
                for daemon in &lax {
                    if daemon.1.is_some_and(|(service, _, to)| service == me && to == State::Run) {
                        prop_assert!(needed.iter().any(|&at| leaves(services, daemon, at)), "{fault}");
                    }
                }
            }
            // While both, or all of the cycle, are in Run, all of them are on their way out.
            Rule::MutualEviction => {
                let cycle = eviction_cycle(services, me, watch.targets[fault.target.unwrap_or_default()]);
                prop_assert!(cycle.len() > 1, "{fault}");
                for daemon in &lax {
                    if cycle.iter().all(|&at| daemon.0[at].state == State::Run) {
                        prop_assert!(cycle.iter().all(|&at| leaves(services, daemon, at)), "{fault}");
                    }
                }
            }
            // When it has passed its gates, the reaction has held.
            Rule::ExitBeforeRun => {
                let start = (vec![START; services.len()], None);
                for daemon in &lax {
                    if daemon.0[me].state == State::Run && !holds(watch, &start) {
                        prop_assert!(watch.targets.iter().any(|&t| has_held(watch, &daemon.0[t])), "{fault}");
                    }
                }
            }
            Rule::NeedsOneShot | Rule::DuplicateWatch => {}
            other => prop_assert!(false, "unexpected {other}: {fault}"),
        }
    }
    Ok(())
}

/// A cycle is reported if and only if some service can never pass a gate, looked at one at a time.
fn is_exact(services: &[Service]) -> Result<(), TestCaseError> {
    let faults = faults_of(services);
    let seen = explore_each(services);
    let reaches = |i: usize, state| seen[i].iter().any(|model| model.state == state);
    for fault in faults.iter().filter(|fault| fault.rule == Rule::Cycle) {
        let watch = &services[fault.service.unwrap()].watches[fault.edge.unwrap()];
        prop_assert!(!reaches(fault.service.unwrap(), kept_from(watch)), "{fault}");
    }
    if faults.iter().any(|fault| fault.rule != Rule::Cycle) {
        return Ok(());
    }
    let deadlocked = (0..services.len())
        .find(|&i| !reaches(i, State::Init) || services[i].table.reaches(State::Run) && !reaches(i, State::Run));
    prop_assert!(deadlocked.is_none() || !faults.is_empty(), "service {deadlocked:?} is deadlocked, without a fault");
    Ok(())
}

/// Graphs of few words, of which many are in contradiction to each other.
fn contradictory_graphs() -> impl Strategy<Value = Vec<Service>> {
    use {Action::*, State::*};
    let words = [
        (Keyword::Needs, Entering, Run, Effect::GateRun),
        (Keyword::Needs, Entering, Run, Effect::GateRun),
        (Keyword::After, Entering, Exit, Effect::GateRun),
        (Keyword::Watch, Entering, Run, Effect::GateRun),
        (Keyword::Watch, NotIn, Run, Effect::GateRun),
        (Keyword::Watch, Exited, Run, Effect::GateRun),
        (Keyword::Watch, Entering, Stop, Effect::GateRun),
        (Keyword::Watch, Entering, Exit, Effect::GateRun),
        (Keyword::Watch, Entering, Run, Effect::GateInit),
        (Keyword::Watch, NotIn, Run, Effect::GateInit),
        (Keyword::Watch, Entering, Run, Effect::Stop),
        (Keyword::Watch, Entering, Run, Effect::Stop),
        (Keyword::Watch, NotIn, Idle, Effect::Stop),
        (Keyword::Watch, Exited, Idle, Effect::Stop),
        (Keyword::Watch, Exited, Run, Effect::Stop),
        (Keyword::Watch, NotIn, Run, Effect::Stop),
        (Keyword::Watch, Entering, Idle, Effect::Exit),
        (Keyword::Watch, Entering, Run, Effect::Exit),
        (Keyword::Watch, Entering, Exit, Effect::Exit),
        (Keyword::Watch, Exited, Run, Effect::Exit),
        (Keyword::Watch, NotIn, Run, Effect::Exit),
    ];
    // Of two services all states fit into the slow model.
    let watch = move |n: usize| {
        (0..words.len(), any::<bool>(), vec(0..n, 1..=2)).prop_map(move |(word, any, targets)| {
            let (keyword, action, state, effect) = words[word];
            let mode = if any { Mode::Any } else { Mode::All };
            Watch { keyword, mode, action, state, targets, effect, within: false }
        })
    };
    let job = (0..4_u8).prop_map(|job| job == 0);
    let service = move |n| {
        (job.clone(), vec(watch(n), 0..=3)).prop_map(|(job, watches)| {
            let run = if job { Exit } else { Stop };
            let table = Table::new([Idle, Stop], [Run, Stop], [run, Stop], [Init, Init]);
            Service { table, has_restart_limit: false, watches }
        })
    };
    prop_oneof![3 => Just(2_usize), 1 => Just(3)]
        .prop_flat_map(move |n| vec(service(n), n))
        .prop_map(without_repeated_targets)
}

/// The rules that few random graphs violate.
const RARE: [Rule; 5] =
    [Rule::NeedsEvicts, Rule::MutualEviction, Rule::NeedsExclusive, Rule::NeedsEnded, Rule::ExitBeforeRun];

#[test]
fn contradictory_graphs_violate_each_rare_rule() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut missing = RARE.to_vec();
    for _ in 0..20_000 {
        let services = contradictory_graphs().new_tree(&mut runner).expect("a graph").current();
        let faults = faults_of(&services);
        missing.retain(|rule| faults.iter().all(|fault| fault.rule != *rule));
        if missing.is_empty() {
            return;
        }
    }
    panic!("none of them violates {missing:?}");
}

proptest! {
    #![proptest_config(config(4))]
    #[test]
    fn fault_of_contradictory_watches_is_true_in_every_execution(services in contradictory_graphs()) {
        // The other test is about the other rules.
        if faults_of(&services).iter().any(|fault| RARE.contains(&fault.rule)) {
            is_sound(&services)?;
        }
    }
}

/// `PROPTEST_CASES=100000 cargo test --release -p rxd --test graph_model` tries for longer.
fn config(times: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases * times, max_shrink_iters: 3000, failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(config(1))]
    #[test]
    fn never_fault_is_true_in_every_execution(services in graphs(3, 2)) {
        is_sound(&services)?;
    }
}

proptest! {
    #![proptest_config(config(8))]
    #[test]
    fn cycle_is_reported_exactly_when_a_service_is_deadlocked(services in graphs(7, 3)) {
        is_exact(&services)?;
    }
}
