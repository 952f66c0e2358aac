//! Waiting for orphans.

use crate::*;
use std::io::Write;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

/// The zombies whose parent is this process.
fn zombies() -> Vec<String> {
    let Ok(folders) = fs::read_dir("/proc") else { return Vec::new() };
    let own = format!(" Z {} ", std::process::id());
    let stats = folders.filter_map(|folder| fs::read_to_string(folder.ok()?.path().join("stat")).ok());
    stats.filter(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(&own))).collect()
}

/// What `unshare` runs as the first process: a daemon, whose service leaves orphans.
pub(crate) fn first_process() {
    assert_eq!(std::process::id(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let script = "for i in 1 2 3 4 5 6 7 8; do (sleep 0.1 &); done; sleep 1000";
        let process = Service::new("child", shell("pid1", script)).options(options());
        let handle = Daemon::new("d").add(process).signals([]).reap_orphans().start().await.unwrap();
        handle.wait_for("child", State::Run).await.unwrap();
        until("there are orphans", || zombies().len() >= 8).await;
        until("they are waited for", || zombies().is_empty()).await;
        assert_eq!(handle.states()["child"].restarts, 0);
        stop(handle).await;
        assert!(zombies().is_empty());
        let _ = writeln!(io::stdout(), "no zombie is left");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn first_process_waits_for_orphans_when_it_is_to() {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(program);
    command.args(["--exact", "helper::works", "--nocapture"]).env("RXD_TEST_HELP", "first");
    let output = command.stdin(Stdio::null()).output();
    // Not `eprintln`: the test harness would capture it.
    let skip = |why: &str| drop(writeln!(io::stderr(), "SKIPPED: {why}"));
    let Ok(output) = output else { return skip("there is no `unshare`") };
    let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if error.contains("unshare: unshare failed") || error.contains("unshare: mount") {
        return skip(&error);
    }
    assert!(output.status.success() && text.contains("no zombie is left"), "{text}{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn child_that_is_never_waited_for_is_taken_and_others_keep_theirs() {
    let mark = mark();
    let handle = {
        let child = Service::new("child", shell(&mark, "sleep 1000")).options(options());
        Daemon::new("d").add(child).signals([]).reap_orphans().start().await.unwrap()
    };
    #[expect(clippy::zombie_processes, reason = "it is never waited for")]
    let forgotten = Command::new("true").spawn().unwrap();
    // Waited for in time, by tokio.
    let mut prompt = tokio::process::Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
    assert_eq!(prompt.wait().await.unwrap().code(), Some(7));
    let pid = forgotten.id() as i32;
    assert!(exists(pid));
    until("it is taken", || !exists(pid)).await;
    assert_eq!(handle.states()["child"].restarts, 0);
    stop(handle).await;
    assert_gone(&mark, &[]);
}
