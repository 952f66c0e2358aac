//! `multi-service`, end to end: a real API, real requests, real signals.

use crate::program::{Program, free_port, get};
use std::net::TcpListener;

const BIN: &str = env!("CARGO_BIN_EXE_multi-service");

#[test]
fn services_start_in_order_and_stop_in_reverse_order() {
    let addr = format!("127.0.0.1:{}", free_port());
    let mut program = Program::start(BIN, &["--addr", &addr]);
    program.until(r#"{"hello":"world"}"#);

    assert_eq!(get(&addr, "/api"), r#"{"hello":"world"}"#);

    program.signal("INT");
    let status = program.end();
    assert_eq!(status.code(), Some(0), "{}", program.seen.join("\n"));
    let entering = |state: &str, services: [&str; 3]| services.map(|service| program.seq(service, state, "entering"));
    assert!(entering("run", ["api", "health", "poller"]).is_sorted(), "{}", program.seen.join("\n"));
    assert!(entering("exit", ["poller", "health", "api"]).is_sorted(), "{}", program.seen.join("\n"));
    assert!(program.seq("health", "run", "exited") > program.seq("poller", "exit", "entering"));
}

#[test]
fn poller_whose_health_fails_leaves_run_and_enters_it_again() {
    let addr = format!("127.0.0.1:{}", free_port());
    let mut program = Program::start(BIN, &["--addr", &addr, "--fail-after", "1s"]);
    program.until("failed because of --fail-after");
    program.until_state("health", "run", "exited");
    program.until_state("poller", "run", "exited");
    program.until_state("api", "run", "entering");
    program.until_state("health", "run", "entering");
    program.until_state("poller", "run", "entering");
    program.until(r#"{"hello":"world"}"#);
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0));
}

#[test]
fn port_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let mut program = Program::start(BIN, &["--addr", &addr]);
    program.until(&format!("failed to listen on {addr}: "));
    program.until("help: another process listens there; stop it, or choose another address");
    program.signal("INT");
    // The signal came before the restart limit was reached.
    assert_eq!(program.end().code(), Some(0));
}

#[test]
fn graph_option_prints_only_the_graph() {
    let mut program = Program::start(BIN, &["--graph"]);
    assert_eq!(program.end().code(), Some(0));
    let graph = program.seen.join("\n");
    assert!(graph.contains("flowchart") && graph.contains("poller") && graph.contains("health"), "{graph}");
    assert!(!graph.contains("rxd::state"));
    // The README has the same picture.
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let shown = readme.split_once("```mermaid\n").and_then(|(_, rest)| rest.split_once("\n```")).unwrap().0;
    assert_eq!(shown, graph);

    for (format, begins) in [("dot", "digraph"), ("json", "{")] {
        let mut program = Program::start(BIN, &[&format!("--graph={format}")]);
        assert_eq!(program.end().code(), Some(0));
        assert!(program.seen[0].starts_with(begins), "{}", program.seen.join("\n"));
    }
}
