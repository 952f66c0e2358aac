//! A real redis as a service, end to end.
//!
//! Without `redis-server` this prints that it is skipped. With `RXD_REQUIRE_REDIS=1` it fails.

use crate::program::{Program, free_port};
use std::io::Write;
use std::process::{Command, Stdio};

const BIN: &str = env!("CARGO_BIN_EXE_sidecar");

fn has_redis() -> bool {
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    let has = version.is_ok_and(|status| status.success());
    if !has {
        assert!(std::env::var("RXD_REQUIRE_REDIS").is_err(), "RXD_REQUIRE_REDIS is set, and there is no redis-server");
        // Not `eprintln`: the test harness would capture it.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no redis-server");
    }
    has
}

/// The number of the process in the next record that says it was started.
fn next_pid(program: &mut Program) -> String {
    let line = program.until("started `redis-server`");
    let pid = line.split_once("pid=").expect("it has a number").1;
    pid.chars().take_while(char::is_ascii_digit).collect()
}

/// Sends a signal. Returns whether there is such a process.
fn kill(signal: &str, pid: &str) -> bool {
    Command::new("sh").args(["-c", &format!("kill -{signal} {pid} 2>/dev/null")]).status().unwrap().success()
}

#[test]
fn redis_that_is_killed_comes_back_and_nothing_of_it_is_left_at_the_end() {
    if !has_redis() {
        return;
    }
    let port = free_port().to_string();
    let mut program = Program::start(BIN, &["--port", &port, "--every", "20ms"]);
    let first = next_pid(&mut program);
    program.until("visits:3");
    program.place(0, "Ready to accept connections");
    assert!(kill("KILL", &first));
    program.until("`redis-server` was killed by signal 9 (SIGKILL)");
    let second = next_pid(&mut program);
    program.until("visits:1");
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0));
    program.place(0, "bye bye");
    assert!(!kill("0", &first) && !kill("0", &second), "a process is left");
}

#[test]
fn program_that_is_not_there_is_named() {
    let mut program = Program::start(BIN, &["--program", "no-such-redis", "--port", &free_port().to_string()]);
    program.until("failed to start `no-such-redis`: there is no such program in PATH");
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0));
}
