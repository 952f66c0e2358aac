//! The example under a real systemd, in the unit that it prints.
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

#[allow(dead_code, reason = "the tests of rxd need more of it")]
#[path = "../../../rxd/tests/systemd/manager.rs"]
mod manager;

use crate::program::free_port;
use manager::{Manager, Unit};
use std::path::PathBuf;

/// What boots a systemd for the tests.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../rxd/tests/systemd/box.sh");

/// The program that the units of the tests run.
fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_systemd").into()
}

/// Starts the example in its own unit with these arguments. `None` without a usable systemd: the
/// reason has been printed.
fn started(name: &str, args: &[&str]) -> Option<(&'static Manager, Unit<'static>)> {
    let manager = Manager::get()?;
    if !manager.is_system() {
        eprintln!("skipped: a user manager cannot give a daemon the sandbox of its unit");
        return None;
    }
    let (exe, version) = (manager.exe(), manager.version.to_string());
    let print = [exe.to_str().expect("a plain path"), "--unit", "--systemd", &version];
    let file = manager.run(&[&print, args].concat());
    let unit = manager.unit_of(name, &file);
    let (sound, said) = manager.try_run(&["systemd-analyze", "verify", &unit.path]);
    assert!(sound && said.is_empty(), "{said}\n{file}");
    unit.start();
    Some((manager, unit))
}

/// The answer of the API to a client inside the sandbox.
fn jobs(manager: &Manager, port: u16) -> String {
    let ask = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; while read -t 60 -r line <&3; do last=$line; done; echo \"$last\""
    );
    manager.run(&["bash", "-c", &ask])
}

#[test]
fn wedged_worker_restarts_the_unit_and_the_api_refuses_no_connection() {
    let port = free_port();
    let Some((manager, unit)) = started("jobs", &[&format!("--addr=127.0.0.1:{port}")]) else { return };
    unit.until("StatusText", |text| text.starts_with("2/2 running; worker: "));
    unit.until("NFileDescriptorStore", |count| count == "1");
    unit.kill("USR1");
    unit.until_journal("wedged by SIGUSR1");
    assert!(jobs(manager, port).ends_with(" jobs"), "the process still runs, and its API answers");
    unit.until("NRestarts", |restarts| restarts != "0");
    assert!(jobs(manager, port).ends_with(" jobs"), "the listener was kept");
    unit.until("ActiveState", |state| state == "active");
    unit.until("StatusText", |text| text.starts_with("2/2 running; worker: "));
    assert_eq!(unit.show("NRestarts"), "1", "{}", unit.describe());
    assert!(unit.failures("watchdog").contains("Failed with result 'watchdog'"));
    assert!(unit.journal(&[]).contains("watchdog triggered: worker is stale: no heartbeat within 2s"));
}

#[test]
fn wedged_worker_with_rescue_restarts_without_the_unit() {
    let Some((_, unit)) = started("rescue", &["--rescue", &format!("--addr=127.0.0.1:{}", free_port())]) else {
        return;
    };
    let main = unit.show("MainPID");
    unit.kill("USR1");
    unit.until_journal("no heartbeat within 2s");
    // The watchdog timeout plus the heartbeat.
    unit.wait_while_pinged(std::time::Duration::from_secs(5));
    assert_eq!((unit.show("MainPID"), unit.show("NRestarts")), (main, "0".into()), "{}", unit.describe());
}
