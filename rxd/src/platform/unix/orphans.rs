//! Waiting for orphans: processes that this one has not started, and whose parent has ended before
//! them. The first process of a container gets them.
//!
//! A zombie may also be a child that other code of this process has started and has not waited for
//! yet. Only time tells the two apart: such code waits soon after the end. So a zombie is taken once
//! it has been one for [`GRACE`].

use super::child::is_kept;
use super::proc;
use crate::race::race;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

/// How long a zombie is left to other code.
const GRACE: Duration = Duration::from_secs(5);

/// The processes are looked at no more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits for orphans, until it is dropped.
pub(crate) async fn reap_orphans() {
    let Ok(mut ended) = signal(SignalKind::child()) else { return };
    let own = rustix::process::getpid().as_raw_pid();
    // The zombies, and since when they have been seen.
    let mut zombies = BTreeMap::<(i32, u64), Instant>::new();
    loop {
        let now = Instant::now();
        let Some(processes) = proc::processes() else { return };
        let found = processes.filter(|process| process.is_zombie && process.parent == own);
        let found = found.map(|process| (process.pid, process.started));
        let mut left: BTreeMap<_, _> =
            found.map(|zombie| (zombie, zombies.get(&zombie).copied().unwrap_or(now))).collect();
        left.retain(|&(pid, _), &mut since| {
            let is_taken = now - since >= GRACE && !is_kept(pid);
            if is_taken {
                if let Some(pid) = Pid::from_raw(pid) {
                    let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
                }
            }
            !is_taken
        });
        zombies = left;
        match zombies.values().min() {
            None => drop(ended.recv().await),
            Some(&since) => {
                let _ = race(ended.recv(), sleep_until(since + GRACE)).await;
            }
        }
        sleep(PAUSE).await;
    }
}
