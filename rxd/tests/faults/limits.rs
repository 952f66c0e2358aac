//! F66, F74, G14, G18: what happens once all limits are over, to the millisecond.
//!
//! The signals are real, and this process's own; time is paused. It goes on by itself only where
//! nobody is waited for in the real world: [`Still`] sees to that.

use crate::kit::*;
use crate::stall::Heard;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake, Trace};
use rxd::{Cause, Context, Daemon, DaemonHandle, Report, Runner, Service, Signal, State};
use std::process::Command;
use std::sync::{Arc, OnceLock, mpsc};
use tokio::time::Instant;

/// How long after all limits are over those who hang are left.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(100);

/// Time stands still: a thread that tokio knows is at work.
struct Still(#[expect(dead_code, reason = "the thread waits for its end")] mpsc::Sender<()>);

impl Still {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel::<()>();
        drop(tokio::task::spawn_blocking(move || receiver.recv()));
        Still(sender)
    }
}

fn signal(signal: &str) {
    let kill = format!("kill -s {signal} {}", std::process::id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Waits for what is said once the signal has been heard.
async fn until_said(heard: &Heard, text: &str) {
    let began = std::time::Instant::now();
    while !heard.has(text) {
        assert!(began.elapsed() < 60 * SECOND, "`{text}` is not said");
        tokio::task::yield_now().await;
    }
}

/// `a` does not listen, and is needed by `b`; nobody has a limit of its own.
fn stubborn(probe: &CallLog) -> Daemon {
    let hour = 3600 * SECOND;
    let a = FakeService::new().call_log(probe).on(State::Run, [Behavior::Hang]);
    let options = brisk().timeout_of(State::Stop, hour);
    let a = Service::new("a", ReloadingFake(a)).options(options);
    daemon([a, probed("b", FakeService::new(), probe).needs(["a"])]).blocking_threshold(None).shutdown_timeout(hour)
}

/// `a` was taken out of Run when all limits were over, and what was left to do was done in order.
fn ended(handle: &DaemonHandle, report: &Report, probe: &CallLog) {
    let abandoned: Vec<_> = report.abandoned().map(|ending| (&*ending.name, ending.abandoned_in)).collect();
    assert_eq!(abandoned, [("a", Some(State::Run))]);
    assert_eq!((probe.count("a", "stop"), probe.count("b", "stop")), (1, 1), "G3");
    let trace = Trace::of(handle);
    let exits: Vec<&str> =
        trace.steps.iter().filter(|step| step.enters(State::Exit)).map(|step| &*step.service).collect();
    assert_eq!(exits, ["b", "a"], "{}", trace.timeline());
}

// One test, since all daemons of a process hear its signals.
#[tokio::test(start_paused = true)]
async fn f66_f74_g18_the_second_signal_ends_all_limits_and_a_hangup_before_it_nothing() {
    quiet();
    let (heard, probe) = (Heard::of(tracing::Level::INFO), CallLog::new());
    let _guard = tracing::subscriber::set_default(heard.clone());
    let handle = stubborn(&probe).signals([Signal::USER1, Signal::USER2]).start().await.unwrap();
    handle.wait_for("b", State::Run).await.unwrap();
    let began = Instant::now();
    let still = Still::new();
    signal("USR1");
    handle.wait_for("b", State::Exit).await.unwrap();
    assert_eq!(began.elapsed(), std::time::Duration::ZERO, "nobody waits for a limit");
    signal("HUP");
    until_said(&heard, "not reloading: the daemon is stopping").await;
    tokio::time::advance(20 * MS).await;
    assert!(handle.states()["a"].is_in(State::Run) && !handle.has_ended());
    signal("USR2");
    until_said(&heard, "forcing shutdown: second signal").await;
    let over = Instant::now();
    drop(still);
    let report = handle.wait().await;
    assert!(over.elapsed() <= SETTLE, "{:?}", over.elapsed());
    ended(&handle, &report, &probe);
    assert_eq!(probe.count("a", "reload"), 0);
    assert_eq!(report.signal(), Some(Signal::USER1.as_raw()), "the first one is why");
}

#[tokio::test(start_paused = true)]
async fn g14_the_overall_deadline_ends_all_limits() {
    let probe = CallLog::new();
    let handle = stubborn(&probe).signals([]).shutdown_timeout(200 * MS).start().await.unwrap();
    handle.wait_for("b", State::Run).await.unwrap();
    let began = Instant::now();
    handle.shutdown();
    let report = handle.wait().await;
    assert!((200 * MS..=200 * MS + SETTLE).contains(&began.elapsed()), "{:?}", began.elapsed());
    ended(&handle, &report, &probe);
    assert_eq!(Trace::of(&handle).entered("b", State::Exit).len(), 1);
}

/// Has the daemon stop at the very instant at which its own limit is over, and returns once it is told.
struct StopsAtItsLimit(Arc<OnceLock<DaemonHandle>>);

impl Runner for StopsAtItsLimit {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        tokio::time::sleep(SECOND).await;
        self.0.get().expect("it has started").shutdown();
        cx.cancelled().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn g14_a_limit_that_was_over_first_is_why_whatever_follows() {
    let slot = Arc::<OnceLock<DaemonHandle>>::default();
    let options = brisk().timeout_of(State::Run, SECOND);
    let handle = daemon([Service::new("a", StopsAtItsLimit(slot.clone())).options(options)]).start().await.unwrap();
    assert!(slot.set(handle.clone()).is_ok());
    drop(handle.wait().await);
    let states = handle.states();
    assert_eq!(states["a"].last_cause, Some(Cause::Timeout));
    assert_eq!(states["a"].last_error.as_deref(), Some("run did not return within 1s"));
}
