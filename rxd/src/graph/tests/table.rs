//! The table of rules in the documentation is what the rules say.

use super::*;

/// A graph for each rule, and how what is wrong with it is written.
fn examples() -> Vec<(Rule, &'static str, Vec<Node<'static>>)> {
    let kind = |text| Some(Kind::new(text, text));
    let a = |edges: Vec<Edge<'static>>| node("a", edges);
    let (b, c) = (|| node("b", []), || node("c", []));
    let typed = |name, text| Node { kind: kind(text), ..node(name, []) };
    let by_type = |text| Vec::leak(vec![Target::kind(Kind::new(text, text))]) as &_;
    let run = State::Run;
    vec![
        (Rule::NoServices, "`Daemon::new(\"D\").start()`", vec![]),
        (Rule::EmptyName, "`Service::new(\"\", ..)`", vec![node("", [])]),
        (Rule::InvalidName, "`Service::new(\"a/b\", ..)`", vec![node("a/b", [])]),
        (Rule::DuplicateName, "two services called `a`", vec![a(vec![]), b(), a(vec![])]),
        (Rule::NoTargets, "a watch of nobody", vec![a(vec![in_run("").then(Effect::Stop)])]),
        (
            Rule::WithinWithoutGate,
            "`#[watch(any, exited, Run, \"b\", then(stop), within = \"1s\")]`",
            vec![
                a(vec![
                    Edge::watch(Mode::Any, Action::Exited, run, of("b"))
                        .then(Effect::Stop)
                        .within(Duration::from_secs(1)),
                ]),
                b(),
            ],
        ),
        (
            Rule::RepeatedWatch,
            "`#[watch(any, entering, Run, \"b\")]` and `#[watch(any, entering, Run, B)]`",
            vec![a(vec![in_run("b"), Edge::watch(Mode::Any, Action::Entering, run, by_type("B"))]), typed("b", "B")],
        ),
        (
            Rule::RepeatedStream,
            "two `stream(news)`",
            vec![a(vec![in_run("b").stream("news"), in_run("c").stream("news")]), b(), c()],
        ),
        (
            Rule::Contradiction,
            "`#[needs(\"b\")]` and `#[watch(any, entering, Run, \"b\", then(stop))]`",
            vec![a(vec![needs("b"), in_run("b").then(Effect::Stop)]), b()],
        ),
        (
            Rule::AlwaysReacts,
            "`#[watch(any, not_in, Exit, \"b\", then(stop))]`",
            vec![a(vec![Edge::watch(Mode::Any, Action::NotIn, State::Exit, of("b")).then(Effect::Stop)]), b()],
        ),
        (Rule::UnknownService, "`#[needs(\"helth\")]`", vec![a(vec![needs("helth")]), node("health", [])]),
        (Rule::UnknownType, "`#[needs(Cache)]`", vec![a(vec![Edge::needs(by_type("Cache"))]), typed("b", "B")]),
        (
            Rule::AmbiguousType,
            "`#[needs(Db)]`, where two fields are of type `Db`",
            vec![a(vec![Edge::needs(by_type("Db"))]), typed("b", "Db"), typed("c", "Db")],
        ),
        (
            Rule::RepeatedTarget,
            "`#[needs(\"b\", B)]`",
            vec![a(vec![Edge::needs(Vec::leak(vec![of("b")[0], by_type("B")[0]]))]), typed("b", "B")],
        ),
        (Rule::SelfWatch, "`#[needs(\"a\")]` on `a`", vec![a(vec![needs("a")])]),
        (
            Rule::NeverHolds,
            "`#[watch(any, entering, Exit, \"b\")]`",
            vec![a(vec![Edge::watch(Mode::Any, Action::Entering, State::Exit, of("b"))]), b()],
        ),
        (Rule::NeedsEnding, "`#[needs(\"b\")]`, where `b` is `until_success`", vec![a(vec![needs("b")]), job("b", [])]),
        (Rule::AfterEndless, "`#[after(\"b\")]`, where `b` is `continuous`", vec![a(vec![after("b")]), b()]),
        (
            Rule::Repelled,
            "`#[needs(\"b\")]`, and on `b` `#[watch(any, entering, Run, \"a\", then(stop))]`",
            vec![a(vec![needs("b")]), node("b", [in_run("a").then(Effect::Stop)])],
        ),
        (
            Rule::ShutTogether,
            "`#[needs(\"b\")]` and `#[watch(all, not_in, Run, \"b\")]`",
            vec![a(vec![needs("b"), all(Action::NotIn, run, "b")]), b()],
        ),
        (
            Rule::Cycle,
            "`#[needs(\"b\")]` on `a`, `#[needs(\"a\")]` on `b`",
            vec![a(vec![needs("b")]), node("b", [needs("a")])],
        ),
    ]
}

#[test]
fn every_rule_has_its_row() {
    let examples = examples();
    assert_eq!(examples.iter().map(|(rule, ..)| *rule).collect::<Vec<_>>(), Rule::ALL);
    let mut table = String::from("| rule | example | its error |\n|---|---|---|\n");
    for (rule, example, nodes) in examples {
        let faults = Graph { daemon: "D", nodes: &nodes }.faults();
        assert_eq!(faults.iter().map(|fault| fault.rule).collect::<Vec<_>>(), [rule], "{example}");
        let (what, help) = faults[0].message.split_once("\nhelp: ").expect("every message helps");
        assert!(what.contains("`D`"), "{rule} does not name the daemon");
        let what = what.replace("\n  ", "<br>");
        table.push_str(&format!("| `{rule}` | {example} | {what}<br>*help:* {help} |\n"));
    }
    let written = include_str!("../rules.md");
    assert!(written == table, "`rules.md` is out of date; it must be:\n{table}");
}
