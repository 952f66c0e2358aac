//! The pictures, hostile names included.

use super::*;

fn picture() -> Graph<'static> {
    let nodes = Vec::leak(vec![
        node("a\"<b>\n|]", []),
        Node { optional: true, ..node("b", [needs("a\"<b>\n|]"), in_run("nobody").stream("s")]) },
        node("c", [all(Action::NotIn, State::Run, "b").then(Effect::Stop)]),
    ]);
    Graph { daemon: "D \\", nodes }
}

#[test]
fn mermaid_draws_the_graph_with_hostile_names() {
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
fn dot_draws_the_graph_with_hostile_names() {
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
fn json_has_services_and_watches() {
    assert_eq!(
        picture().to_json(),
        concat!(
            r#"{"daemon":"D \\","services":["#,
            r#"{"name":"a\"<b>\n|]","type":null,"optional":false,"family":null,"watches":[]},"#,
            r#"{"name":"b","type":null,"optional":true,"family":null,"watches":["#,
            r#"{"keyword":"needs","mode":"all","action":"entering","state":"run","effect":"run","completed":false,"within_ms":null,"lasts_ms":null,"stream":null,"targets":["a\"<b>\n|]"]},"#,
            r#"{"keyword":"watch","mode":"any","action":"entering","state":"run","effect":"stream","completed":false,"within_ms":null,"lasts_ms":null,"stream":"s","targets":[null]}]},"#,
            r#"{"name":"c","type":null,"optional":false,"family":null,"watches":["#,
            r#"{"keyword":"watch","mode":"all","action":"not_in","state":"run","effect":"stop","completed":false,"within_ms":null,"lasts_ms":null,"stream":null,"targets":["b"]}]}"#,
            r#"]}"#
        )
    );
}

#[test]
fn json_of_a_built_graph_has_every_field() {
    let targets = of("a nobody");
    let edges = [
        Edge { mode: Mode::Any, ..Edge::needs(targets) },
        all(Action::Changing, State::Idle, "a").then(Effect::Exit),
        in_run("a").then(Effect::GateInit).within(Duration::from_millis(1500)),
    ];
    let nodes = [node("a\r\t\u{1}\u{2028}", []), node("a", []), node("b", edges)];
    let json = Graph { daemon: "D", nodes: &nodes }.to_json();
    assert!(json.contains(r#"{"name":"a\r\t\u0001\u2028","#), "{json}");
    let watches = json.split_once(r#""name":"b","type":null,"optional":false,"family":null,"watches":"#).unwrap().1;
    assert_eq!(
        watches,
        concat!(
            r#"[{"keyword":"needs","mode":"all","action":"entering","state":"run","effect":"run","completed":false,"within_ms":null,"lasts_ms":null,"stream":null,"targets":["a",null]},"#,
            r#"{"keyword":"watch","mode":"all","action":"changing","state":"idle","effect":"exit","completed":false,"within_ms":null,"lasts_ms":null,"stream":null,"targets":["a"]},"#,
            r#"{"keyword":"watch","mode":"any","action":"entering","state":"run","effect":"init","completed":false,"within_ms":1500,"lasts_ms":null,"stream":null,"targets":["a"]}]}]}"#
        )
    );
}

#[test]
fn dot_has_no_control_characters() {
    let dot = Graph { daemon: "D", nodes: &[node("a\u{1}\tb", [])] }.to_dot();
    assert!(dot.contains("s0 [label = \"a\u{fffd}\u{fffd}b\"];"), "{dot}");
}

#[test]
fn arrow_label_says_what_the_watch_asks() {
    let nodes = [
        node("a", []),
        job("b", []),
        node(
            "c",
            [
                all(Action::Entering, State::Run, "a b").within(Duration::from_secs(2)),
                Edge::watch(Mode::Any, Action::Exited, State::Init, of("a b")).then(Effect::Exit),
                all(Action::Changing, State::Stop, "a").stream("s"),
                after("b"),
                Edge::watch(Mode::Any, Action::NotIn, State::Run, of("a"))
                    .then(Effect::Stop)
                    .lasts(Duration::from_secs(3)),
                Edge::needs(of("a")).lasts(Duration::from_millis(500)),
            ],
        ),
    ];
    let dot = Graph { daemon: "D", nodes: &nodes }.to_dot();
    let labels: Vec<&str> = dot.lines().filter_map(|line| line.split_once(" -> ")).map(|(_, arrow)| arrow).collect();
    assert_eq!(
        labels,
        [
            r#"s0 [label = "all in Run: run within 2s", style = solid];"#,
            r#"s1 [label = "all in Run: run within 2s", style = solid];"#,
            r#"s0 [label = "any left Init: exit", style = dashed];"#,
            r#"s1 [label = "any left Init: exit", style = dashed];"#,
            r#"s0 [label = "enters or leaves Stop: stream s", style = dotted];"#,
            r#"s1 [label = "after", style = solid];"#,
            r#"s0 [label = "not in Run for 3s: stop", style = dashed];"#,
            r#"s0 [label = "needs, grace 500ms", style = solid];"#,
        ]
    );
}

#[test]
fn unknown_and_ambiguous_targets_are_drawn() {
    let typed = |name| Node { service_type: Some(ServiceType::new("Db", "Db")), ..node(name, []) };
    let two = Vec::leak(vec![Target::of_type(ServiceType::new("Db", "Db"))]) as &_;
    let nodes = [typed("one"), typed("other"), node("c", [Edge::needs(two), in_run("x y")])];
    let dot = Graph { daemon: "D", nodes: &nodes }.to_dot();
    for line in [
        "    s2 -> s0 [label = \"needs\", style = solid];\n",
        "    u0 [label = \"x ?\", color = red];\n    u1 [label = \"y ?\", color = red];\n",
        "    s2 -> u1 [label = \"any in Run: run\", style = solid];\n",
    ] {
        assert!(dot.contains(line), "{dot}");
    }
}

#[cfg(feature = "admin")]
#[test]
fn arrows_of_the_page_leave_out_unknown_targets() {
    let drawn: Vec<_> = picture().drawn();
    assert_eq!(drawn, [(1, 0, 0, "needs".to_owned()), (2, 1, 1, "not in Run: stop".to_owned())]);
    let nodes = [node("a", []), node("b", [in_run("a").stream("s")])];
    assert_eq!(Graph { daemon: "D", nodes: &nodes }.drawn(), [(1, 0, 2, "in Run: stream s".to_owned())]);
}

#[test]
fn family_is_one_box_and_labels_say_how_many_of_it() {
    let edges = [in_run("workers"), all(Action::Exited, State::Run, "workers").then(Effect::Stop)];
    let nodes = [Node { family: Some("worker"), ..node("workers", []) }, node("api", edges)];
    let graph = Graph { daemon: "D", nodes: &nodes };
    let mermaid = graph.to_mermaid();
    assert!(mermaid.contains("s0[[\"workers\"]]"), "{mermaid}");
    assert!(mermaid.contains("|\"any in Run: run\"|") && mermaid.contains("|\"all left Run: stop\"|"), "{mermaid}");
    assert!(graph.to_dot().contains("s0 [label = \"workers\", peripheries = 2];"));
    assert!(
        graph.to_json().contains(r#"{"name":"workers","type":null,"optional":false,"family":"worker","watches":[]}"#)
    );
}
