//! The table of rules in the documentation shows what the rules say.
//!
//! A rule that attributes can violate has a case in `ui-tests/tests/graph/fail`; a test there
//! compares its row with that case, word for word.

use super::*;

/// For each rule a graph that violates it, and the code that would declare that graph.
fn examples() -> Vec<(Rule, &'static str, Vec<Node<'static>>)> {
    let run = State::Run;
    let typed = |name, text, edges| Node { service_type: Some(ServiceType::new(text, text)), ..node(name, edges) };
    let by_type = |text| Vec::leak(vec![Target::of_type(ServiceType::new(text, text))]) as &_;
    let (db, health) = (|| typed("db", "Db", vec![]), || node("health", []));
    let api = |edges| typed("api", "Api", edges);
    let poller = |edge: Edge<'static>| node("poller", [edge]);
    let family = |name, stem| Node { family: Some(stem), ..node(name, []) };
    vec![
        (Rule::NoServices, "`Daemon::new(\"D\").start()`", vec![]),
        (Rule::EmptyName, "`Service::new(\"\", ..)`", vec![node("", [])]),
        (Rule::InvalidName, "`Service::new(\"a/b\", ..)`", vec![node("a/b", [])]),
        (
            Rule::DuplicateName,
            "`#[rxd::service(name = \"db\")]` on `Other`, and a `Db`",
            vec![db(), typed("db", "Other", vec![])],
        ),
        (
            Rule::MemberName,
            "`#[rxd::service(name = \"worker-7\")]`, and a field `workers: Vec<Worker>`",
            vec![node("worker-7", []), family("workers", "worker")],
        ),
        (
            Rule::NoTargets,
            "`When::any(Action::Entering, State::Run, [])`",
            vec![node("api", [in_run("").then(Effect::Stop)])],
        ),
        (
            Rule::WithinWithoutGate,
            "`When::any(Action::Exited, State::Run, [\"db\"]).then(Effect::Stop).within(..)`",
            vec![
                api(vec![
                    Edge::watch(Mode::Any, Action::Exited, run, of("db"))
                        .then(Effect::Stop)
                        .within(Duration::from_secs(1)),
                ]),
                db(),
            ],
        ),
        (
            Rule::LastsOnChanging,
            "`When::any(Action::Changing, State::Run, [\"db\"]).lasts(..)`",
            vec![
                api(vec![Edge::watch(Mode::Any, Action::Changing, run, of("db")).lasts(Duration::from_secs(1))]),
                db(),
            ],
        ),
        (
            Rule::LastsOnStream,
            "`When::any(Action::Entering, State::Run, [\"db\"]).then(Effect::Stream).lasts(..)`",
            vec![api(vec![in_run("db").stream("news").lasts(Duration::from_secs(1))]), db()],
        ),
        (
            Rule::LastsExceedsWithin,
            "`#[watch(any, entering, Run, \"db\", lasts = \"1m\", within = LIMIT)]`, where `LIMIT` is 30 s",
            vec![api(vec![in_run("db").lasts(Duration::from_secs(60)).within(Duration::from_secs(30))]), db()],
        ),
        (
            Rule::DuplicateWatch,
            "`#[watch(any, entering, Run, \"db\")]` and `#[watch(any, entering, Run, Db)]`",
            vec![db(), api(vec![in_run("db"), Edge::watch(Mode::Any, Action::Entering, run, by_type("Db"))])],
        ),
        (
            Rule::DuplicateStream,
            "two watches with `Effect::Stream` and one name",
            vec![api(vec![in_run("db").stream("news"), in_run("health").stream("news")]), db(), health()],
        ),
        (
            Rule::ReactionContradictsGate,
            "`#[watch(all, entering, Run, \"health\")]` and `#[watch(any, entering, Run, \"health\", then(stop))]`",
            vec![health(), node("poller", [all(Action::Entering, run, "health"), in_run("health").then(Effect::Stop)])],
        ),
        (
            Rule::ReactionAlwaysTrue,
            "`#[watch(any, not_in, Exit, \"health\", then(stop))]`",
            vec![health(), poller(Edge::watch(Mode::Any, Action::NotIn, State::Exit, of("health")).then(Effect::Stop))],
        ),
        (
            Rule::ExitBeforeRun,
            "`#[watch(any, not_in, Run, \"db\", then(exit))]`",
            vec![db(), node("cleaner", [Edge::watch(Mode::Any, Action::NotIn, run, of("db")).then(Effect::Exit)])],
        ),
        (Rule::UnknownService, "`#[watch(any, entering, Run, \"helth\")]`", vec![health(), poller(in_run("helth"))]),
        (
            Rule::MemberTarget,
            "`#[needs(\"worker-3\")]`, and a field `workers: Vec<Worker>`",
            vec![family("workers", "worker"), api(vec![needs("worker-3")])],
        ),
        (Rule::UnknownType, "`#[needs(Cache)]`", vec![db(), api(vec![Edge::needs(by_type("Cache"))])]),
        (
            Rule::AmbiguousType,
            "`#[needs(Db)]`, where two fields are of type `Db`",
            vec![typed("primary", "Db", vec![]), typed("replica", "Db", vec![]), api(vec![Edge::needs(by_type("Db"))])],
        ),
        (
            Rule::HiddenParameters,
            "`#[needs(BytePool)]`, where `type BytePool = Pool<u8>;`",
            vec![
                Node { service_type: Some(ServiceType::new("Pool", "Pool").generic()), ..node("pool", []) },
                api(vec![Edge::needs(Vec::leak(vec![Target::of_type(ServiceType::new("Pool", "Pool").generic())]))]),
            ],
        ),
        (
            Rule::DuplicateTarget,
            "`#[needs(\"db\", Db)]`",
            vec![db(), api(vec![Edge::needs(Vec::leak(vec![of("db")[0], by_type("Db")[0]]))])],
        ),
        (
            Rule::SelfWatch,
            "`#[watch(any, entering, Run, \"front\")]`, on a field called `front`",
            vec![node("front", [in_run("front")])],
        ),
        (
            Rule::WatchNeverTrue,
            "`#[watch(any, entering, Exit, \"db\")]`",
            vec![db(), node("cleaner", [Edge::watch(Mode::Any, Action::Entering, State::Exit, of("db"))])],
        ),
        (
            Rule::NeedsOneShot,
            "`#[needs(\"migrate\")]`, where `migrate` is `until_success`",
            vec![job("migrate", []), api(vec![needs("migrate")])],
        ),
        (
            Rule::AfterNeverCompletes,
            "`#[after(\"db\")]`, where `db` is `continuous`",
            vec![db(), api(vec![after("db")])],
        ),
        (
            Rule::NeedsEvicts,
            "`#[needs(\"standby\")]` on `main`, `#[watch(any, entering, Run, \"main\", then(stop))]` on `standby`",
            vec![node("standby", [in_run("main").then(Effect::Stop)]), node("main", [needs("standby")])],
        ),
        (
            Rule::MutualEviction,
            "`#[watch(any, entering, Run, \"blue\", then(stop))]` on `green`, \
             `#[watch(any, entering, Run, \"green\", then(stop))]` on `blue`",
            vec![
                node("green", [in_run("blue").then(Effect::Stop)]),
                node("blue", [in_run("green").then(Effect::Stop)]),
            ],
        ),
        (
            Rule::NeedsExclusive,
            "`#[needs(\"primary\", \"standby\")]`, where `standby` has `#[watch(any, not_in, Run, \"primary\")]` \
             and `#[watch(any, entering, Run, \"primary\", then(stop))]`",
            vec![
                node("primary", []),
                node(
                    "standby",
                    [Edge::watch(Mode::Any, Action::NotIn, run, of("primary")), in_run("primary").then(Effect::Stop)],
                ),
                api(vec![needs("primary standby")]),
            ],
        ),
        (
            Rule::NeedsEnded,
            "`#[after(\"migrate\")]` and `#[needs(\"progress\")]`, where `progress` has \
             `#[watch(any, entering, Exit, \"migrate\", then(exit))]`",
            vec![
                job("migrate", []),
                node(
                    "progress",
                    [Edge::watch(Mode::Any, Action::Entering, State::Exit, of("migrate")).then(Effect::Exit)],
                ),
                api(vec![after("migrate"), needs("progress")]),
            ],
        ),
        (
            Rule::ConflictingGates,
            "`#[watch(all, entering, Run, \"db\")]` and `#[watch(all, entering, Idle, \"db\")]`",
            vec![db(), api(vec![all(Action::Entering, run, "db"), all(Action::Entering, State::Idle, "db")])],
        ),
        (
            Rule::Cycle,
            "`#[needs(\"api\")]` on `db`, `#[needs(\"db\")]` on `api`",
            vec![typed("db", "Db", vec![needs("api")]), api(vec![needs("db")])],
        ),
    ]
}

