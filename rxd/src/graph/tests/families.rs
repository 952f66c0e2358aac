//! Families of services, each of which is one node.

use super::*;
use crate::graph::family::is_member_name;

fn family(name: &'static str, stem: &'static str, edges: impl IntoIterator<Item = Edge<'static>>) -> Node<'static> {
    Node { family: Some(stem), ..node(name, edges) }
}

#[test]
fn name_of_a_member_is_the_stem_a_dash_and_digits() {
    for name in ["worker-0", "worker-17", "worker-007"] {
        assert!(is_member_name("worker", name), "{name}");
    }
    for name in ["worker", "worker-", "worker-x", "worker-1x", "worker0", "workers-0", "my-worker-0", "worker-1-2"] {
        assert!(!is_member_name("worker", name), "{name}");
    }
}

#[test]
fn watches_on_a_family_are_accepted() {
    let edges = [needs("workers"), all(Action::Entering, State::Run, "workers").then(Effect::GateInit)];
    fine(&[family("workers", "worker", []), node("api", edges)]);
    fine(&[family("jobs", "job", []), family("workers", "worker", [needs("jobs")]), node("api", [needs("workers")])]);
    // Two families of which neither can have a member of the other.
    fine(&[family("a", "a", []), family("b", "a-1", [])]);
}

#[test]
fn any_gate_on_a_family_says_nothing_about_each_of_its_members() {
    // One member may be in Run, and another one not.
    let edges = || {
        let (some, others) = (in_run("w"), Edge::watch(Mode::Any, Action::NotIn, State::Run, of("w")));
        [some, others]
    };
    fine(&[family("w", "w", []), node("api", edges())]);
    assert_eq!(rules(&[node("w", []), node("api", edges())]), [Rule::ConflictingGates]);
}

#[test]
fn names_of_members_are_refused_elsewhere() {
    let workers = || family("workers", "worker", []);
    assert_eq!(rules(&[workers(), node("worker-0", [])]), [Rule::MemberName]);
    assert_eq!(rules(&[node("worker-0", []), workers()]), [Rule::MemberName]);
    assert_eq!(rules(&[workers(), family("worker-1", "x", [])]), [Rule::MemberName]);
    fine(&[workers(), node("worker", []), node("worker-a", [])]);
    assert_eq!(rules(&[workers(), node("api", [needs("worker-0")])]), [Rule::MemberTarget]);
    assert_eq!(rules(&[workers(), node("api", [needs("worker")])]), [Rule::UnknownService]);
    let nodes = [workers(), family("ingest", "worker", [])];
    let faults = Graph { daemon: "D", nodes: &nodes }.faults();
    assert_eq!(
        faults[0].message,
        "families `workers` and `ingest` of daemon `D` both have a member `worker-0`\nhelp: give the members of one \
         of them other names: `#[service(name = \"..\")]` on the field"
    );
}

#[test]
fn family_takes_part_in_cycles_as_one_service() {
    assert_eq!(rules(&[family("w", "w", [needs("w")])]), [Rule::SelfWatch]);
    assert_eq!(rules(&[family("w", "w", [needs("api")]), node("api", [needs("w")])]), [Rule::Cycle]);
}

fn rules(nodes: &[Node<'_>]) -> Vec<Rule> {
    Graph { daemon: "D", nodes }.faults().iter().map(|fault| fault.rule).collect()
}
