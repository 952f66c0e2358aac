//! Programs.

use crate::*;
use rxd::probe::Command;
use std::fs;
use std::path::Path;

fn shell(script: impl AsRef<str>) -> Command {
    Command::new("sh").args(["-c", script.as_ref()]).period(20 * MS).timeout(300 * MS).failures(2)
}

/// The processes with this text in their command line.
fn processes(text: &str) -> Vec<String> {
    let Ok(folders) = fs::read_dir("/proc") else { return Vec::new() };
    let folders = folders.filter_map(|folder| Some(folder.ok()?.path()));
    let own = format!("/proc/{}", std::process::id());
    let lines = folders.filter(|path| *path != Path::new(&own)).filter_map(|path| fs::read(path.join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).filter(|line| line.contains(text)).collect()
}

/// How many children of this process have ended and were not waited for.
fn zombies() -> usize {
    let Ok(folders) = fs::read_dir("/proc") else { return 0 };
    let stats = folders.filter_map(|folder| fs::read_to_string(folder.ok()?.path().join("stat")).ok());
    let own = std::process::id().to_string();
    stats.filter(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(&format!(" Z {own} ")))).count()
}

#[tokio::test]
async fn service_is_in_run_while_its_program_succeeds() {
    let flag = std::env::temp_dir().join(format!("rxd-probe-{}", std::process::id()));
    let _ = fs::remove_file(&flag);
    let handle = start(shell(format!("test -e {}", flag.display()))).await;
    until_idle(&handle).await;
    fs::write(&flag, "").unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    fs::remove_file(&flag).unwrap();
    until_failed(&handle, "command `sh`: 2 checks failed in a row, the last: exit status: 1").await;
    fs::write(&flag, "").unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    stop(handle).await;
    fs::remove_file(&flag).unwrap();
}

#[tokio::test]
async fn program_that_hangs_is_killed_with_what_it_has_started() {
    // A time that no other test sleeps for.
    let (limit, cancelled) = ("71239.5", "71240.5");
    let handle = start(shell(format!("sleep {limit} & sleep {limit}; true")).timeout(100 * MS)).await;
    until("it runs", || cfg!(not(target_os = "linux")) || !processes(limit).is_empty()).await;
    until_idle(&handle).await;
    stop(handle).await;
    until("nothing is left of it", || processes(limit).is_empty()).await;

    let handle =
        start(shell(format!("sleep {cancelled} & sleep {cancelled}; true")).timeout(Duration::from_secs(600))).await;
    until("it runs", || cfg!(not(target_os = "linux")) || processes(cancelled).len() >= 2).await;
    stop(handle).await;
    until("nothing is left of it", || processes(cancelled).is_empty()).await;
    until("the runtime has waited for all", || zombies() == 0).await;
}

#[tokio::test]
async fn program_that_is_missing_never_passes() {
    let handle = start(Command::new("/no/such/program").period(20 * MS)).await;
    until_idle(&handle).await;
    tokio::time::sleep(100 * MS).await;
    assert!(handle.states()["health"].is_in(State::Idle));
    stop(handle).await;
}
