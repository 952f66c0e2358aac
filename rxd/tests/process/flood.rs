//! A process that writes a gigabyte.

use crate::*;
use rxd::manager::until_success;
use std::sync::atomic::AtomicU64;

/// Counts its turns.
struct Ticks(Arc<AtomicU64>);

impl Runner for Ticks {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(MS);
        while every.tick().await {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Peak memory of this process, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// On one thread, so that the reader can only give way by itself.
async fn flood(script: &str) -> String {
    let (records, _guard) = Records::capture();
    let (ticks, before) = (Arc::<AtomicU64>::default(), peak());
    let job = Service::new("child", shell(&mark(), script)).manager(until_success);
    let other = Service::new("ticks", Ticks(ticks.clone()));
    let handle = Daemon::new("d").add(job).add(other).signals([]).start().await.unwrap();
    let begun = Instant::now();
    handle.wait_for("child", State::Exit).await.unwrap();
    let (took, ticks) = (begun.elapsed(), ticks.load(Ordering::Relaxed));
    // A tenth of its turns, however slow the machine is: one that waits for the flood has none.
    assert!(u128::from(ticks) >= took.as_millis() / 10, "{ticks} ticks in {took:?}");
    assert!(peak() - before < 100 << 10, "{} KiB more", peak() - before);
    assert_eq!(handle.states()["child"].last_error, None);
    stop(handle).await;
    records.text()
}

#[tokio::test]
async fn process_that_writes_a_gigabyte_of_lines_slows_no_other_and_fills_no_log() {
    let text = flood("yes \"a line of some length $(head -c 180 /dev/zero | tr '\\0' x)\" | head -c 1000000000").await;
    let lines = text.lines().filter(|line| line.contains("a line of some length")).count();
    let notices =
        text.lines().filter(|line| line.contains("lines of stdout were left out: there were more than 1000")).count();
    assert!(lines <= 1000 * (notices + 1) && notices > 0, "{lines} lines, {notices} notices");
}

#[tokio::test]
async fn process_that_writes_a_gigabyte_without_a_line_end_slows_no_other() {
    let text = flood("head -c 1000000000 /dev/zero").await;
    assert_eq!(text.matches("cut after 64 KiB").count(), 1);
}
