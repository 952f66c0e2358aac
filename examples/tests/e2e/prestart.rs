//! What must be there first, end to end.

use crate::program::{Program, free_port, get, transition_of};
use std::net::TcpListener;

const BIN: &str = env!("CARGO_BIN_EXE_prestart");

/// The example with a directory, a port and an upstream of its own; the last two.
fn start(name: &str) -> (Program, String, String) {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).join("deep");
    let _ = std::fs::remove_dir_all(&dir);
    let (listen, upstream) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let args = ["--dir", dir.to_str().unwrap(), "--listen", &listen, "--upstream", &upstream, "--retry", "20ms"];
    (Program::start(BIN, &args), listen, upstream)
}

#[test]
fn it_starts_once_its_upstream_answers() {
    let (mut program, listen, upstream) = start("answers");
    program.until("stage=\"upstream\" attempt=3");
    let _upstream = TcpListener::bind(upstream).unwrap();
    program.until("serving on");
    assert!(get(&listen, "/").ends_with("asked 1 times\n"));
    assert!(get(&listen, "/").ends_with("asked 2 times\n"));
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    let waited = program.place(0, "stage=\"upstream\"");
    assert!(program.place(0, &transition_of("server", "init", "entering")) > waited);
}

#[test]
fn a_signal_while_it_waits_is_a_good_end() {
    let (mut program, ..) = start("waits");
    program.until("stage=\"upstream\" attempt=1");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    let begun = transition_of("server", "init", "entering");
    assert!(!program.seen.iter().any(|line| line.contains(&begun)));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut program = Program::start(BIN, &["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(program.end().code(), Some(1));
    program.place(0, "prestart stage `port` failed: Address already in use");
}