#[test]
fn every_rule_has_its_row_in_the_documentation() {
    let examples = examples();
    assert_eq!(examples.iter().map(|(rule, ..)| *rule).collect::<Vec<_>>(), Rule::ALL);
    let mut table = String::from("| rule | example | its error |\n|---|---|---|\n");
    for (rule, example, nodes) in examples {
        let faults = Graph { daemon: "D", nodes: &nodes }.faults();
        assert_eq!(faults.iter().map(|fault| fault.rule).collect::<Vec<_>>(), [rule], "{example}");
        let (what, help) = faults[0].message.split_once("\nhelp: ").expect("every message helps");
        assert!(what.contains("`D`"), "{rule} does not name the daemon");
        // Where the example is declared is of no interest.
        let lines = what.split("\n  ").map(|line| match line.split_once(" declared at ") {
            Some((first, _)) => format!("{first} declared at src/main.rs:5:8"),
            None => line.to_owned(),
        });
        let what = lines.collect::<Vec<_>>().join("<br>");
        table.push_str(&format!("| `{rule}` | {example} | {what}<br>*help:* {help} |\n"));
    }
    if std::env::var_os("RXD_RULES").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/graph/rules.md");
        std::fs::write(path, &table).expect("a writable folder");
        return;
    }
    let written = include_str!("../rules.md");
    assert!(written == table, "`rules.md` is out of date: `RXD_RULES=overwrite` writes it anew:\n{table}");
}
