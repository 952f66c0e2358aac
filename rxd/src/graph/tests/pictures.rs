//! What the pictures look like, hostile names included.

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
