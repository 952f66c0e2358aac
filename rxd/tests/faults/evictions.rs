//! Services that take each other out of Run: each pauses before its next Init, so that they do not
//! run at full speed.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Action, Backoff, Cause, Context, Effect, Options, Service, State, When};
use std::time::Duration;
use tokio::time::Instant;

/// A service that leaves Run whenever `other` enters Idle.
fn evicted_by(name: &'static str, other: &'static str, options: Options) -> Service {
    plain(name).watch(When::any(Action::Entering, State::Idle, [other]).then(Effect::Stop)).options(options)
}

/// Two services of which each takes the other out of Run on its way there.
fn pair(options: Options) -> [Service; 2] {
    [evicted_by("a", "b", options), evicted_by("b", "a", options)]
}

fn fixed(base: Duration) -> Options {
    Options::DEFAULT.backoff(Backoff::fixed(base))
}

/// A service in Run that is evicted when `lock` is restarted.
async fn evicting(options: Options) -> Running {
    let running = start(daemon([plain("lock"), evicted_by("a", "lock", options)])).await;
    running.until("a", State::Run).await;
    tokio::time::sleep(SECOND).await;
    running
}

#[tokio::test(start_paused = true)]
async fn g25_services_that_evict_each_other_pause_between_their_runs() {
    // 10 ms at least.
    let tiny = fixed(Duration::from_nanos(1));
    for (options, pause) in
        [(fixed(100 * MS), 100 * MS), (fixed(MS), 10 * MS), (tiny, 10 * MS), (no_backoff(), 10 * MS)]
    {
        let running = start(daemon(pair(options))).await;
        tokio::time::sleep(1000 * pause).await;
        let ran = running.stop().await;
        let [a, b] = ["a", "b"].map(|name| ran.trace.entered(name, State::Run).len());
        // Timers are exact to the millisecond, and rounded up.
        assert!(a.max(b) >= 300 && a.max(b) <= 1003, "pause of {pause:?}: {a} and {b} runs");
        for name in ["a", "b"] {
            let report = ran.service_report(name);
            assert_eq!((report.restarts, report.failed), (0, false), "an eviction is no restart and no failure");
        }
        assert!(ran.report.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn g25_pause_of_an_evicted_service_does_not_grow() {
    let options = Options::DEFAULT.backoff(Backoff::DEFAULT.base(100 * MS).factor(10.0)).restarts(1, 100 * SECOND);
    let running = start(daemon(pair(options))).await;
    tokio::time::sleep(60 * SECOND).await;
    let ran = running.stop().await;
    for name in ["a", "b"] {
        let inits = ran.trace.entered(name, State::Init);
        let runs = ran.trace.entered(name, State::Run);
        assert!(inits.len() > 100, "{name} begins {} times", inits.len());
        // With jitter or growth, some would be others.
        for (run, next) in runs.iter().zip(&inits[1..]) {
            let waited = *next - *run;
            assert!(waited <= 205 * MS, "{name} begins again {waited:?} after it entered Run");
        }
    }
    assert!(ran.report.is_ok(), "evictions do not reach the restart limit: {}", ran.report);
}

#[tokio::test(start_paused = true)]
async fn g25_service_evicted_after_a_long_run_begins_again_at_once() {
    let running = evicting(fixed(100 * MS)).await;
    running.handle.restart("lock").await.unwrap();
    settle().await;
    assert!(running.handle.states()["a"].is_in(State::Run), "{}", running.handle.why("a").unwrap());
    assert_eq!(running.stop().await.trace.entered("a", State::Run).len(), 2);
}

/// An evicted service that waits for its next Init.
async fn pausing() -> Running {
    let running = evicting(fixed(10 * SECOND)).await;
    running.handle.restart("lock").await.unwrap();
    settle().await;
    running
}

#[tokio::test(start_paused = true)]
async fn g25_why_and_states_say_that_an_evicted_service_pauses() {
    let running = pausing().await;
    let states = running.handle.states();
    assert_eq!((states["a"].state, states["a"].incarnation, states["a"].restarts), (State::Stop, 1, 0));
    assert!(states["a"].next_attempt.is_some());
    assert_eq!(
        running.handle.why("a").unwrap().to_string(),
        "a after Stop, attempt 2 in 10.0 s, taken out of Run by a reaction soon after it entered: lock entering Idle"
    );
    running.until("a", State::Run).await;
    assert_eq!(running.handle.why("a").unwrap().to_string(), "a in Run");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn g25_operator_ends_the_pause_of_an_evicted_service() {
    let running = pausing().await;
    let before = Instant::now();
    running.handle.restart("a").await.unwrap();
    assert!(before.elapsed() <= MS);
    running.until("a", State::Run).await;
    // A stop and a start do so, too.
    running.handle.restart("lock").await.unwrap();
    settle().await;
    let before = Instant::now();
    running.handle.stop("a").await.unwrap();
    running.handle.start("a").await.unwrap();
    assert!(before.elapsed() <= MS);
    running.until("a", State::Run).await;
    assert_eq!(running.stop().await.service_report("a").restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn g25_reload_in_the_pause_of_an_evicted_service_does_not_end_it() {
    let call_log = CallLog::new();
    let evicts = When::any(Action::Entering, State::Idle, ["lock"]).then(Effect::Stop);
    let fake = FakeService::new().on_reload([Behavior::Ok]).call_log(&call_log);
    let a = Service::new("a", ReloadingFake(fake)).watch(evicts).options(fixed(10 * SECOND));
    let running = start(daemon([plain("lock"), a])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.restart("lock").await.unwrap();
    tokio::time::sleep(4 * SECOND).await;
    let before = Instant::now();
    running.handle.reload("a").await.unwrap();
    assert!(before.elapsed() <= MS, "{:?}", before.elapsed());
    let why = running.handle.why("a").unwrap().to_string();
    assert!(why.starts_with("a after Stop, attempt 2 in 6.0 s, taken out of Run by a reaction"), "{why}");
    tokio::time::sleep(20 * SECOND).await;
    let ran = running.stop().await;
    let waited = ran.trace.entered("a", State::Init)[1] - ran.trace.entered("a", State::Stop)[0];
    assert_eq!(waited.as_secs(), 10, "{waited:?}");
    let calls = ["init", "idle", "run", "stop", "reload", "init", "idle", "run", "stop"];
    assert_eq!(call_log.calls("a"), calls);
}

#[tokio::test(start_paused = true)]
async fn g25_shutdown_ends_the_pause_of_an_evicted_service() {
    let running = pausing().await;
    let before = Instant::now();
    let ran = running.stop().await;
    assert_eq!(ran.service_report("a").cause, Cause::Shutdown);
    assert!(before.elapsed() < 2 * MS, "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn g25_delay_before_init_and_pause_of_an_evicted_service_are_not_added() {
    for (delay, expected) in [(20, 20), (5, 10)] {
        let options = fixed(10 * SECOND).delay_of(State::Init, delay * SECOND);
        let running = start(daemon([plain("lock"), evicted_by("a", "lock", options)])).await;
        running.until("a", State::Run).await;
        running.handle.restart("lock").await.unwrap();
        tokio::time::sleep(60 * SECOND).await;
        let ran = running.stop().await;
        let waited = ran.trace.entered("a", State::Init)[1] - ran.trace.entered("a", State::Stop)[0];
        assert_eq!(waited.as_secs(), expected, "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn g25_service_that_fails_in_the_pause_of_an_eviction_has_its_own_back_off() {
    let fake = FakeService::new().on(State::Init, [Behavior::Ok, Behavior::Fail, Behavior::Ok]);
    let evicts = When::any(Action::Entering, State::Idle, ["lock"]).then(Effect::Stop);
    let a = Service::new("a", fake).watch(evicts).options(fixed(10 * SECOND));
    let running = start(daemon([plain("lock"), a])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.restart("lock").await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.service_report("a").restarts, 1, "the failure is a restart, the eviction is not");
    assert_eq!(ran.trace.entered("a", State::Init).len(), 3);
}

/// A dependent waits for what it needs, which has its own back-off.
#[tokio::test(start_paused = true)]
async fn g25_dependent_begins_again_without_a_pause() {
    let running = start(daemon([plain("db"), plain("api").needs(["db"]).options(fixed(10 * SECOND))])).await;
    running.until("api", State::Run).await;
    running.handle.restart("db").await.unwrap();
    running.until("db", State::Run).await;
    settle().await;
    let states = running.handle.states();
    assert!(states["api"].is_in(State::Run), "{}", running.handle.why("api").unwrap());
    running.stop().await;
}

/// The trace is checked: an operator's restart has no pause.
#[tokio::test(start_paused = true)]
async fn g25_reaction_while_the_tasks_of_a_restarted_service_end_is_no_eviction() {
    let lingers = Behavior::call(|cx: Context| async move {
        cx.spawn("lingers", tokio::time::sleep(50 * MS));
        cx.cancelled().await;
        Ok(())
    });
    let service = evicted_by("a", "lock", fixed(SECOND));
    let daemon = daemon([plain("lock"), service.options(fixed(SECOND))]);
    let test = rxd::testing::Harness::new(daemon).fake("a", FakeService::new().on(State::Run, [lingers])).start().await;
    test.until("a", State::Run).await;
    let handle = test.handle().clone();
    let asked = tokio::spawn(async move { handle.restart("a").await });
    settle().await;
    test.handle().restart("lock").await.unwrap();
    asked.await.unwrap().unwrap();
    let ended = test.shutdown().await;
    assert_eq!(ended.trace.entered("a", State::Init).len(), 2);
}
