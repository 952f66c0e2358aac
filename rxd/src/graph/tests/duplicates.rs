//! Duplicates: names that share a hash, and watches that mean the same or only look so.

use super::*;

/// Two names of one hash.
const TWINS: [&str; 2] = ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"];

#[test]
fn names_are_hashed_by_fnv_1a() {
    assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    assert_eq!(fnv1a(TWINS[0]), fnv1a(TWINS[1]));
}

#[test]
fn names_of_one_hash_are_two_services() {
    let nodes = [node(TWINS[0], []), node(TWINS[1], [needs(TWINS[0])]), node("c", [needs(TWINS[1])])];
    let graph = Graph { daemon: "D", nodes: &nodes };
    assert_eq!(graph.faults(), []);
    assert_eq!(graph.stops_before(), [vec![], vec![0_usize], vec![1]]);
    let nodes = [node(TWINS[0], [in_run(TWINS[1])]), node(TWINS[1], [])];
    assert_eq!(Graph { daemon: "D", nodes: &nodes }.faults(), [], "without another service");
    // The other way round, and with another service between them in the bucket.
    let nodes = [node(TWINS[1], []), node("c", []), node(TWINS[0], [needs(TWINS[1])])];
    assert_eq!(Graph { daemon: "D", nodes: &nodes }.stops_before(), [vec![], vec![], vec![0]]);
}

#[test]
fn name_that_only_shares_a_hash_is_unknown() {
    for (has, asks) in [(TWINS[0], TWINS[1]), (TWINS[1], TWINS[0])] {
        let nodes = [node("a", [needs(asks)]), node(has, [])];
        let faults = Graph { daemon: "D", nodes: &nodes }.faults();
        assert_eq!(faults.iter().map(|fault| fault.rule).collect::<Vec<_>>(), [Rule::UnknownService], "{faults:?}");
    }
}

#[test]
fn duplicate_name_stands_for_the_first_service() {
    let nodes = [node("a", []), node("b", [needs("a")]), node("a", [])];
    assert_eq!(Graph { daemon: "D", nodes: &nodes }.stops_before(), [vec![], vec![0], vec![]]);
}

#[test]
fn watches_that_differ_in_one_part_are_not_duplicates() {
    let base = all(Action::Exited, State::Init, "b c").then(Effect::Exit);
    let stream = base.stream("one");
    let others = [
        (base, Edge { mode: Mode::Any, ..base }),
        (base, Edge { action: Action::Entering, ..base }),
        (base, Edge { state: State::Idle, ..base }),
        (base, Edge { targets: of("b"), ..base }),
        (base, Edge { targets: of("b d"), ..base }),
        (base, Edge { targets: of("b c d"), ..base }),
        (base, base.then(Effect::Stop)),
        (base, base.then(Effect::GateRun)),
        (base.then(Effect::GateInit), base.then(Effect::GateRun)),
        (base, stream),
        (stream, base.stream("two")),
        (stream, all(Action::Exited, State::Init, "b c").stream("")),
        (needs("b c"), all(Action::Entering, State::Run, "b c")),
    ];
    for (one, other) in others {
        for edges in [[one, other], [other, one]] {
            let nodes = [node("a", edges), node("b", []), node("c", []), node("d", [])];
            let faults = Graph { daemon: "D", nodes: &nodes }.faults();
            assert!(faults.iter().all(|fault| fault.rule != Rule::DuplicateWatch), "{edges:?}");
        }
    }
}

#[test]
fn watches_that_mean_the_same_are_duplicates() {
    let base = all(Action::Exited, State::Init, "b c d").then(Effect::Stop);
    let single = all(Action::Exited, State::Init, "b").then(Effect::Stop);
    let same = [
        (base, Edge { targets: of("d b c"), ..base }),
        (base, Edge { targets: of("b d c"), ..base }),
        // Of one service, any is all.
        (single, Edge { mode: Mode::Any, ..single }),
        // Of `needs`, only the targets count.
        (needs("b c"), Edge { action: Action::NotIn, effect: Effect::Stop, ..needs("c b") }),
    ];
    for (one, other) in same {
        let nodes = [node("a", [one, other]), node("b", []), node("c", []), node("d", [])];
        let faults = Graph { daemon: "D", nodes: &nodes }.faults();
        assert_eq!(
            faults.iter().map(|fault| fault.rule).collect::<Vec<_>>(),
            [Rule::DuplicateWatch],
            "{one:?} {other:?}"
        );
        assert_eq!((faults[0].service, faults[0].edge, faults[0].target), (Some(0), Some(1), None));
    }
}

#[test]
fn streams_are_duplicates_only_by_their_name() {
    let news = in_run("b").stream("news");
    let says = |edges| {
        let nodes = [node("a", edges), node("b", []), node("c", [])];
        Graph { daemon: "D", nodes: &nodes }.faults().iter().map(|fault| fault.rule).collect::<Vec<_>>()
    };
    assert_eq!(says(vec![news, in_run("c").stream("news")]), [Rule::DuplicateStream]);
    assert_eq!(says(vec![news, in_run("c").stream("other")]), []);
    // An edge that was given another effect after its stream is not a stream, and its name does not
    // count.
    assert_eq!(says(vec![in_run("c").stream("news").then(Effect::Stop), news]), []);
    assert_eq!(says(vec![news, in_run("c").stream("news").then(Effect::Stop)]), []);
    assert_eq!(says(vec![in_run("b").then(Effect::Stop), in_run("c").then(Effect::Stop)]), []);
}

#[test]
fn service_that_watches_itself_does_not_stop_before_itself() {
    assert_eq!(Graph { daemon: "D", nodes: &[node("a", [needs("a")])] }.stops_before(), [Vec::<usize>::new()]);
}

#[test]
fn only_gate_effects_make_a_gate() {
    let gates = |effect| in_run("a").then(effect).is_gate();
    assert!(gates(Effect::GateInit) && gates(Effect::GateRun) && needs("a").is_gate() && after("a").is_gate());
    assert!(!gates(Effect::Stop) && !gates(Effect::Exit) && !gates(Effect::Stream));
}
