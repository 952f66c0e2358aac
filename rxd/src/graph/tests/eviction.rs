//! Services that are not in Run together, and services that end too early: at which target they are
//! refused, and what is accepted.

use super::*;

fn watch(action: Action, state: State, name: &'static str) -> Edge<'static> {
    Edge::watch(Mode::Any, action, state, of(name))
}

fn leaves(action: Action, state: State, name: &'static str) -> Edge<'static> {
    watch(action, state, name).then(Effect::Stop)
}

fn ends(action: Action, state: State, name: &'static str) -> Edge<'static> {
    watch(action, state, name).then(Effect::Exit)
}

/// The rules that are violated, each with its service, watch and target.
fn faults(nodes: &[Node<'_>]) -> Vec<(Rule, usize, usize, Option<usize>)> {
    let faults = Graph { daemon: "D", nodes }.faults();
    faults.iter().map(|fault| (fault.rule, fault.service.unwrap(), fault.edge.unwrap(), fault.target)).collect()
}

const RISES_AT_RUN: [(Action, State); 5] = [
    (Action::Entering, State::Run),
    (Action::NotIn, State::Idle),
    (Action::Exited, State::Idle),
    (Action::Changing, State::Idle),
    (Action::Changing, State::Run),
];

/// What comes true before Run takes the other one out once, and then not again.
const RISES_BEFORE: [(Action, State); 5] = [
    (Action::NotIn, State::Init),
    (Action::Exited, State::Init),
    (Action::NotIn, State::Stop),
    (Action::Exited, State::Unknown),
    (Action::Changing, State::Init),
];

#[test]
fn needs_of_a_service_evicted_by_any_word_is_refused() {
    for (action, state) in RISES_AT_RUN {
        let nodes = [node("standby", [leaves(action, state, "main")]), node("main", [needs("standby")])];
        assert_eq!(faults(&nodes), [(Rule::NeedsEvicts, 1, 0, Some(0))], "{action} {state}");
    }
    for (action, state) in RISES_BEFORE {
        fine(&[node("standby", [leaves(action, state, "main")]), node("main", [needs("standby")])]);
    }
    let all = Edge::watch(Mode::All, Action::Entering, State::Run, of("main other")).then(Effect::Stop);
    fine(&[node("standby", [all]), node("main", [needs("standby")]), node("other", [])]);
    let any = Edge::watch(Mode::Any, Action::Entering, State::Run, of("other main")).then(Effect::Exit);
    let nodes = [node("standby", [any]), node("main", [needs("standby")]), node("other", [])];
    assert_eq!(faults(&nodes), [(Rule::NeedsEvicts, 1, 0, Some(0))]);
}

#[test]
fn needs_of_an_evicted_service_by_way_of_others_is_refused() {
    says(
        &[
            node("a", [needs("b")]),
            node("b", [needs("x z"), leaves(Action::NotIn, State::Idle, "c")]),
            node("c", [needs("y a")]),
            node("x", []),
            node("y", []),
            node("z", []),
        ],
        Rule::NeedsEvicts,
        "service `c` of daemon `D` needs `a`, which needs `b`, but `#[watch(any, not_in, Idle, \"c\", then(stop))]` \
         takes `b` out of Run as soon as `c` is in Run\n\
         help: remove that reaction, or one of these dependencies",
    );
    // Two ways to one evicted service are one fault.
    let nodes = [
        node("b", [leaves(Action::Entering, State::Run, "c")]),
        node("left", [needs("b")]),
        node("right", [needs("b")]),
        node("c", [needs("left right"), needs("b")]),
    ];
    assert_eq!(faults(&nodes), [(Rule::NeedsEvicts, 3, 0, Some(0))]);
    // A gate alone is a hand-over: `c` stays in Run when `a` leaves it.
    let nodes =
        [node("a", [needs("b")]), node("b", [leaves(Action::Entering, State::Run, "c")]), node("c", [in_run("a")])];
    fine(&nodes);
}

#[test]
fn gate_and_reaction_that_amount_to_needs_are_refused_as_needs() {
    for action in [Action::Exited, Action::NotIn] {
        let nodes = [
            node("a", [leaves(action, State::Run, "b"), in_run("b")]),
            node("b", [leaves(Action::Entering, State::Run, "a")]),
        ];
        assert_eq!(faults(&nodes), [(Rule::NeedsEvicts, 0, 1, Some(0))], "{action}");
    }
    says(
        &[
            node("a", [all(Action::Entering, State::Run, "b"), leaves(Action::Exited, State::Run, "b")]),
            node("b", [leaves(Action::Entering, State::Run, "a")]),
        ],
        Rule::NeedsEvicts,
        "service `a` of daemon `D` needs `b` (by `#[watch(all, entering, Run, \"b\")]` and a reaction) in Run, \
         but `#[watch(any, entering, Run, \"a\", then(stop))]` takes `b` out of Run as soon as `a` is in Run\n\
         help: remove one of the two",
    );
    // It ends with `b`, or leaves only when both have left.
    let other = |edge| {
        let b = node("b", [leaves(Action::Entering, State::Run, "a")]);
        fine(&[node("a", [in_run("b"), edge]), b, node("c", [])]);
    };
    other(ends(Action::Exited, State::Run, "b"));
    other(all(Action::NotIn, State::Run, "b c").then(Effect::Stop));
    other(leaves(Action::Exited, State::Run, "c"));
}

/// `n` services of which each needs the next, and of which the last leaves when the first runs.
fn chain(names: &[String], targets: &[[Target<'_>; 1]]) -> usize {
    let count = names.len();
    let last = [Edge::watch(Mode::Any, Action::Entering, State::Run, &targets[0]).then(Effect::Stop)];
    let edges: Vec<[Edge<'_>; 1]> =
        (0..count).map(|i| if i + 1 < count { [Edge::needs(&targets[i + 1])] } else { last }).collect();
    let nodes: Vec<Node<'_>> =
        names.iter().zip(&edges).map(|(name, edges)| Node { name, edges, ..node("", []) }).collect();
    Graph { daemon: "D", nodes: &nodes }.faults().len()
}

#[test]
fn evicted_service_is_searched_among_the_nearest_64() {
    let faults = |count: usize| {
        let names: Vec<String> = (0..count).map(|i| format!("s{i}")).collect();
        let targets: Vec<[Target<'_>; 1]> = names.iter().map(|name| [Target::name(name)]).collect();
        chain(&names, &targets)
    };
    assert_eq!((faults(2), faults(65), faults(66)), (1, 1, 0));
}

#[test]
fn services_that_take_each_other_out_are_refused_at_the_later() {
    for (action, state) in RISES_AT_RUN {
        let nodes = [
            node("a", [leaves(action, state, "b")]),
            node("x", []),
            node("b", [leaves(Action::Entering, State::Run, "x a")]),
        ];
        assert_eq!(faults(&nodes), [(Rule::MutualEviction, 2, 0, Some(1))], "{action} {state}");
    }
    // The same gates on both: nothing holds back only one of them.
    let both = |a: Edge<'static>, b: Edge<'static>| {
        let nodes = [
            node("a", [a, leaves(Action::Entering, State::Run, "b")]),
            node("b", [leaves(Action::Entering, State::Run, "a"), b]),
            node("db", []),
        ];
        faults(&nodes)
    };
    assert_eq!(both(needs("db"), needs("db")), [(Rule::MutualEviction, 1, 0, Some(0))]);
    assert_eq!(both(needs("db"), in_run("db").then(Effect::GateInit)), []);
    assert_eq!(both(leaves(Action::Exited, State::Run, "db"), needs("db")), []);
    assert_eq!(both(watch(Action::NotIn, State::Run, "b"), leaves(Action::Exited, State::Run, "db")), []);
}

#[test]
fn cycle_of_services_that_take_each_other_out_is_refused_at_the_latest() {
    let out = |name| leaves(Action::Entering, State::Run, name);
    says(
        &[
            node("x", []),
            node("b", [out("c")]),
            node("a", [leaves(Action::NotIn, State::Idle, "b")]),
            node("c", [Edge::watch(Mode::Any, Action::Entering, State::Run, of("x a")).then(Effect::Stop)]),
        ],
        Rule::MutualEviction,
        "service `c` of daemon `D` can never stay in Run together with `a` and `b`: they take each other out in a \
         cycle, and then start again\n  \
           `c` leaves Run because of `a`: `#[watch(any, entering, Run, \"x\", \"a\", then(stop))]`\n  \
           `a` leaves Run because of `b`: `#[watch(any, not_in, Idle, \"b\", then(stop))]`\n  \
           `b` leaves Run because of `c`: `#[watch(any, entering, Run, \"c\", then(stop))]`\n\
         help: remove one of these reactions",
    );
    let four = |edge: Edge<'static>| {
        let nodes = [
            node("a", [out("b"), needs("db")]),
            node("b", [out("c"), edge]),
            node("c", [needs("db"), out("d")]),
            node("d", [needs("db"), out("a")]),
            node("db", []),
        ];
        faults(&nodes)
    };
    assert_eq!(four(needs("db")), [(Rule::MutualEviction, 3, 1, Some(0))]);
    // What holds only one of them back may keep it out.
    assert_eq!(four(watch(Action::NotIn, State::Run, "a")), []);
    assert_eq!(four(ends(Action::Entering, State::Run, "a")), []);
    fine(&[node("a", [out("b")]), job("b", [out("c")]), node("c", [out("a")])]);
    fine(&[node("a", [out("b")]), node("b", [out("c")]), node("c", [leaves(Action::NotIn, State::Init, "a")])]);
}

#[test]
fn services_of_which_one_may_keep_the_other_out_are_accepted() {
    let out = |name| leaves(Action::Entering, State::Run, name);
    // The first one ends the other.
    fine(&[node("a", [ends(Action::Entering, State::Run, "b")]), node("b", [ends(Action::Entering, State::Run, "a")])]);
    fine(&[node("a", [out("b")]), node("b", [ends(Action::Entering, State::Run, "a")])]);
    fine(&[node("a", [out("b"), ends(Action::Exited, State::Run, "c")]), node("b", [out("a")]), node("c", [])]);
    // It is out of the way once it has done its work, or once it was taken out.
    fine(&[job("a", [out("b")]), node("b", [out("a")])]);
    const ONCE: &Table = &{
        use State::{Exit, Idle, Init, Run, Stop};
        Table::new([Idle, Stop], [Run, Stop], [Stop, Stop], [Exit, Init])
    };
    fine(&[Node { table: ONCE, ..node("a", [out("b")]) }, node("b", [out("a")])]);
    let all = Edge::watch(Mode::All, Action::Entering, State::Run, of("b c")).then(Effect::Stop);
    fine(&[node("a", [all]), node("b", [out("a")]), node("c", [])]);
}

#[test]
fn needs_of_two_that_exclude_each_other_is_refused() {
    let out = |name| leaves(Action::Entering, State::Run, name);
    let held = |name| watch(Action::NotIn, State::Run, name);
    let standby = || node("s", [held("p"), out("p")]);
    let at = |x: Node<'static>| faults(&[node("p", []), standby(), x, node("y", [])]);
    assert_eq!(at(node("x", [needs("s y p")])), [(Rule::NeedsExclusive, 2, 0, Some(2))]);
    assert_eq!(at(node("x", [needs("p"), needs("y"), needs("s")])), [(Rule::NeedsExclusive, 2, 0, Some(0))]);
    let by_two = [needs("p"), all(Action::Entering, State::Run, "s"), leaves(Action::Exited, State::Run, "s")];
    assert_eq!(at(node("x", by_two)), [(Rule::NeedsExclusive, 2, 0, Some(0))]);
    // A gate may open while one enters and the other leaves, and needs nothing later.
    assert_eq!(at(node("x", [all(Action::Entering, State::Run, "p s")])), []);
    assert_eq!(at(node("x", [needs("p"), all(Action::Entering, State::Run, "s")])), []);
    // Without a gate the standby comes back, without a reaction it stays.
    fine(&[node("p", []), node("s", [out("p")]), node("x", [needs("p s")])]);
    fine(&[node("p", []), node("s", [held("p")]), node("x", [needs("p s")])]);
    // Each excludes the other: one fault.
    let nodes = [node("p", [held("s"), out("s")]), standby(), node("x", [needs("p s")])];
    assert_eq!(faults(&nodes), [(Rule::NeedsExclusive, 2, 0, Some(1))]);
    // It is held back before its Init.
    let early = node("s", [held("p").then(Effect::GateInit), out("p")]);
    assert_eq!(faults(&[node("p", []), early, node("x", [needs("p s")])]), [(Rule::NeedsExclusive, 2, 0, Some(0))]);
}

#[test]
fn needs_of_two_that_exclude_each_other_by_way_of_others_is_refused() {
    let out = |name| leaves(Action::Entering, State::Run, name);
    let standby = || node("s", [watch(Action::NotIn, State::Run, "p"), out("p")]);
    says(
        &[
            node("p", []),
            standby(),
            node("a", [needs("p")]),
            node("b", [needs("s")]),
            node("c", [needs("b")]),
            node("x", [needs("a c")]),
        ],
        Rule::NeedsExclusive,
        "service `x` of daemon `D` needs `a`, which needs `p`, and `c`, which needs `b`, which needs `s`, but `s` \
         is in Run only while `p` is not: `#[watch(any, not_in, Run, \"p\")]` holds it back, and \
         `#[watch(any, entering, Run, \"p\", then(stop))]` takes it out\n\
         help: remove one of these dependencies",
    );
    let nodes = [node("p", []), standby(), node("c", [needs("s")]), node("x", [needs("c"), needs("p")])];
    assert_eq!(faults(&nodes), [(Rule::NeedsExclusive, 3, 1, Some(0))]);
    // One mistake is one error: at the service that needs both.
    let nodes =
        [node("p", []), standby(), node("c", [needs("s p")]), node("x", [needs("c")]), node("y", [needs("c p")])];
    assert_eq!(faults(&nodes), [(Rule::NeedsExclusive, 2, 0, Some(1))]);
}

#[test]
fn needs_of_a_service_that_ends_with_another_gate_is_refused() {
    let helper = |edge| node("h", [edge]);
    let at = |h: Node<'static>, x: Node<'static>| faults(&[job("j", []), node("db", []), h, x]);
    let with_job = || helper(ends(Action::Entering, State::Exit, "j"));
    assert_eq!(at(with_job(), node("x", [needs("h"), after("j")])), [(Rule::NeedsEnded, 3, 0, Some(0))]);
    let ended = all(Action::Entering, State::Exit, "j");
    assert_eq!(at(with_job(), node("x", [ended, needs("db h")])), [(Rule::NeedsEnded, 3, 1, Some(1))]);
    let with_db = || helper(ends(Action::Exited, State::Idle, "db"));
    assert_eq!(at(with_db(), node("x", [needs("h"), needs("db")])), [(Rule::NeedsEnded, 3, 0, Some(0))]);
    // One that it needs ends.
    let by_way = [job("j", []), with_job(), node("c", [needs("h")]), node("x", [needs("c"), after("j")])];
    says(
        &by_way,
        Rule::NeedsEnded,
        "service `x` of daemon `D` needs `c`, which needs `h`, but `#[watch(any, entering, Exit, \"j\", then(exit))]` \
         ends `h` by the time `#[after(\"j\")]` lets `x` in\nhelp: remove one of these, or let `h` end later",
    );
    // A gate may open between the two; an alternative need not be the one that ends it.
    assert_eq!(at(with_job(), node("x", [after("j"), all(Action::Entering, State::Run, "h")])), []);
    let either = Edge::watch(Mode::Any, Action::Entering, State::Exit, of("j db"));
    assert_eq!(faults(&[job("j", []), job("db", []), with_job(), node("x", [needs("h"), either])]), []);
    // It waited for the end before its Init: an operator may have started `j` and `h` again.
    assert_eq!(at(with_job(), node("x", [needs("h"), ended.then(Effect::GateInit)])), []);
    // Only with another service, or only later.
    let both = Edge::watch(Mode::All, Action::Entering, State::Exit, of("j db")).then(Effect::Exit);
    let nodes = [job("j", []), job("db", []), helper(both), node("x", [needs("h"), after("j")])];
    assert_eq!(faults(&nodes), []);
    assert_eq!(at(helper(ends(Action::Exited, State::Run, "db")), node("x", [needs("h db")])), []);
    assert_eq!(at(helper(leaves(Action::Entering, State::Exit, "j")), node("x", [needs("h"), after("j")])), []);
}

#[test]
fn exit_that_holds_from_the_start_is_refused() {
    let at = |edge| faults(&[node("a", [edge]), Node { options: LIMITED, ..node("b", []) }, node("c", [])]);
    for state in [State::Init, State::Idle, State::Run, State::Stop, State::Exit] {
        assert_eq!(at(ends(Action::NotIn, state, "b")), [(Rule::ExitBeforeRun, 0, 0, None)], "{state}");
        assert_eq!(at(leaves(Action::NotIn, state, "b")), [], "{state}");
        assert_eq!(at(ends(Action::Exited, state, "c")), [], "{state}");
    }
    assert_eq!(at(ends(Action::Entering, State::Unknown, "c")), [(Rule::ExitBeforeRun, 0, 0, None)]);
    assert_eq!(at(ends(Action::NotIn, State::Unknown, "c")), []);
    let all = Edge::watch(Mode::All, Action::NotIn, State::Run, of("b c")).then(Effect::Exit);
    assert_eq!(at(all), [(Rule::ExitBeforeRun, 0, 0, None)]);
    says(
        &[node("a", [ends(Action::NotIn, State::Exit, "b")]), job("b", [])],
        Rule::ExitBeforeRun,
        "service `a` of daemon `D` ends before its Init: `#[watch(any, not_in, Exit, \"b\", then(exit))]` \
         holds from the start, when every service is in Unknown\nhelp: react to what comes later",
    );
}

#[test]
fn exit_on_the_way_to_a_gate_is_refused() {
    let at = |gate, exit| faults(&[node("a", [gate, exit]), job("b", []), node("c", [])]);
    let refused = |gate, exit| assert_eq!(at(gate, exit), [(Rule::ExitBeforeRun, 0, 1, None)], "{exit:?}");
    let gate = in_run("b");
    for (action, state) in [
        (Action::Entering, State::Init),
        (Action::Entering, State::Idle),
        (Action::Changing, State::Idle),
        (Action::Changing, State::Run),
        (Action::Exited, State::Unknown),
        (Action::Changing, State::Unknown),
    ] {
        let exit = ends(action, state, "b");
        let found = at(gate, exit);
        // A condition that still holds when the gate opens is a contradiction to it.
        let rule = if action == Action::Exited { Rule::ReactionContradictsGate } else { Rule::ExitBeforeRun };
        assert_eq!(found, [(rule, 0, 1, None)], "{action} {state}");
    }
    refused(after("b"), ends(Action::Entering, State::Run, "b"));
    refused(after("b"), ends(Action::Entering, State::Stop, "b"));
    refused(gate.then(Effect::GateInit), ends(Action::Entering, State::Run, "b"));
    refused(watch(Action::Exited, State::Run, "b"), ends(Action::Entering, State::Run, "b"));
    // What is not certain by then, or about another service.
    for exit in [
        ends(Action::Exited, State::Run, "b"),
        ends(Action::Entering, State::Stop, "b"),
        ends(Action::Entering, State::Exit, "b"),
        ends(Action::Entering, State::Idle, "c"),
        Edge::watch(Mode::All, Action::Entering, State::Idle, of("b c")).then(Effect::Exit),
        leaves(Action::Entering, State::Idle, "b"),
    ] {
        assert_eq!(at(gate, exit), [], "{exit:?}");
    }
    let either = Edge::watch(Mode::Any, Action::Entering, State::Run, of("b c"));
    assert_eq!(at(either, ends(Action::Entering, State::Idle, "b")), []);
    // It may have failed in Init, or have been ended before that.
    assert_eq!(at(watch(Action::Entering, State::Stop, "b"), ends(Action::Entering, State::Run, "b")), []);
    assert_eq!(at(watch(Action::Entering, State::Exit, "b"), ends(Action::Entering, State::Init, "b")), []);
}

#[test]
fn reaction_to_what_each_alternative_asks_contradicts_them() {
    let any = |action, state, names| Edge::watch(Mode::Any, action, state, of(names));
    let at = |gate: Edge<'static>, reaction: Edge<'static>| {
        faults(&[node("a", [gate, reaction]), node("b", []), node("c", []), node("d", [])])
    };
    let gate = any(Action::Entering, State::Run, "b c");
    for effect in [Effect::Stop, Effect::Exit] {
        let contradiction = [(Rule::ReactionContradictsGate, 0, 1, None)];
        assert_eq!(at(gate, any(Action::Entering, State::Run, "c b").then(effect)), contradiction);
        assert_eq!(at(gate, any(Action::Entering, State::Run, "d c b").then(effect)), contradiction);
        assert_eq!(at(gate, any(Action::Exited, State::Init, "b c").then(effect)), contradiction);
    }
    for reaction in [
        any(Action::Entering, State::Run, "b d"),
        any(Action::Entering, State::Run, "b"),
        any(Action::NotIn, State::Run, "b c"),
        any(Action::Exited, State::Run, "b c"),
        any(Action::Changing, State::Run, "b c"),
        Edge::watch(Mode::All, Action::Entering, State::Run, of("b c")),
    ] {
        assert_eq!(at(gate, reaction.then(Effect::Stop)), [], "{reaction:?}");
    }
    // It has held when it comes to Run, and may not any more.
    assert_eq!(at(gate.then(Effect::GateInit), any(Action::Entering, State::Run, "b c").then(Effect::Stop)), []);
    let changing = any(Action::Changing, State::Run, "b c");
    assert_eq!(at(changing, changing.then(Effect::Stop)), []);
}
