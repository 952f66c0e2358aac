//! Readiness, status, reload and the watchdog, end to end, with a socket in systemd's place.
#![cfg(target_os = "linux")]

use crate::program::{Program, free_port, get};
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BIN: &str = env!("CARGO_BIN_EXE_systemd");

/// A directory and a notify socket for this test.
fn manager(name: &str) -> (UnixDatagram, PathBuf) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let manager = UnixDatagram::bind(dir.join("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    (manager, dir)
}

/// Reads notifications until a line begins with `begins`, and returns that line.
#[track_caller]
fn until_notified(manager: &UnixDatagram, begins: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let length = match manager.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => panic!("no notification with {begins}: {error}"),
        };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if let Some(line) = text.lines().find(|line| line.starts_with(begins)) {
            return line.to_owned();
        }
    }
}

#[test]
fn jobs_report_readiness_status_reload_and_stop() {
    let (manager, dir) = manager("notified");
    let (config, addr) = (dir.join("pace"), format!("127.0.0.1:{}", free_port()));
    std::fs::write(&config, "5ms").unwrap();
    let args = ["--addr", &addr, "--config", config.to_str().unwrap()];
    let mut program = Program::start_with(BIN, &args, &[("NOTIFY_SOCKET", dir.join("notify").to_str().unwrap())]);
    until_notified(&manager, "READY=1");
    assert!(get(&addr, "/").ends_with("jobs\n"));
    until_notified(&manager, "STATUS=2/2 running");

    std::fs::write(&config, "7ms").unwrap();
    program.signal("HUP");
    until_notified(&manager, "RELOADING=1");
    until_notified(&manager, "READY=1");
    while !until_notified(&manager, "STATUS=").contains("one every 7ms") {}

    program.signal("TERM");
    until_notified(&manager, "STOPPING=1");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}

#[test]
fn wedged_worker_triggers_the_watchdog() {
    let (manager, dir) = manager("wedged");
    let socket = dir.join("notify");
    let env = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "2000000")];
    let mut program = Program::start_with(BIN, &["--addr", &format!("127.0.0.1:{}", free_port())], &env);
    until_notified(&manager, "READY=1");
    until_notified(&manager, "WATCHDOG=1");
    program.signal("USR1");
    program.until("wedged by SIGUSR1");
    let line = until_notified(&manager, "WATCHDOG=trigger");
    assert_eq!(line, "WATCHDOG=trigger");
}

#[test]
fn wedged_worker_with_rescue_restarts() {
    let (manager, dir) = manager("rescued");
    let socket = dir.join("notify");
    let env = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "4000000")];
    let args = ["--rescue", "--addr", &format!("127.0.0.1:{}", free_port())];
    let mut program = Program::start_with(BIN, &args, &env);
    until_notified(&manager, "READY=1");
    program.signal("USR1");
    program.until("wedged by SIGUSR1");
    program.until_state("worker", "run", "exited");
    program.until_state("worker", "run", "entering");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}

#[test]
fn unit_option_prints_only_the_unit() {
    let mut program = Program::start(BIN, &["--unit", "--rescue"]);
    assert_eq!(program.end().code(), Some(0));
    program.place(0, "Type=notify-reload");
    assert!(program.seen[program.place(0, "ExecStart=")].ends_with("--rescue"));
    program.place(0, "WatchdogSec=2s");
}
