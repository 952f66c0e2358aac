//! The rules and the stop order, one by one.

mod advice_table;
mod duplicates;
mod eviction;
mod families;
mod messages;
mod placing;
mod render;
mod rules_table;

use super::check::{check_edge, check_service, check_target};
use super::index::Index;
use super::table::Analysis;
use super::*;
use crate::lifecycle::manager::{Manager, Table, continuous, until_success};
use crate::lifecycle::options::Options;
use crate::lifecycle::state::{Action, State};
use std::time::Duration;

const CONTINUOUS: &Table = &<continuous as Manager>::TABLE;
const LIMITED: &Options = &Options::DEFAULT.restarts(1, Duration::from_secs(1));
const JOB: &Table = &<until_success as Manager>::TABLE;

fn node(name: &'static str, edges: impl IntoIterator<Item = Edge<'static>>) -> Node<'static> {
    let edges = Vec::leak(edges.into_iter().collect());
    Node {
        name,
        service_type: None,
        table: CONTINUOUS,
        edges,
        optional: false,
        options: &Options::DEFAULT,
        family: None,
    }
}

fn job(name: &'static str, edges: impl IntoIterator<Item = Edge<'static>>) -> Node<'static> {
    Node { table: JOB, ..node(name, edges) }
}

/// Targets by name, separated by spaces.
fn of(names: &'static str) -> &'static [Target<'static>] {
    Vec::leak(names.split(' ').filter(|name| !name.is_empty()).map(Target::name).collect())
}

fn in_run(names: &'static str) -> Edge<'static> {
    Edge::watch(Mode::Any, Action::Entering, State::Run, of(names))
}

fn all(action: Action, state: State, names: &'static str) -> Edge<'static> {
    Edge::watch(Mode::All, action, state, of(names))
}

fn needs(names: &'static str) -> Edge<'static> {
    Edge::needs(of(names))
}

fn after(names: &'static str) -> Edge<'static> {
    Edge::after(of(names))
}

#[track_caller]
fn says(nodes: &[Node<'_>], rule: Rule, message: &str) {
    let faults = Graph { daemon: "D", nodes }.faults();
    assert_eq!(faults.iter().map(|fault| (fault.rule, &*fault.message)).collect::<Vec<_>>(), [(rule, message)]);
}

#[track_caller]
fn fine(nodes: &[Node<'_>]) {
    assert_eq!(Graph { daemon: "D", nodes }.faults(), []);
}

#[test]
fn watch_of_an_unknown_name_is_refused_with_a_suggestion() {
    says(
        &[node("health", []), node("poller", [in_run("helth")])],
        Rule::UnknownService,
        "service `poller` watches `helth`, but daemon `D` has no service of that name\n\
         help: did you mean `health`? it has: `health`, `poller`",
    );
}

#[test]
fn two_services_of_one_name_are_refused() {
    says(
        &[node("a", []), node("b", []), node("a", [])],
        Rule::DuplicateName,
        "service 1 and service 3 of daemon `D` are both called `a`\n\
         help: rename one of them, on its field if it is one type twice: `#[service(name = \"..\")]`",
    );
}

#[test]
fn watch_of_its_own_service_is_refused() {
    says(
        &[node("a", [in_run("a")])],
        Rule::SelfWatch,
        "service `a` of daemon `D` waits for itself: `#[watch(any, entering, Run, \"a\")]`\n\
         help: name another service; what a service does in its own states goes into its methods",
    );
}

#[test]
fn cycle_of_three_gates_is_shown_whole() {
    says(
        &[
            node("a", [needs("b")]),
            node("b", [in_run("c").then(Effect::GateInit)]),
            node("c", [all(Action::Exited, State::Idle, "a")]),
            node("d", [needs("a")]),
        ],
        Rule::Cycle,
        "daemon `D` can never start `c`, which waits for itself in a cycle of 3 gates\n  \
           `a` waits before Run for `b` to be in Run: `#[needs(\"b\")]`\n  \
           `b` waits before Init for `c` to be in Run: `#[watch(any, entering, Run, \"c\", then(init))]`\n  \
           `c` waits before Run for `a` to have left Idle: `#[watch(all, exited, Idle, \"a\")]`\n\
         help: remove one of these gates, or let one wait for a state that comes before the gate of its target",
    );
}

#[test]
fn two_cycles_are_two_faults() {
    let nodes = [
        node("a", [needs("b")]),
        node("b", [needs("a")]),
        node("c", [needs("d"), all(Action::Entering, State::Stop, "a")]),
        node("d", [needs("c")]),
    ];
    let faults = Graph { daemon: "D", nodes: &nodes }.faults();
    let found: Vec<_> = faults.iter().map(|fault| (fault.rule, fault.service)).collect();
    assert_eq!(found, [(Rule::Cycle, Some(1)), (Rule::Cycle, Some(3))]);
}

#[test]
fn gate_before_run_does_not_hold_back_init() {
    fine(&[
        node("a", [Edge::watch(Mode::Any, Action::Entering, State::Init, of("b"))]),
        node("b", [Edge::watch(Mode::Any, Action::Entering, State::Idle, of("a"))]),
    ]);
}

#[test]
fn any_gate_opens_by_one_alternative() {
    fine(&[node("a", [in_run("b c")]), node("b", [needs("a")]), node("c", [])]);
    fine(&[node("a", [in_run("b c")]), node("b", [needs("a")]), job("c", [])]);
}

#[test]
fn after_on_a_one_shot_is_accepted() {
    fine(&[job("a", []), node("b", [after("a")])]);
}

/// What the macros emit, written by hand: the compiler evaluates these checks, and they pass.
const _: () = {
    const GRAPH: &Graph<'static> = &Graph {
        daemon: "Hand",
        nodes: &[
            Node {
                name: "a",
                service_type: None,
                table: CONTINUOUS,
                edges: &[],
                optional: false,
                options: &Options::DEFAULT,
                family: None,
            },
            Node {
                name: "b",
                service_type: None,
                table: CONTINUOUS,
                edges: &[Edge::needs(&[Target::name("a")])],
                optional: false,
                options: &Options::DEFAULT,
                family: None,
            },
        ],
    };
    const INDEX: &Index<2> = &Index::new(GRAPH);
    const ANALYSIS: Analysis<'static> = INDEX.of(GRAPH);
    check_service(&ANALYSIS, 0);
    check_service(&ANALYSIS, 1);
    check_edge(&ANALYSIS, 1, 0);
    check_target(&ANALYSIS, 1, 0, 0);
};

#[test]
fn stop_order_leaves_out_alternatives_within_a_cycle() {
    let nodes = [
        node("a", [in_run("b c")]),
        node("b", [needs("a")]),
        node("c", []),
        node("d", [needs("c"), all(Action::Entering, State::Init, "a"), in_run("a").then(Effect::Stop)]),
        node("e", [in_run("d c").then(Effect::GateInit)]),
    ];
    let graph = Graph { daemon: "D", nodes: &nodes };
    assert_eq!(graph.faults(), []);
    // `a` and `b` are in a cycle by way of an alternative.
    assert_eq!(graph.stops_before(), [vec![2], vec![0], vec![], vec![2], vec![2, 3]]);
}

#[test]
fn chain_of_20000_services_has_its_stop_order() {
    let names: Vec<String> = (0..20_000).map(|i| format!("s{i}")).collect();
    let targets: Vec<[Target<'_>; 1]> = names.iter().map(|name| [Target::name(name)]).collect();
    let edges: Vec<Vec<Edge<'_>>> =
        (0..names.len()).map(|i| targets.get(i + 1).map(|to| Edge::needs(to)).into_iter().collect()).collect();
    let nodes: Vec<Node<'_>> =
        names.iter().zip(&edges).map(|(name, edges)| Node { name, edges, ..node("", []) }).collect();
    let graph = Graph { daemon: "D", nodes: &nodes };
    assert_eq!(graph.faults(), []);
    assert!(graph.stops_before().iter().enumerate().all(|(i, before)| i == 19_999 || *before == [i + 1]));
}

#[test]
fn service_with_a_restart_limit_may_end() {
    fine(&[Node { options: LIMITED, ..node("a", []) }, node("b", [all(Action::Entering, State::Exit, "a")])]);
    // And ends the service that needs it.
    fine(&[
        Node { options: LIMITED, ..node("a", []) },
        node("b", [needs("a")]),
        node("c", [all(Action::Entering, State::Exit, "b")]),
    ]);
}

#[test]
fn cycle_of_alternatives_is_one_fault() {
    let nodes = [node("a", [in_run("b c")]), node("b", [needs("a")]), node("c", [needs("a")])];
    assert_eq!(Graph { daemon: "D", nodes: &nodes }.faults().len(), 1);
}

/// A shorter cycle within a longer one is reported once the longer one is gone.
#[test]
fn cycles_of_the_same_services_are_one_fault() {
    let cycles = |cycle: [Node<'static>; 3]| {
        let nodes: Vec<_> = [node("x", []), node("y", [])].into_iter().chain(cycle).collect();
        let faults = Graph { daemon: "D", nodes: &nodes }.faults();
        assert!(faults.iter().all(|fault| fault.rule == Rule::Cycle), "{faults:?}");
        faults.iter().filter_map(|fault| fault.service).collect::<Vec<_>>()
    };
    let within = [node("a", [needs("b")]), node("b", [needs("c"), needs("a")]), node("c", [needs("a")])];
    assert_eq!(cycles(within), [4]);
    // Two cycles with one service in common are two faults: to remove one does not remove the
    // other.
    let beside = [node("a", [needs("b")]), node("b", [needs("a"), needs("c")]), node("c", [needs("b")])];
    assert_eq!(cycles(beside), [3, 4]);
}

#[test]
fn service_held_at_a_gate_with_a_limit_may_fail() {
    let limit = Duration::from_secs(1);
    let waits = |gate: Edge<'static>| [node("a", [all(Action::Entering, State::Stop, "b")]), node("b", [gate])];
    assert_eq!(Graph { daemon: "D", nodes: &waits(in_run("a")) }.faults().len(), 1);
    fine(&waits(in_run("a").within(limit)));
    // A manager that sends it to Run after a failure keeps it before the gate.
    const STUBBORN: &Table = &Table::new(
        [State::Idle, State::Idle],
        [State::Run, State::Run],
        [State::Stop, State::Stop],
        [State::Init, State::Init],
    );
    let [a, b] = waits(in_run("a").within(limit));
    assert_eq!(Graph { daemon: "D", nodes: &[a, Node { table: STUBBORN, ..b }] }.faults().len(), 1);
}

/// A service leaves Unknown when it has passed its gates before Init.
#[test]
fn service_held_before_init_does_not_leave_unknown() {
    let holds = node("b", [in_run("a").then(Effect::GateInit)]);
    for action in [Action::Exited, Action::Changing, Action::NotIn] {
        let nodes = [node("a", [all(action, State::Unknown, "b")]), holds];
        let faults = Graph { daemon: "D", nodes: &nodes }.faults();
        assert_eq!(faults.iter().map(|fault| fault.rule).collect::<Vec<_>>(), [Rule::Cycle], "{action}");
        fine(&[node("a", [all(action, State::Unknown, "b")]), node("b", [in_run("a")])]);
    }
}

#[test]
fn limit_before_init_ends_a_service_with_a_restart_limit() {
    let gate = in_run("b").then(Effect::GateInit);
    let waits = |gate, is_limited| {
        let options = if is_limited { LIMITED } else { &Options::DEFAULT };
        [Node { options, ..node("a", [gate]) }, node("b", [all(Action::Entering, State::Exit, "a")])]
    };
    let limited = gate.within(Duration::from_secs(1));
    fine(&waits(limited, true));
    let rules =
        |nodes: &[Node<'_>]| Graph { daemon: "D", nodes }.faults().iter().map(|fault| fault.rule).collect::<Vec<_>>();
    assert_eq!(rules(&waits(limited, false)), [Rule::WatchNeverTrue]);
    assert_eq!(rules(&waits(gate, true)), [Rule::Cycle]);
}

#[test]
fn name_with_a_line_break_forges_no_line() {
    let nodes = [node("a", [in_run("b\nhelp:-it-is-fine")])];
    let faults = Graph { daemon: "D\r\n", nodes: &nodes }.faults();
    assert_eq!(
        faults[0].message,
        "service `a` watches `b?help:-it-is-fine`, but daemon `D??` has no service of that name\nhelp: it has: `a`"
    );
}

#[test]
fn list_of_many_names_says_how_many_more() {
    let names: Vec<String> = (0..50).map(|i| format!("service-{i}")).collect();
    let mut nodes: Vec<Node<'_>> = names.iter().map(|name| Node { name, ..node("", []) }).collect();
    nodes.push(node("a", [needs("nobody")]));
    let message = &Graph { daemon: "D", nodes: &nodes }.faults()[0].message;
    assert!(message.ends_with("`service-14`, `service-15`, .. and 35 more"), "{message}");
}

#[test]
fn cycle_of_1000_gates_is_shown_without_its_middle() {
    let names: Vec<String> = (0..1000).map(|i| format!("s{i}")).collect();
    let targets: Vec<[Target<'_>; 1]> = names.iter().map(|name| [Target::name(name)]).collect();
    let edges: Vec<[Edge<'_>; 1]> = (0..names.len()).map(|i| [Edge::needs(&targets[(i + 1) % names.len()])]).collect();
    let nodes: Vec<Node<'_>> =
        names.iter().zip(&edges).map(|(name, edges)| Node { name, edges, ..node("", []) }).collect();
    let faults = Graph { daemon: "D", nodes: &nodes }.faults();
    let lines: Vec<&str> = faults[0].message.lines().collect();
    assert_eq!((faults.len(), lines.len()), (1, 43));
    assert_eq!(lines[0], "daemon `D` can never start `s999`, which waits for itself in a cycle of 1000 gates");
    assert_eq!(lines[39], "  `s38` waits before Run for `s39` to be in Run: `#[needs(\"s39\")]`");
    assert_eq!(lines[40], "  .. and 960 more ..");
    assert_eq!(lines[41], "  `s999` waits before Run for `s0` to be in Run: `#[needs(\"s0\")]`");
}

#[test]
fn watch_of_5000_targets_is_checked_in_time() {
    let names: Vec<String> = (0..5000).map(|i| format!("s{i}")).collect();
    let targets: Vec<Target<'_>> = names.iter().map(|name| Target::name(name)).collect();
    let all = Edge::watch(Mode::All, Action::Entering, State::Run, &targets);
    let edges = [Edge::needs(&targets), all.then(Effect::GateInit), all.then(Effect::Exit)];
    let mut nodes: Vec<Node<'_>> = names.iter().map(|name| Node { name, ..node("", []) }).collect();
    nodes.push(Node { name: "a", edges: &edges, ..node("", []) });
    assert_eq!(Graph { daemon: "D", nodes: &nodes }.faults(), []);
}

#[test]
fn table_with_any_way_to_exit_may_end() {
    const TABLES: [Table; 4] = {
        use State::{Exit, Idle, Init, Run, Stop};
        [
            Table::new([Idle, Exit], [Run, Stop], [Stop, Stop], [Init, Init]),
            Table::new([Idle, Stop], [Run, Exit], [Stop, Stop], [Init, Init]),
            Table::new([Idle, Stop], [Run, Stop], [Stop, Exit], [Init, Init]),
            Table::new([Idle, Stop], [Run, Stop], [Stop, Stop], [Init, Exit]),
        ]
    };
    for table in &TABLES {
        fine(&[Node { table, ..node("a", []) }, node("b", [all(Action::Entering, State::Exit, "a")])]);
    }
}
