//! F112: start and stop again and again, and everything is as it was.
//!
//! `RXD_CYCLES=10000 cargo test -p rxd --release --test faults cycles` does all of them.

use rxd::testing::{Act, Puppet};
use rxd::{Context, Daemon, Service, State};
use std::process::Command;
use std::time::Duration;

const CYCLES: u32 = 300;

fn daemon() -> Daemon {
    let spawns = Act::call(async |cx: Context| {
        let inner = cx.clone();
        cx.spawn("task", async move { inner.cancelled().await });
        cx.cancelled().await;
        Ok(())
    });
    let failing = Puppet::new().on(State::Run, [Act::Fail, Act::Panic, Act::UntilTold]);
    Daemon::new("d")
        .add(Service::new("a", Puppet::new().on(State::Run, [spawns])))
        .add(Service::new("b", Puppet::new()).needs(["a"]))
        .add(Service::new("c", failing).options(crate::kit::brisk()))
}

async fn cycle() {
    let handle = daemon().start().await.unwrap();
    handle.wait_for("b", State::Run).await.unwrap();
    let mut states = handle.watch_states(rxd::Filter::None).unwrap();
    let _first = states.next().await;
    handle.shutdown();
    let report = handle.wait().await;
    assert!(report.is_ok(), "{report}");
}

/// What the process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    tasks: usize,
    threads: usize,
    files: usize,
    /// Kilobytes.
    memory: usize,
}

fn held() -> Held {
    let count = |path| std::fs::read_dir(path).map_or(0, Iterator::count);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    Held {
        tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        threads: count("/proc/self/task"),
        files: count("/proc/self/fd"),
        memory: line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0),
    }
}

/// Not a test by itself: other tests of this program hold things too, so it is run alone.
#[test]
fn alone() {
    let Some(cycles) = std::env::var("RXD_CYCLES_ALONE").ok().and_then(|number| number.parse::<u32>().ok()) else {
        return;
    };
    crate::kit::quiet();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        // What is only made once, and what the allocator keeps, is there after these.
        for _ in 0..cycles / 3 {
            cycle().await;
        }
        // A task that has said its last word may still be in the list for an instant; so may a thread.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = held();
        for _ in 0..cycles {
            cycle().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let after = held();
        assert_eq!((before.tasks, before.threads, before.files), (after.tasks, after.threads, after.files));
        assert!(after.memory < before.memory + 2_000, "{before:?} {after:?}");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn f112_nothing_is_left_after_many_cycles() {
    let cycles = std::env::var("RXD_CYCLES").unwrap_or(CYCLES.to_string());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cycles::alone", "--test-threads=1"])
        .env("RXD_CYCLES_ALONE", cycles)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
