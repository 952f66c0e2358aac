//! Readiness, status, reload and the watchdog, end to end: told to a socket in systemd's place.
#![cfg(target_os = "linux")]

use crate::program::{Program, free_port, get};
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BIN: &str = env!("CARGO_BIN_EXE_systemd");

/// A directory and a notify socket of this test's own.
fn manager(name: &str) -> (UnixDatagram, PathBuf) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let manager = UnixDatagram::bind(dir.join("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    (manager, dir)
}

/// Reads on until it is told a line that begins so; that line.
#[track_caller]
fn told(manager: &UnixDatagram, begins: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let length = match manager.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => panic!("{begins} was not told: {error}"),
        };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if let Some(line) = text.lines().find(|line| line.starts_with(begins)) {
            return line.to_owned();
        }
    }
}

#[test]
fn it_is_ready_says_what_it_does_reloads_and_stops() {
    let (manager, dir) = manager("told");
    let (config, addr) = (dir.join("pace"), format!("127.0.0.1:{}", free_port()));
    std::fs::write(&config, "5ms").unwrap();
    let args = ["--addr", &addr, "--config", config.to_str().unwrap()];
    let mut program = Program::start_with(BIN, &args, &[("NOTIFY_SOCKET", dir.join("notify").to_str().unwrap())]);
    told(&manager, "READY=1");
    assert!(get(&addr, "/").ends_with("jobs\n"));
    told(&manager, "STATUS=2/2 running");

    std::fs::write(&config, "7ms").unwrap();
    program.signal("HUP");
    told(&manager, "RELOADING=1");
    told(&manager, "READY=1");
    while !told(&manager, "STATUS=").contains("one every 7ms") {}

    program.signal("TERM");
    told(&manager, "STOPPING=1");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}

#[test]
fn a_wedged_worker_gets_no_watchdog() {
    let (manager, dir) = manager("wedged");
    let socket = dir.join("notify");
    let env = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "2000000")];
    let mut program = Program::start_with(BIN, &["--addr", &format!("127.0.0.1:{}", free_port())], &env);
    told(&manager, "READY=1");
    told(&manager, "WATCHDOG=1");
    program.signal("USR1");
    program.until("wedged by SIGUSR1");
    let line = told(&manager, "WATCHDOG=trigger");
    assert_eq!(line, "WATCHDOG=trigger");
}

#[test]
fn with_rescue_the_worker_comes_back() {
    let (manager, dir) = manager("rescued");
    let socket = dir.join("notify");
    let env = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "4000000")];
    let args = ["--rescue", "--addr", &format!("127.0.0.1:{}", free_port())];
    let mut program = Program::start_with(BIN, &args, &env);
    told(&manager, "READY=1");
    program.signal("USR1");
    program.until("wedged by SIGUSR1");
    program.until_state("worker", "run", "exited");
    program.until_state("worker", "run", "entering");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}

#[test]
fn the_unit_is_printed_and_that_is_all() {
    let mut program = Program::start(BIN, &["--unit", "--rescue"]);
    assert_eq!(program.end().code(), Some(0));
    program.place(0, "Type=notify-reload");
    assert!(program.seen[program.place(0, "ExecStart=")].ends_with("--rescue"));
    program.place(0, "WatchdogSec=2s");
}
