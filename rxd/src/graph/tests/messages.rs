//! Messages that `ui-tests` has no case for, and the limits of long ones.

use super::*;

#[track_caller]
fn message(nodes: &[Node<'_>]) -> String {
    let faults = Graph { daemon: "D", nodes }.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].to_string(), faults[0].message);
    faults[0].message.clone()
}

/// The checks that the compiler evaluates for a declared graph, called at run time.
#[test]
fn compile_time_check_panics_with_the_message_of_the_fault() {
    let nodes = [node("a", [in_run(""), needs("nobody")]), node("a", [])];
    let graph = Graph { daemon: "D", nodes: &nodes };
    let faults = graph.faults();
    let index = Index::<2>::new(&graph);
    let analysis = index.of(&graph);
    let panics = |check: &dyn Fn()| super::placing::panic_of(check).expect("a fault");
    assert_eq!(faults.len(), 3);
    // The other faults of the service follow: the first panic ends the constant.
    assert_eq!(panics(&|| check_edge(&analysis, 0, 0)), format!("{}\nalso: {}", faults[0].message, faults[1].message));
    assert_eq!(panics(&|| check_target(&analysis, 0, 1, 0)), faults[1].message);
    assert_eq!(panics(&|| check_service(&analysis, 1)), faults[2].message);
}

#[test]
#[should_panic(expected = "an index must be as long as its graph")]
fn index_of_another_length_panics() {
    let nodes = [node("a", [])];
    let _ = Index::<2>::new(&Graph { daemon: "D", nodes: &nodes });
}

#[test]
fn name_of_more_than_64_bytes_is_refused() {
    let long = "x".repeat(64);
    assert_eq!(Graph { daemon: "D", nodes: &[Node { name: &long, ..node("", []) }] }.faults(), []);
    let name = "x".repeat(65);
    assert_eq!(
        message(&[Node { name: &name, ..node("", []) }]),
        format!("service `{name}` of daemon `D`: this name is 65 bytes long\nhelp: a name is at most 64 bytes long")
    );
}

#[test]
fn character_that_no_name_has_is_shown() {
    let says = |name, shown: &str, what: &str, better: &str| {
        let rule = "a name is made of ASCII letters, digits, `-`, `_` and `.`";
        let expected = format!(
            "service `{shown}` of daemon `D`: a name cannot contain {what}\nhelp: {rule}: write `\"{better}\"`"
        );
        assert_eq!(message(&[Node { name, ..node("", []) }]), expected);
    };
    says("db\u{7}", "db?", "a control character", "db");
    says("d\u{e9}j\u{e0}", "d\u{e9}j\u{e0}", "`\u{e9}`", "d-j");
    says("\u{1f980}a!", "\u{1f980}a!", "`\u{1f980}`", "a");
    says("a\u{1f980}", "a\u{1f980}", "`\u{1f980}`", "a");
    says("a b", "a b", "a space", "a-b");
    says("end!", "end!", "`!`", "end");
}

