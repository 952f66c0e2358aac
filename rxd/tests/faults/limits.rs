//! F66, F74, G14, G18: what happens once all limits are zero, to the millisecond.
//!
//! The signals are real, and sent to this process itself; time is paused. [`FrozenClock`] keeps
//! tokio's clock from advancing while a test waits for a signal.

use crate::kit::*;
use crate::stall::LogCapture;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake, Trace};
use rxd::{Cause, Context, Daemon, DaemonHandle, Report, Runner, Service, Signal, State};
use std::process::Command;
use std::sync::{Arc, OnceLock, mpsc};
use tokio::time::Instant;

/// How long after the deadline hanging services are abandoned.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(100);

/// While it exists, paused time does not advance: tokio sees a blocking task at work.
struct FrozenClock(#[expect(dead_code, reason = "the thread waits for its end")] mpsc::Sender<()>);

impl FrozenClock {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel::<()>();
        drop(tokio::task::spawn_blocking(move || receiver.recv()));
        FrozenClock(sender)
    }
}

fn signal(signal: &str) {
    let kill = format!("kill -s {signal} {}", std::process::id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Waits until this text is logged.
async fn until_logged(logged: &LogCapture, text: &str) {
    let began = std::time::Instant::now();
    while !logged.has(text) {
        assert!(began.elapsed() < 60 * SECOND, "`{text}` is not logged");
        tokio::task::yield_now().await;
    }
}

/// `a` ignores cancellation, and `b` needs it. Neither has a limit below an hour.
fn stubborn(call_log: &CallLog) -> Daemon {
    let hour = 3600 * SECOND;
    let a = FakeService::new().call_log(call_log).on(State::Run, [Behavior::Hang]);
    let options = no_backoff().timeout_of(State::Stop, hour);
    let a = Service::new("a", ReloadingFake(a)).options(options);
    daemon([a, with_call_log("b", FakeService::new(), call_log).needs(["a"])])
        .blocking_threshold(None)
        .shutdown_timeout(hour)
}

/// Asserts that `a` was taken out of Run at the deadline, and that what was left was done in order.
fn ended(handle: &DaemonHandle, report: &Report, call_log: &CallLog) {
    let abandoned: Vec<_> = report.abandoned().map(|service| (&*service.name, service.abandoned_in)).collect();
    assert_eq!(abandoned, [("a", Some(State::Run))]);
    assert_eq!((call_log.count("a", "stop"), call_log.count("b", "stop")), (1, 1), "G3");
    let trace = Trace::of(handle);
    let exits: Vec<&str> =
        trace.steps.iter().filter(|step| step.enters(State::Exit)).map(|step| &*step.service).collect();
    assert_eq!(exits, ["b", "a"], "{}", trace.timeline());
}

// A single test, since all daemons of a process receive its signals.
#[tokio::test(start_paused = true)]
async fn f66_f74_g18_second_signal_ends_all_limits_and_a_hangup_does_not() {
    silence_scripted_panics();
    let (logged, call_log) = (LogCapture::of(tracing::Level::INFO), CallLog::new());
    let _guard = tracing::subscriber::set_default(logged.clone());
    let handle = stubborn(&call_log).signals([Signal::USER1, Signal::USER2]).start().await.unwrap();
    handle.wait_for("b", State::Run).await.unwrap();
    let began = Instant::now();
    let frozen = FrozenClock::new();
    signal("USR1");
    handle.wait_for("b", State::Exit).await.unwrap();
    assert_eq!(began.elapsed(), std::time::Duration::ZERO, "no service waits for a limit");
    signal("HUP");
    until_logged(&logged, "not reloading: the daemon is stopping").await;
    tokio::time::advance(20 * MS).await;
    assert!(handle.states()["a"].is_in(State::Run) && !handle.has_ended());
    signal("USR2");
    until_logged(&logged, "forcing shutdown: second signal").await;
    let over = Instant::now();
    drop(frozen);
    let report = handle.wait().await;
    assert!(over.elapsed() <= SETTLE, "{:?}", over.elapsed());
    ended(&handle, &report, &call_log);
    assert_eq!(call_log.count("a", "reload"), 0);
    assert_eq!(report.signal(), Some(Signal::USER1.as_raw()), "the first signal is the reason");
}

#[tokio::test(start_paused = true)]
async fn g14_shutdown_deadline_ends_all_limits() {
    let call_log = CallLog::new();
    let handle = stubborn(&call_log).signals([]).shutdown_timeout(200 * MS).start().await.unwrap();
    handle.wait_for("b", State::Run).await.unwrap();
    let began = Instant::now();
    handle.shutdown();
    let report = handle.wait().await;
    assert!((200 * MS..=200 * MS + SETTLE).contains(&began.elapsed()), "{:?}", began.elapsed());
    ended(&handle, &report, &call_log);
    assert_eq!(Trace::of(&handle).entered("b", State::Exit).len(), 1);
}

/// Stops the daemon at the instant at which its own limit ends, and returns once it is cancelled.
struct StopsAtItsLimit(Arc<OnceLock<DaemonHandle>>);

impl Runner for StopsAtItsLimit {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        tokio::time::sleep(SECOND).await;
        self.0.get().expect("the handle is set").shutdown();
        cx.cancelled().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn g14_limit_exceeded_before_the_shutdown_is_the_cause() {
    let slot = Arc::<OnceLock<DaemonHandle>>::default();
    let options = no_backoff().timeout_of(State::Run, SECOND);
    let handle = daemon([Service::new("a", StopsAtItsLimit(slot.clone())).options(options)]).start().await.unwrap();
    assert!(slot.set(handle.clone()).is_ok());
    drop(handle.wait().await);
    let states = handle.states();
    assert_eq!(states["a"].last_cause, Some(Cause::Timeout));
    assert_eq!(states["a"].last_error.as_deref(), Some("run did not return within 1s"));
}
