//! The rules, one by one.

use super::*;
use crate::manager::{Manager, continuous, until_success};

const CONTINUOUS: &Table = &<continuous as Manager>::TABLE;
const JOB: &Table = &<until_success as Manager>::TABLE;

fn node(name: &'static str, edges: impl IntoIterator<Item = Edge<'static>>) -> Node<'static> {
    let edges = Vec::leak(edges.into_iter().collect());
    Node { name, kind: None, table: CONTINUOUS, edges, optional: false, gives_up: false }
}

fn job(name: &'static str, edges: impl IntoIterator<Item = Edge<'static>>) -> Node<'static> {
    Node { table: JOB, ..node(name, edges) }
}

/// Targets by name, separated by blanks.
fn of(names: &'static str) -> &'static [Target<'static>] {
    Vec::leak(names.split(' ').map(Target::name).collect())
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
fn unknown_service() {
    says(
        &[node("health", []), node("poller", [in_run("helth")])],
        Rule::UnknownService,
        "service `poller` watches `helth`, but daemon `D` has no service of that name\n\
         help: did you mean `health`? it has: `health`, `poller`",
    );
}

#[test]
fn duplicate_name() {
    says(
        &[node("a", []), node("b", []), node("a", [])],
        Rule::DuplicateName,
        "service 1 and service 3 of daemon `D` are both called `a`\n\
         help: rename one of them, on its field if it is one type twice: `#[service(name = \"..\")]`",
    );
}

#[test]
fn self_watch() {
    says(
        &[node("a", [in_run("a")])],
        Rule::SelfWatch,
        "service `a` of daemon `D` waits for itself: `#[watch(any, entering, Run, \"a\")]`\n\
         help: name another service; what a service does in its own states goes into its methods",
    );
}

#[test]
fn cycle() {
    says(
        &[
            node("a", [needs("b")]),
            node("b", [in_run("c").then(Effect::GateInit)]),
            node("c", [all(Action::Exited, State::Idle, "a")]),
            node("d", [needs("a")]),
        ],
        Rule::Cycle,
        "daemon `D` can never start `c`: it waits for itself in a circle of 3\n  \
           `a` waits before Run for `b` to be in Run: `#[needs(\"b\")]`\n  \
           `b` waits before Init for `c` to be in Run: `#[watch(any, entering, Run, \"c\", then(init))]`\n  \
           `c` waits before Run for `a` to have left Idle: `#[watch(all, exited, Idle, \"a\")]`\n\
         help: remove one of these, or wait for a state that comes before the gate of the other",
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
fn a_gate_before_run_does_not_hold_back_init() {
    fine(&[
        node("a", [Edge::watch(Mode::Any, Action::Entering, State::Init, of("b"))]),
        node("b", [Edge::watch(Mode::Any, Action::Entering, State::Idle, of("a"))]),
    ]);
}

#[test]
fn an_alternative_opens_an_any_gate() {
    fine(&[node("a", [in_run("b c")]), node("b", [needs("a")]), node("c", [])]);
    fine(&[node("a", [in_run("b c")]), node("b", [needs("a")]), job("c", [])]);
}

#[test]
fn after_a_job() {
    fine(&[job("a", []), node("b", [after("a")])]);
}

/// What the macros emit, by hand: the compiler itself has found nothing wrong with this one.
const _: () = {
    const GRAPH: &Graph<'static> = &Graph {
        daemon: "Hand",
        nodes: &[
            Node { name: "a", kind: None, table: CONTINUOUS, edges: &[], optional: false, gives_up: false },
            Node {
                name: "b",
                kind: None,
                table: CONTINUOUS,
                edges: &[Edge::needs(&[Target::name("a")])],
                optional: false,
                gives_up: false,
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

fn picture() -> Graph<'static> {
    let nodes = Vec::leak(vec![
        node("a\"<b>\n|]", []),
        Node { optional: true, ..node("b", [needs("a\"<b>\n|]"), in_run("nobody").stream("s")]) },
        node("c", [all(Action::NotIn, State::Run, "b").then(Effect::Stop)]),
    ]);
    Graph { daemon: "D \\", nodes }
}

#[test]
fn mermaid() {
    assert_eq!(
        picture().to_mermaid(),
        r##"---
title: "D \\"
---
flowchart LR
    s0["a#34;#60;b#62;�#124;#93;"]
    s1(["b"])
    s2["c"]
    u0["nobody ?"]
    s1 -->|"needs"| s0
    s1 -.->|"in Run: stream s"| u0
    s2 -.->|"not in Run: stop"| s1
    linkStyle 1 stroke-dasharray: 1 3
"##
    );
}

#[test]
fn dot() {
    assert_eq!(
        picture().to_dot(),
        r##"digraph "D \\" {
    rankdir = LR;
    node [shape = box];
    s0 [label = "a\"<b>\n|]"];
    s1 [label = "b", style = rounded];
    s2 [label = "c"];
    u0 [label = "nobody ?", color = red];
    s1 -> s0 [label = "needs", style = solid];
    s1 -> u0 [label = "in Run: stream s", style = dotted];
    s2 -> s1 [label = "not in Run: stop", style = dashed];
}
"##
    );
}

#[test]
fn json() {
    assert_eq!(
        picture().to_json(),
        concat!(
            r#"{"daemon":"D \\","services":["#,
            r#"{"name":"a\"<b>\n|]","type":null,"optional":false,"watches":[]},"#,
            r#"{"name":"b","type":null,"optional":true,"watches":["#,
            r#"{"keyword":"needs","mode":"all","action":"entering","state":"run","effect":"run","well":false,"within_ms":null,"stream":null,"targets":["a\"<b>\n|]"]},"#,
            r#"{"keyword":"watch","mode":"any","action":"entering","state":"run","effect":"stream","well":false,"within_ms":null,"stream":"s","targets":[null]}]},"#,
            r#"{"name":"c","type":null,"optional":false,"watches":["#,
            r#"{"keyword":"watch","mode":"all","action":"not_in","state":"run","effect":"stop","well":false,"within_ms":null,"stream":null,"targets":["b"]}]}"#,
            r#"]}"#
        )
    );
}