#[test]
fn watch_is_shown_as_it_is_written() {
    let shown = |edge: Edge<'static>| {
        // Said twice is a fault that shows both.
        let others = "b c d e f".split(' ').map(|name| job(name, []));
        let nodes: Vec<_> = [node("a", [edge, edge])].into_iter().chain(others).collect();
        let message = message(&nodes);
        let twice =
            message.strip_prefix("service `a` of daemon `D` has the same watch twice: ").expect("the fault").to_owned();
        let (one, rest) = twice.split_once(" and ").expect("two");
        assert_eq!(rest, format!("{one}\nhelp: remove one of the two"));
        one.to_owned()
    };
    assert_eq!(shown(after("b c d")), r##"`#[after("b", "c", "d")]`"##);
    assert_eq!(shown(after("b c d e")), r##"`#[after("b", "c", "d", "e")]`"##);
    assert_eq!(shown(after("b c d e f")), r##"`#[after("b", "c", "d", ..)]`"##);
    assert_eq!(shown(in_run("b").stream("news")), r##"`#[watch(any, entering, Run, "b", stream(news))]`"##);
    let edge = all(Action::Exited, State::Init, "b").then(Effect::Exit);
    assert_eq!(shown(edge), r##"`#[watch(all, exited, Init, "b", then(exit))]`"##);
}

#[test]
fn each_keyword_has_its_verb() {
    let says = |edge| message(&[node("a", [edge]), job("b", [])]).lines().next().unwrap().to_owned();
    let unknown = "but daemon `D` has no service of that name";
    assert_eq!(says(after("nobody")), format!("service `a` comes after `nobody`, {unknown}"));
    assert_eq!(says(needs("nobody")), format!("service `a` needs `nobody`, {unknown}"));
    assert_eq!(says(after("b b")), "service `a` of daemon `D` comes after `b` twice");
    let third = message(&[node("a", [needs("b c c")]), node("b", []), node("c", [])]);
    assert_eq!(third.lines().next(), Some("service `a` of daemon `D` needs `c` twice"));
    let itself = "`#[watch(any, entering, Run, \"a\", then(stop))]`";
    assert_eq!(says(in_run("a").then(Effect::Stop)), format!("service `a` of daemon `D` watches itself: {itself}"));
}

#[test]
fn duplicate_name_of_one_type_shows_no_place() {
    let typed = |text| Node { service_type: Some(ServiceType::new(text, text)), ..node("db", []) };
    let help = "help: rename one of them, on its field if it is one type twice: `#[service(name = \"..\")]`";
    assert_eq!(
        message(&[typed("Db"), typed("Db")]),
        format!("service 1 (`Db`) and service 2 (`Db`) of daemon `D` are both called `db`\n{help}")
    );
    let message = message(&[typed("Db"), typed("Other")]);
    assert!(message.contains("are both called `db`\n  the first is declared at "), "{message}");
}

/// The step within a service, from Run to Init, is not counted as a gate.
#[test]
fn cycle_that_closes_within_a_service_counts_only_gates() {
    let nodes = [
        node("x", []),
        node("y", [needs("x")]),
        node("a", [needs("x"), in_run("b").then(Effect::GateInit)]),
        node("b", [needs("y"), needs("a")]),
    ];
    assert_eq!(
        message(&nodes),
        "daemon `D` can never start `b`, which waits for itself in a cycle of 2 gates\n  \
           `a` waits before Init for `b` to be in Run: `#[watch(any, entering, Run, \"b\", then(init))]`\n  \
           `b` waits before Run for `a` to be in Run: `#[needs(\"a\")]`\n\
         help: remove one of these gates, or let one wait for a state that comes before the gate of its target"
    );
}

#[test]
fn cycle_of_40_gates_is_shown_whole() {
    let says = |count: usize| {
        let names: Vec<String> = (0..count).map(|i| format!("s{i}")).collect();
        let targets: Vec<[Target<'_>; 1]> = names.iter().map(|name| [Target::name(name)]).collect();
        let edges: Vec<[Edge<'_>; 1]> = (0..count).map(|i| [Edge::needs(&targets[(i + 1) % count])]).collect();
        let nodes = names.iter().zip(&edges).map(|(name, edges)| Node { name, edges, ..node("", []) });
        message(&nodes.collect::<Vec<_>>())
    };
    assert_eq!((says(40).lines().count(), says(40).contains("more")), (42, false));
    assert_eq!((says(41).lines().count(), says(41).contains("\n  .. and 1 more ..\n")), (43, true));
}

/// A reaction `then(exit)` ends its service, and so can be waited for; `then(stop)` does not.
#[test]
fn service_with_a_reaction_exit_may_end() {
    let waits = node("b", [all(Action::Entering, State::Exit, "a")]);
    fine(&[node("a", [in_run("c").then(Effect::Exit)]), waits, node("c", [])]);
    let stops = [node("a", [in_run("c").then(Effect::Stop)]), waits, node("c", [])];
    assert_eq!(Graph { daemon: "D", nodes: &stops }.faults()[0].rule, Rule::WatchNeverTrue);
}

/// One alternative that can never come true is not a fault; if none can, that is one fault.
#[test]
fn alternatives_that_can_never_hold_are_one_fault() {
    let ends = Edge::watch(Mode::Any, Action::Entering, State::Exit, of("b c"));
    fine(&[node("a", [ends]), node("b", []), job("c", [])]);
    fine(&[node("a", [ends]), job("b", []), node("c", [])]);
    let message = message(&[node("a", [ends]), node("b", []), node("c", [])]);
    assert!(message.contains("waits for `b` to be in Exit, but the manager of `b` never goes to Exit"), "{message}");
}

/// Services of the builder have no type, and are left out of the list.
#[test]
fn unknown_type_lists_the_types_there_are() {
    let by_type = Vec::leak(vec![Target::of_type(ServiceType::new("Cache", "Cache"))]) as &_;
    let typed = |name, text| Node { service_type: Some(ServiceType::new(text, text)), ..node(name, []) };
    let nodes = [typed("db", "Db"), node("plain", []), node("api", [Edge::needs(by_type)]), typed("x", "Cach")];
    assert_eq!(
        message(&nodes),
        "service `api` needs type `Cache`, but daemon `D` has no field of that type\n\
         help: did you mean `Cach`? it has types `Db`, `Cach`"
    );
    let nodes = [typed("db", "Database"), node("api", [needs("dq")])];
    assert!(message(&nodes).ends_with("did you mean `db`? it has: `db`, `api`"));
}

/// Of two names that are as near the first is suggested; the name of the service itself never is.
#[test]
fn unknown_name_suggests_the_nearest() {
    let says = |names: &[&'static str]| {
        let nodes: Vec<_> =
            names.iter().map(|name| node(name, [])).chain([node("healthy", [needs("helthy")])]).collect();
        message(&nodes).lines().last().unwrap().to_owned()
    };
    assert_eq!(says(&["hlthy", "elthy"]), "help: did you mean `hlthy`? it has: `hlthy`, `elthy`, `healthy`");
    assert_eq!(says(&["heathen", "helthyx"]), "help: did you mean `helthyx`? it has: `heathen`, `helthyx`, `healthy`");
    assert_eq!(says(&["db"]), "help: it has: `db`, `healthy`");
}

#[test]
fn list_of_long_names_ends_at_its_limit() {
    let list = |lengths: &[usize]| {
        let names: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
        let nodes = names.iter().map(|name| Node { name, ..node("", []) });
        let nodes: Vec<_> = [node("a", [needs("nobody")])].into_iter().chain(nodes).collect();
        let faults = Graph { daemon: "D", nodes: &nodes }.faults();
        let message = &faults.iter().find(|fault| fault.rule == Rule::UnknownService).unwrap().message;
        let (_, list) = message.split_once("it has: ").unwrap();
        list.replace(&"x".repeat(50), "X")
    };
    // 1024 bytes, less what is there: "`a`".
    assert_eq!(list(&[1020]), format!("`a`, `{}{}`", "X".repeat(20), "x".repeat(20)));
    assert_eq!(list(&[1021]), "`a`, .. and 1 more");
    assert_eq!(list(&[1021, 3, 1]), "`a`, .. and 3 more");
    assert_eq!(list(&[500, 600, 500]), format!("`a`, `{0}`, .. and 2 more", "X".repeat(10)));
    // Not even the first one fits.
    let nodes = [Node { name: &"x".repeat(2000), ..node("", []) }, node("b", [needs("nobody")])];
    let faults = Graph { daemon: "D", nodes: &nodes }.faults();
    assert!(faults[1].message.ends_with("it has: 2 more"), "{faults:?}");
}
