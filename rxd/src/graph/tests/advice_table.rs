//! The table of advice in the documentation shows what `Graph::advice` says, and graphs as they
//! should be get none.

use super::*;
use crate::lifecycle::options::{Backoff, OnStale};

const SECOND: Duration = Duration::from_secs(1);

fn advice_on(nodes: &[Node<'_>], shutdown: u64, on_stale: OnStale) -> Vec<Advice> {
    let graph = Graph { daemon: "D", nodes };
    let mut advice = graph.advice();
    advice.extend(graph.advice_on_daemon(Duration::from_secs(shutdown), on_stale));
    advice
}

#[track_caller]
fn advised(nodes: &[Node<'_>]) -> Vec<AdviceRule> {
    assert_eq!(Graph { daemon: "D", nodes }.faults(), []);
    advice_on(nodes, 30, OnStale::StopPinging).iter().map(|advice| advice.rule).collect()
}

fn any(action: Action, state: State, names: &'static str) -> Edge<'static> {
    Edge::watch(Mode::Any, action, state, of(names))
}

fn with(node: Node<'static>, options: Options) -> Node<'static> {
    Node { options: Box::leak(Box::new(options)), ..node }
}

/// For each piece of advice a graph that gets it, and the code that would declare that graph.
fn examples() -> Vec<(AdviceRule, &'static str, Vec<Node<'static>>)> {
    use Action::{Entering, Exited, NotIn};
    let run = State::Run;
    let db = || node("db", []);
    let api = |edge: Edge<'static>| node("api", [edge]);
    let stop_limit = |seconds| Options::DEFAULT.timeout_of(State::Stop, seconds * SECOND);
    vec![
        (
            AdviceRule::ReactionWithoutGate,
            "`#[watch(any, exited, Run, \"db\", then(stop))]` alone",
            vec![db(), api(any(Exited, run, "db").then(Effect::Stop))],
        ),
        (
            AdviceRule::EvictionCycle,
            "`#[watch(any, entering, Idle, \"b\", then(stop))]` on `a`, and the same about `a` on `b`",
            vec![
                node("a", [any(Entering, State::Idle, "b").then(Effect::Stop)]),
                node("b", [any(Entering, State::Idle, "a").then(Effect::Stop)]),
            ],
        ),
        (
            AdviceRule::GatesNeverOpen,
            "`#[needs(\"cache\")]` and `#[watch(all, not_in, Run, \"db\")]`, where `cache` needs `db`",
            vec![db(), node("cache", [needs("db")]), node("api", [needs("cache"), all(NotIn, run, "db")])],
        ),
        (
            AdviceRule::WaitsForEnded,
            "`#[needs(\"db\")]`, where `db` has a `then(exit)`",
            vec![node("disk", []), node("db", [any(Exited, run, "disk").then(Effect::Exit)]), api(needs("db"))],
        ),
        (
            AdviceRule::WaitsForManualStart,
            "`#[needs(\"db\")]`, where `db` has `autostart = false`",
            vec![with(db(), Options::DEFAULT.autostart(false)), api(needs("db"))],
        ),
        (
            AdviceRule::GateOnPassingState,
            "`#[watch(any, entering, Init, \"db\")]`",
            vec![db(), api(any(Entering, State::Init, "db"))],
        ),
        (
            AdviceRule::WithinTooShort,
            "`#[needs(\"db\", within = \"1s\")]`, where `db` has `startup_delay = \"10s\"`",
            vec![with(db(), Options::DEFAULT.startup_delay(10 * SECOND)), api(needs("db").within(SECOND))],
        ),
        (
            AdviceRule::ExitAtStart,
            "`#[watch(any, exited, Unknown, \"db\", then(exit))]`",
            vec![db(), api(any(Exited, State::Unknown, "db").then(Effect::Exit))],
        ),
        (
            AdviceRule::DeadSetting,
            "`backoff(reset = \"60s\"), timeouts(Run = \"10s\")`",
            vec![with(
                db(),
                Options::DEFAULT.backoff(Backoff::DEFAULT.reset(60 * SECOND)).timeout_of(run, 10 * SECOND),
            )],
        ),
        (
            AdviceRule::ShutdownTooShort,
            "`timeouts(Stop = \"20s\")` on `db` and on `api`, which needs it, under a `shutdown_timeout` of 30 s",
            vec![with(db(), stop_limit(20)), with(api(needs("db")), stop_limit(20))],
        ),
    ]
}

#[test]
fn every_advice_has_its_row_in_the_documentation() {
    let examples = examples();
    assert_eq!(examples.iter().map(|(rule, ..)| *rule).collect::<Vec<_>>(), AdviceRule::ALL);
    let mut table = String::from("| advice | example | what it says |\n|---|---|---|\n");
    for (rule, example, nodes) in examples {
        let advised = advised(&nodes);
        assert!(!advised.is_empty() && advised.iter().all(|found| *found == rule), "{example}: {advised:?}");
        let advice = &advice_on(&nodes, 30, OnStale::StopPinging)[0];
        assert!(!advice.to_string().contains('\n'), "{advice}");
        table.push_str(&format!("| `{rule}` | {example} | {}<br>*help:* {} |\n", advice.message, advice.help));
    }
    if std::env::var_os("RXD_RULES").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/graph/advice.md");
        std::fs::write(path, &table).expect("a writable folder");
        return;
    }
    let written = include_str!("../advice.md");
    assert!(written == table, "`advice.md` is out of date: `RXD_RULES=overwrite` writes it anew:\n{table}");
}

#[test]
fn service_that_does_not_start_by_itself_may_need_others_like_it() {
    let manual = Options::DEFAULT.autostart(false);
    let db = || with(node("db", []), manual);
    assert_eq!(advised(&[db(), with(node("api", [needs("db")]), manual)]), []);
    assert_eq!(advised(&[db(), node("api", [any(Action::NotIn, State::Run, "db")])]), []);
    let migrate = || with(job("migrate", []), manual);
    assert_eq!(advised(&[migrate(), node("api", [after("migrate")])]), [AdviceRule::WaitsForManualStart]);
    let late = with(node("late", []), manual.startup_delay(SECOND));
    assert_eq!(advised(&[late]), [AdviceRule::DeadSetting]);
}

/// The patterns of the guide.
#[test]
fn graph_as_the_guide_has_it_gets_no_advice() {
    use Action::{Entering, Exited, NotIn};
    let run = State::Run;
    let stop = |edge: Edge<'static>| edge.then(Effect::Stop);
    let nodes = [
        node("primary", []),
        node("standby", [any(NotIn, run, "primary"), stop(any(Entering, run, "primary"))]),
        node("front", [any(Entering, run, "primary standby"), stop(all(NotIn, run, "primary standby"))]),
        job("migrate", []),
        node("api", [needs("primary").within(SECOND), after("migrate")]),
        node("poller", [any(Entering, run, "api"), stop(any(Exited, run, "api"))]),
        node("late", [all(Entering, run, "api").then(Effect::GateInit), stop(any(NotIn, run, "api"))]),
        // Begins again with the other, whichever state that is in.
        node("follower", [stop(any(Entering, State::Init, "api"))]),
        node("a", [all(NotIn, run, "b"), stop(any(Entering, run, "b"))]),
        node("b", [all(NotIn, run, "a"), stop(any(Entering, run, "a"))]),
    ];
    assert_eq!(advised(&nodes), []);
}

#[test]
fn graph_with_a_fault_gets_no_advice() {
    let nodes = [node("api", [needs("db"), any(Action::Entering, State::Init, "cache")]), node("cache", [])];
    assert_eq!(Graph { daemon: "D", nodes: &nodes }.advice(), []);
}

#[test]
fn reaction_to_several_is_advised_unless_a_gate_excludes_it() {
    use Action::{Entering, Exited};
    let run = State::Run;
    let beside = |edges: &[Edge<'static>]| {
        let nodes = [node("a", []), node("b", []), node("c", edges.iter().copied())];
        advised(&nodes)
    };
    let lonely = [AdviceRule::ReactionWithoutGate];
    let (any_left, all_left) = (any(Exited, run, "a b").then(Effect::Stop), all(Exited, run, "a b").then(Effect::Stop));
    assert_eq!(beside(&[any_left, any(Entering, run, "a b")]), lonely, "one of them may have left");
    assert_eq!(beside(&[any_left, all(Entering, run, "a")]), lonely);
    assert_eq!(beside(&[any_left, all(Entering, run, "a b")]), []);
    assert_eq!(beside(&[all_left, any(Entering, run, "a b")]), []);
    assert_eq!(beside(&[all_left, all(Entering, run, "a")]), []);
    assert_eq!(beside(&[all_left]), lonely);
}

#[test]
fn dependent_that_takes_its_dependency_out_on_its_way_is_advised_as_a_cycle() {
    use Action::{Changing, Entering, Exited, NotIn};
    let lonely = AdviceRule::ReactionWithoutGate;
    for (action, state, expected) in [
        (NotIn, State::Init, &[AdviceRule::EvictionCycle][..]),
        (Exited, State::Init, &[AdviceRule::EvictionCycle]),
        (Changing, State::Init, &[AdviceRule::EvictionCycle]),
        (Entering, State::Idle, &[AdviceRule::EvictionCycle]),
        // Only once.
        (Entering, State::Init, &[]),
        (NotIn, State::Run, &[AdviceRule::EvictionCycle]),
        (Exited, State::Run, &[AdviceRule::EvictionCycle]),
        (NotIn, State::Stop, &[AdviceRule::EvictionCycle]),
        (Exited, State::Stop, &[AdviceRule::EvictionCycle]),
        (Exited, State::Unknown, &[lonely]),
    ] {
        let b = node("b", [any(action, state, "a").then(Effect::Stop)]);
        assert_eq!(advised(&[b, node("a", [needs("b")])]), expected, "{action} {state}");
    }
}

#[test]
fn cycle_of_evictions_is_advised_once_and_not_for_the_end_of_a_job() {
    use Action::{Entering, NotIn};
    let out = |name| any(Entering, State::Run, name).then(Effect::Stop);
    let cycle = |table| {
        let gated = [out("c"), any(NotIn, State::Run, "x")];
        advised(&[node("a", [out("b")]), Node { table, ..node("b", gated) }, node("c", [out("a")]), node("x", [])])
    };
    assert_eq!(cycle(CONTINUOUS), [AdviceRule::EvictionCycle]);
    let idle = |name| any(Entering, State::Idle, name).then(Effect::Stop);
    // It may never get to its end.
    assert_eq!(advised(&[node("a", [idle("b")]), job("b", [idle("a")])]), [AdviceRule::EvictionCycle]);
    let ends = |state| any(Entering, state, "b").then(Effect::Stop);
    for state in [State::Stop, State::Exit] {
        assert_eq!(advised(&[node("a", [ends(state)]), job("b", [idle("a")])]), [], "{state}");
    }
    // Begins again when the job is done.
    for (action, state) in [(Action::Exited, State::Run), (Entering, State::Stop), (Entering, State::Exit)] {
        assert_eq!(advised(&[job("renew", []), node("api", [any(action, state, "renew").then(Effect::Stop)])]), []);
    }
}

#[test]
fn services_that_leave_run_with_each_other_are_advised_as_one_cycle() {
    use Action::{Entering, Exited, NotIn};
    let (run, cycle) = (State::Run, [AdviceRule::EvictionCycle]);
    for action in [NotIn, Exited] {
        let out = |names| any(action, run, names).then(Effect::Stop);
        assert_eq!(advised(&[node("a", [out("b")]), node("b", [out("a")])]), cycle, "{action}");
        assert_eq!(advised(&[node("a", [out("b")]), node("b", [out("c")]), node("c", [out("a")])]), cycle, "{action}");
        let chain = [node("a", [out("c")]), node("b", [needs("a")]), node("c", [needs("b")])];
        assert_eq!(advised(&chain), cycle, "{action}");
        let two = [node("a", [out("x b")]), node("b", [needs("a")]), node("x", [])];
        assert_eq!(advised(&two), cycle, "{action}");
        // The gate holds it back until the other is in Run.
        let gated = [node("a", [out("b"), any(Entering, run, "b")]), node("b", [])];
        assert_eq!(advised(&gated), [], "{action}");
    }
}

#[test]
fn reaction_to_each_pass_of_a_job_is_advised_as_a_cycle() {
    let b = node("b", [any(Action::Exited, State::Stop, "a").then(Effect::Stop)]);
    let edge = any(Action::Exited, State::Init, "b").then(Effect::Stop);
    assert_eq!(advised(&[job("a", [edge]), b]), [AdviceRule::EvictionCycle]);
    assert_eq!(advised(&[node("a", [edge]), b]), [AdviceRule::EvictionCycle]);
}

#[test]
fn help_for_a_reaction_names_no_gate_that_would_never_open() {
    use Action::{Exited, NotIn};
    let help = |action, state, needs_a: bool| {
        let a = node("a", [any(action, state, "b").then(Effect::Stop)]);
        let b = if needs_a { node("b", [needs("a")]) } else { node("b", []) };
        let advice = advice_on(&[a, b], 30, OnStale::StopPinging);
        assert_eq!(advice.iter().map(|advice| advice.rule).collect::<Vec<_>>(), [AdviceRule::ReactionWithoutGate]);
        advice[0].help.clone()
    };
    for (action, state) in [(NotIn, State::Stop), (Exited, State::Stop), (Exited, State::Unknown)] {
        let help = help(action, state, false);
        assert!(help.contains("`#[watch(all, entering, Run, ..)]`"), "{action} {state}: {help}");
    }
    assert_eq!(help(Exited, State::Unknown, true), "remove the reaction");
}

#[test]
fn gate_that_holds_once_its_target_has_ended_is_no_advice() {
    use Action::{Entering, Exited};
    let exit = |edge: Edge<'static>| edge.then(Effect::Exit);
    let ended = |edge| {
        let b = node("b", [exit(any(Entering, State::Exit, "j"))]);
        advised(&[job("j", []), b, node("a", [edge])])
    };
    for (action, state) in [(Entering, State::Exit), (Exited, State::Run), (Exited, State::Stop)] {
        assert_eq!(ended(any(action, state, "b")), [], "{action} {state}");
    }
    assert_eq!(ended(any(Entering, State::Run, "b")), [AdviceRule::WaitsForEnded]);

    let ended_by = |edges: &[Edge<'static>]| {
        let a = node("a", [any(Entering, State::Exit, "b")]);
        advised(&[a, node("b", edges.iter().copied()), job("j", [])])
    };
    let by_a = exit(any(Entering, State::Run, "a"));
    assert_eq!(ended_by(&[by_a]), [AdviceRule::GatesNeverOpen]);
    assert_eq!(ended_by(&[by_a, exit(any(Entering, State::Exit, "j"))]), []);
    assert_eq!(ended_by(&[exit(any(Entering, State::Run, "a j"))]), []);
    assert_eq!(ended_by(&[exit(any(Entering, State::Idle, "a"))]), [], "before the gate");
}

#[test]
fn exit_of_a_service_whose_target_begins_later_is_no_advice() {
    let exit = || node("a", [any(Action::Exited, State::Unknown, "b").then(Effect::Exit)]);
    assert_eq!(advised(&[exit(), node("b", [])]), [AdviceRule::ExitAtStart]);
    assert_eq!(advised(&[exit(), with(node("b", []), Options::DEFAULT.startup_delay(SECOND))]), []);
    assert_eq!(advised(&[exit(), node("b", [in_run("c").then(Effect::GateInit)]), node("c", [])]), []);
}

#[test]
fn on_failure_of_a_service_that_never_fails_for_good_is_advised() {
    use crate::lifecycle::options::OnFailure;
    let options = |on_failure| Options::DEFAULT.on_failure(on_failure);
    let api = |on_failure| with(node("api", [needs("cache")]), options(on_failure));
    let at = |db: Node<'static>, api: Node<'static>| advised(&[db, node("cache", [needs("db")]), api]);
    let dead = [AdviceRule::DeadSetting];
    assert_eq!(at(node("db", []), api(OnFailure::Shutdown)), dead);
    assert_eq!(at(node("db", []), api(OnFailure::Ignore)), dead);
    assert_eq!(at(node("db", []), api(OnFailure::Exit)), []);
    assert_eq!(at(Node { options: LIMITED, ..node("db", []) }, api(OnFailure::Shutdown)), []);
    assert_eq!(advised(&[with(node("a", []), options(OnFailure::Ignore))]), dead);
    assert_eq!(advised(&[with(job("a", []), options(OnFailure::Ignore))]), dead, "it is restarted until it succeeds");
}

#[test]
fn limit_of_a_gate_is_compared_with_the_delays_of_all_before_it() {
    let delayed = |node, seconds| with(node, Options::DEFAULT.startup_delay(seconds * SECOND));
    let chain = |within, own| {
        let api = delayed(node("api", [needs("cache").within(within * SECOND)]), own);
        advised(&[delayed(node("db", []), 4), node("cache", [needs("db")]), api])
    };
    assert_eq!(chain(3, 0), [AdviceRule::WithinTooShort]);
    assert_eq!(chain(4, 0), [AdviceRule::WithinTooShort], "both at the same instant");
    assert_eq!(chain(5, 0), []);
    assert_eq!(chain(4, 1), [], "its own delay passes first");
    let standby = node("b", [all(Action::NotIn, State::Run, "a").within(SECOND)]);
    assert_eq!(advised(&[node("a", []), standby]), [AdviceRule::WithinTooShort]);
}

#[test]
fn settings_without_effect_are_advised_one_by_one() {
    let (dead, second) = ([AdviceRule::DeadSetting], SECOND);
    let run = |seconds| Options::DEFAULT.timeout_of(State::Run, seconds * second);
    let delays = Options::DEFAULT.startup_delay(second);
    for (options, expected) in [
        (run(10).heartbeat(10 * second), &dead[..]),
        (run(10).heartbeat(second), &[]),
        (run(10).backoff(Backoff::DEFAULT.reset(10 * second)), &[]),
        (delays.delay_of(State::Init, second), &dead),
        (delays.delay_of(State::Init, second / 2), &[]),
        (Options::DEFAULT.delay_of(State::Stop, 60 * second), &dead),
        (Options::DEFAULT.delay(60 * second), &[]),
    ] {
        assert_eq!(advised(&[with(node("a", []), options)]), expected, "{options:?}");
    }
    const ONCE: &Table = &Table::new(
        [State::Idle, State::Stop],
        [State::Run, State::Stop],
        [State::Stop, State::Stop],
        [State::Exit, State::Exit],
    );
    let once = |options| advised(&[Node { table: ONCE, ..with(node("a", []), options) }]);
    assert_eq!((once(Options::DEFAULT), once(LIMITED.to_owned())), (vec![], dead.to_vec()));
    let stale = |heartbeat: Option<Duration>| {
        let options = heartbeat.map_or(Options::DEFAULT, |period| Options::DEFAULT.heartbeat(period));
        advice_on(&[with(node("a", []), options)], 30, OnStale::Restart).len()
    };
    assert_eq!((stale(None), stale(Some(second))), (1, 0));
}

#[test]
fn advice_on_5000_services_is_found_in_time() {
    let names: Vec<String> = (0..5_000).map(|i| format!("s{i}")).collect();
    let targets: Vec<[Target<'_>; 1]> = names.iter().map(|name| [Target::name(name)]).collect();
    // Each needs the one before it, and the last but one leaves Run with the last.
    let mut edges: Vec<Vec<Edge<'_>>> =
        (0..names.len()).map(|i| i.checked_sub(1).map(|at| Edge::needs(&targets[at])).into_iter().collect()).collect();
    for edges in edges.iter_mut().skip(2_500) {
        edges.push(Edge::watch(Mode::Any, Action::Entering, State::Init, &targets[0]).then(Effect::Stop));
    }
    edges[4_998].push(Edge::watch(Mode::Any, Action::Changing, State::Init, &targets[4_999]).then(Effect::Stop));
    edges[5].push(Edge::watch(Mode::All, Action::NotIn, State::Run, &targets[2]));
    let nodes: Vec<Node<'_>> =
        names.iter().zip(&edges).map(|(name, edges)| Node { name, edges, ..node("", []) }).collect();
    let advice = Graph { daemon: "D", nodes: &nodes }.advice_if_sound();
    let rules: Vec<AdviceRule> = advice.iter().map(|advice| advice.rule).collect();
    assert_eq!(rules, [AdviceRule::GatesNeverOpen, AdviceRule::EvictionCycle]);
}
