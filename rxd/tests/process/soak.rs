//! Kills of the process and stops of the daemon, at random points.
//!
//! `RXD_PROCESS_SOAK=500 cargo test -p rxd --features process --test process soak` runs as many as
//! the release needs.

use crate::*;
use rxd::Signal;
use rxd::process::{Output, Ready};

const SCRIPTS: [&str; 6] = [
    "echo ready; sleep 1000",
    "echo ready; sleep 1000 & sleep 1000 & wait",
    "trap '' TERM; sleep 1000 & echo ready; while :; do sleep 1000; done",
    "echo ready; (sleep 1000 &) ; sleep 0.03; exit 3",
    "while :; do echo ready; done",
    "sleep 0.02; echo ready; sh -c 'sh -c \"sleep 1000 & wait\" & wait' & wait",
];

#[tokio::test]
async fn soak_of_kills_and_stops_at_random_points_leaves_no_process_and_no_zombie() {
    let runs = std::env::var("RXD_PROCESS_SOAK").ok().and_then(|runs| runs.parse().ok()).unwrap_or(30);
    let seed = std::env::var("RXD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    fastrand::seed(seed);
    for run in 0..runs {
        one_run(run, seed).await;
    }
}

async fn one_run(run: u32, seed: u64) {
    let (mark, script) = (mark(), SCRIPTS[fastrand::usize(..SCRIPTS.len())]);
    let mut process = shell(&mark, script).reload_signal(Signal::USER1).stdout(Output::Debug);
    if fastrand::bool() {
        process = process.ready(Ready::line("ready"));
    }
    let options = options().timeout_of(State::Stop, 300 * MS);
    // A deadline that is over before the group may have ended.
    let is_forced = fastrand::u32(0..4) == 0;
    let limit = if is_forced { 20 * MS } else { Duration::from_secs(30) };
    let daemon = Daemon::new("d").add(Service::new("child", process).options(options)).shutdown_timeout(limit);
    let handle = daemon.signals([]).start().await.unwrap();
    let mut pids = Vec::new();
    for _ in 0..fastrand::u32(0..4) {
        tokio::time::sleep(MS * fastrand::u32(0..60)).await;
        pids.extend(marked(&mark));
        match fastrand::u32(0..4) {
            0 | 1 => marked(&mark).into_iter().filter(|_| fastrand::bool()).for_each(|pid| kill("KILL", pid)),
            2 => handle.restart("child").await.unwrap_or_default(),
            _ => handle.reload("child").await.unwrap_or_default(),
        }
    }
    tokio::time::sleep(MS * fastrand::u32(0..60)).await;
    pids.extend(marked(&mark));
    handle.shutdown();
    let report = handle.wait().await;
    let what = format!("run {run} of RXD_SEED={seed}: `{script}`, {report}");
    // After a forced shutdown the kernel and the runtime may take a moment.
    if is_forced {
        until(&what, || marked(&mark).is_empty() && !pids.iter().any(|pid| is_own_zombie(*pid))).await;
    }
    assert_eq!(marked(&mark), [0; 0], "{what}");
    assert!(!pids.iter().any(|pid| is_own_zombie(*pid)), "{what}");
}
