//! Prestart stages, end to end.

use crate::program::{Program, free_port, get, transition_of};
use std::net::TcpListener;

const BIN: &str = env!("CARGO_BIN_EXE_prestart");

/// Starts the example with its own directory, port and upstream; returns the last two.
fn start(name: &str) -> (Program, String, String) {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).join("deep");
    let _ = std::fs::remove_dir_all(&dir);
    let (listen, upstream) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let args = ["--dir", dir.to_str().unwrap(), "--listen", &listen, "--upstream", &upstream, "--retry", "20ms"];
    (Program::start(BIN, &args), listen, upstream)
}

#[test]
fn server_whose_upstream_is_late_starts_once_it_answers() {
    let (mut program, listen, upstream) = start("answers");
    program.until("stage=\"upstream\" attempt=3");
    let _upstream = TcpListener::bind(upstream).unwrap();
    program.until("serving on");
    assert!(get(&listen, "/").ends_with("1 requests\n"));
    assert!(get(&listen, "/").ends_with("2 requests\n"));
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    let waited = program.place(0, "stage=\"upstream\"");
    assert!(program.place(0, &transition_of("server", "init", "entering")) > waited);
}

#[test]
fn signal_while_a_stage_waits_ends_with_status_0() {
    let (mut program, ..) = start("waits");
    program.until("stage=\"upstream\" attempt=1");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    let begun = transition_of("server", "init", "entering");
    assert!(!program.seen.iter().any(|line| line.contains(&begun)));
}

#[test]
fn port_in_use_is_named_with_its_stage() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut program = Program::start(BIN, &["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(program.end().code(), Some(1));
    program.place(0, "prestart stage `port` failed: Address already in use");
}
