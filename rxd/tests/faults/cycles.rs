//! F112: many starts and stops leave the process as it was.
//!
//! `RXD_CYCLES=10000 cargo test -p rxd --release --test faults cycles` runs as many as the release
//! needs.

use rxd::intracom::Group;
use rxd::prestart::Stage;
use rxd::testing::{Behavior, FakeService, ReloadingFake};
use rxd::{Context, Daemon, Service, State};
use std::time::Duration;

#[cfg(target_os = "linux")]
const CYCLES: u32 = 300;

/// A daemon that uses everything that could be left behind.
fn daemon() -> Daemon {
    let works = Behavior::call(async |cx: Context| {
        let inner = cx.clone();
        cx.spawn("task", async move { inner.cancelled().await });
        let topic = cx.intracom().topic::<u32>("numbers")?;
        let mut numbers = topic.subscribe(Group::named("readers"))?;
        topic.publish(7).await?;
        while numbers.next().await.is_some() {}
        Ok(())
    });
    let fails = FakeService::new().on(State::Run, [Behavior::Fail, Behavior::Panic, Behavior::UntilCancelled]);
    let gives_up = crate::kit::no_backoff().restarts(1, Duration::from_secs(60)).on_failure(rxd::OnFailure::Ignore);
    let daemon = Daemon::new("d")
        .prestart(Stage::new("port", async || Ok(())).timeout(Duration::from_secs(60)))
        .add(Service::new("a", ReloadingFake(FakeService::new().on(State::Run, [works]))))
        .add(Service::new("b", FakeService::new()).needs(["a"]))
        .add(Service::new("c", fails).options(crate::kit::no_backoff()))
        .add(Service::new("d", FakeService::new().on(State::Init, [Behavior::Panic])).options(gives_up))
        .add(Service::new("e", FakeService::new().on(State::Init, [Behavior::UntilCancelled])));
    #[cfg(feature = "admin")]
    let daemon = daemon.admin("127.0.0.1:0");
    daemon
}

async fn cycle() {
    let handle = daemon().start().await.unwrap();
    handle.wait_for("b", State::Run).await.unwrap();
    let mut states = handle.watch_states(rxd::Filter::None).unwrap();
    let _first = states.next().await;
    handle.reload("a").await.unwrap();
    handle.restart("c").await.unwrap();
    handle.stop("b").await.unwrap();
    handle.start("b").await.unwrap();
    // A wait that is dropped before it ends.
    let never = tokio::time::timeout(Duration::ZERO, handle.wait_for("e", State::Run));
    assert!(never.await.is_err());
    handle.shutdown();
    let report = handle.wait().await;
    assert!(report.is_ok(), "{report}");
}

/// What the process holds at one instant.
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

/// Not a test by itself: it runs alone in a process, since other tests of this program hold
/// resources too.
#[test]
fn alone() {
    let Some(cycles) = std::env::var("RXD_CYCLES_ALONE").ok().and_then(|number| number.parse::<u32>().ok()) else {
        return;
    };
    crate::kit::silence_scripted_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        // After these cycles, everything that is made once exists, and the allocator keeps its
        // reserve.
        for _ in 0..cycles / 3 {
            cycle().await;
        }
        // A task or thread that has ended may be listed for another instant.
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
fn f112_many_starts_and_stops_leave_nothing_behind() {
    let cycles = std::env::var("RXD_CYCLES").unwrap_or(CYCLES.to_string());
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cycles::alone", "--test-threads=1"])
        .env("RXD_CYCLES_ALONE", cycles)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}
