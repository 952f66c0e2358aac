//! Group B, second half: coming round, and giving up.

use crate::kit::*;
use rxd::testing::{Behavior, FakeService};
use rxd::{Action, Backoff, Cause, Context, OnFailure, Options, Runner, Service, State, When, manager};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

fn exact() -> Options {
    Options::DEFAULT.backoff(Backoff::DEFAULT.jitter(0.0))
}

#[tokio::test(start_paused = true)]
async fn f28_one_flaps_and_another_fails_once() {
    let a = fake("a", State::Run, [Behavior::Fail]).options(exact().restarts(1000, SECOND));
    let b = fake("b", State::Run, [Behavior::Fail.after(20 * SECOND), Behavior::UntilCancelled])
        .options(exact().restarts(1, SECOND));
    let running = start(daemon([a, b])).await;
    tokio::time::sleep(40 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("b", State::Init)[1] - 20 * SECOND, 100 * MS);
    assert!(ran.trace.entered("a", State::Init).len() > 7);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f29_the_limit_is_reached() {
    let limited = |on_failure| {
        let a = fake("a", State::Init, [Behavior::Fail]).options(brisk().restarts(3, SECOND).on_failure(on_failure));
        daemon([plain("c").needs(["b"]), plain("b").needs(["a"]), a, plain("z")])
    };
    let running = start(limited(OnFailure::Exit)).await;
    running.until("c", State::Exit).await;
    assert!(running.handle.states()["z"].is_in(State::Run));
    let ran = running.stop().await;
    assert_eq!(ran.ending("a").restarts, 3);
    assert_eq!(
        ["a", "b", "c"].map(|name| ran.ending(name).cause),
        [Cause::Error, Cause::Dependency, Cause::Dependency]
    );
    let failures: Vec<&str> = ran.report.failures().map(|ending| &*ending.name).collect();
    assert_eq!(failures, ["a", "b", "c"], "the first cause first");
    assert_eq!(ran.report.exit_code(), 1);
    let text = ran.report.to_string();
    assert!(text.contains("service `a` failed after 3 restarts: scripted failure"), "{text}");
    assert!(text.contains("service `b` ended: a service that it depends on failed"), "{text}");

    let ran = run_out(limited(OnFailure::Shutdown)).await;
    assert_eq!(ran.report.failures().next().unwrap().name, "a");
    assert_eq!(ran.ending("z").cause, Cause::Shutdown);
    assert!(!ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f29_a_failure_that_is_to_be_ignored_is() {
    let a = fake("a", State::Init, [Behavior::Fail]).options(brisk().restarts(3, SECOND).on_failure(OnFailure::Ignore));
    let running = start(daemon([a, plain("z")])).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.ending("a").cause, Cause::Error);
    assert!(!ran.ending("a").failed);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f29_a_dependent_may_take_the_daemon_along() {
    let a = fake("a", State::Init, [Behavior::Fail]).options(brisk().restarts(0, SECOND).on_failure(OnFailure::Ignore));
    let b = plain("b").needs(["a"]).options(brisk().on_failure(OnFailure::Shutdown));
    let ran = run_out(daemon([a, b, plain("z")])).await;
    assert_eq!(ran.ending("z").cause, Cause::Shutdown);
    assert_eq!(ran.report.failures().map(|ending| &*ending.name).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_in_the_order_in_which_they_happened() {
    let dies_at = |name, seconds| {
        let stop = [Behavior::Ok.after(Duration::from_secs(9 - seconds))];
        let fake = FakeService::new()
            .on(State::Run, [Behavior::Fail.after(Duration::from_secs(seconds))])
            .on(State::Stop, stop);
        Service::new(name, fake).options(brisk().restarts(0, SECOND))
    };
    // The first to fail is the last in Exit, and the last declared.
    let ran = run_out(daemon([dies_at("third", 3), dies_at("second", 2), dies_at("first", 1)])).await;
    let failures: Vec<&str> = ran.report.failures().map(|ending| &*ending.name).collect();
    assert_eq!(failures.len(), 3);
    assert!(ran.report.to_string().contains("`first` failed"));
}

#[tokio::test(start_paused = true)]
async fn f30_a_failure_just_rarer_than_the_limit_never_trips_it() {
    // 5 in 10 s; one every 2.001 s.
    let a = fake("a", State::Run, [Behavior::Fail.after(2001 * MS)]).options(brisk().restarts(5, 10 * SECOND));
    let running = start(daemon([a])).await;
    tokio::time::sleep(3600 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.ending("a").restarts, 1799);
    assert!(ran.report.is_ok());
    // One every 1.999 s does.
    let a = fake("a", State::Run, [Behavior::Fail.after(1999 * MS)]).options(brisk().restarts(5, 10 * SECOND));
    assert!(!run_out(daemon([a])).await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f31_very_many_failures_then_health_then_a_failure() {
    // Far past where the factor overflows, and each of them judged.
    let mut acts = vec![Behavior::Fail; 5_000];
    acts.extend([Behavior::Fail.after(61 * SECOND), Behavior::UntilCancelled]);
    let running = start(daemon([fake("a", State::Run, acts).options(exact())])).await;
    tokio::time::sleep(5_100 * 30 * SECOND).await;
    let ran = running.stop().await;
    let runs = ran.trace.entered("a", State::Run);
    assert_eq!(runs.len(), 5_002);
    assert_eq!(runs[4_999] - runs[4_998], 30 * SECOND, "the cap holds");
    assert_eq!(runs[5_001] - runs[5_000], 61 * SECOND + 100 * MS, "the first again");
}

const STAYS: u32 = u32::MAX - 1;

/// Fails so many times, then once after it was well for a minute, and then stays; when it ran, but for most of it.
struct FailsOften(u32, mpsc::UnboundedSender<Instant>);

impl Runner for FailsOften {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0 = self.0.wrapping_sub(1);
        if self.0 < 3 || self.0 > u32::MAX - 2 {
            let _ = self.1.send(Instant::now());
        }
        match self.0 {
            u32::MAX => tokio::time::sleep(61 * SECOND).await,
            STAYS => {
                cx.cancelled().await;
                return Ok(());
            }
            _ => {}
        }
        Err("scripted failure".into())
    }
}

#[tokio::test(start_paused = true)]
async fn f31_more_failures_than_a_log_could_hold() {
    // `RXD_FAILURES=1000000` is what CI does.
    let times: u32 = std::env::var("RXD_FAILURES").map_or(50_000, |number| number.parse().unwrap());
    let (sender, mut ran) = mpsc::unbounded_channel();
    let a = Service::new("a", FailsOften(times, sender)).options(exact());
    let handle = daemon([a]).signals([]).blocking_threshold(None).start().await.unwrap();
    let mut runs = Vec::new();
    while runs.len() < 5 {
        runs.push(ran.recv().await.unwrap());
    }
    let waits: Vec<_> = runs.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(waits, [30 * SECOND, 30 * SECOND, 30 * SECOND, 61 * SECOND + 100 * MS], "the cap, then the first again");
    assert_eq!(handle.states()["a"].restarts, times + 1);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn g23_how_long_a_run_was_is_counted_from_when_it_was_entered_to_when_it_ended() {
    // A minute is enough, to the nanosecond; to stop for another is no part of it.
    for (lasts, wait) in [(60, 100 * MS), (59, 200 * MS)] {
        let runs = FakeService::new()
            .on(State::Run, [Behavior::Fail, Behavior::Fail.after(lasts * SECOND), Behavior::UntilCancelled]);
        let runs =
            runs.on(State::Stop, [Behavior::Ok.after(60 * SECOND), Behavior::Ok.after(60 * SECOND), Behavior::Ok]);
        let running =
            start(daemon([Service::new("a", runs).options(exact().timeout_of(State::Stop, 90 * SECOND))])).await;
        tokio::time::sleep(300 * SECOND).await;
        let ran = running.stop().await;
        let (stop, init) = (ran.trace.entered("a", State::Stop)[1], ran.trace.entered("a", State::Init)[2]);
        assert_eq!(init - stop, 60 * SECOND + wait, "after {lasts} s");
    }
}

#[tokio::test(start_paused = true)]
async fn g23_a_run_is_sustained_if_it_outlasts_the_delay_before_it() {
    let slow = Options::DEFAULT.backoff(Backoff::DEFAULT.base(100 * SECOND).max(3600 * SECOND).jitter(0.0));
    let lasts = |seconds: u32| Behavior::Fail.after(seconds * SECOND);
    // Delays of 100, 200 and 400 s; a minute is not enough after the last two, seven are.
    let a = fake("a", State::Run, [Behavior::Fail, Behavior::Fail, lasts(150), lasts(410), Behavior::UntilCancelled])
        .options(slow);
    let running = start(daemon([a])).await;
    tokio::time::sleep(3600 * SECOND).await;
    let ran = running.stop().await;
    let at = ran.trace.entered("a", State::Init);
    let waits = [at[1] - at[0], at[2] - at[1], at[3] - at[2] - 150 * SECOND, at[4] - at[3] - 410 * SECOND];
    assert_eq!(waits, [100, 200, 400, 100].map(|seconds| seconds * SECOND));
}

#[tokio::test(start_paused = true)]
async fn g21_a_restart_counts_from_when_it_is_made() {
    // `a` may come round at 2 s, and has to wait for `b` until 10 s: another at 11 s is one too many.
    let b = fake("b", State::Run, [Behavior::Ok.after(SECOND), Behavior::UntilCancelled]);
    let b = b.options(Options::DEFAULT.backoff(Backoff::fixed(9 * SECOND)));
    let when = When::any(Action::Entering, State::Run, ["b"]).then(rxd::Effect::GateInit);
    let a = fake("a", State::Run, [Behavior::Fail.after(2 * SECOND), Behavior::Fail.after(SECOND)]).watch(when);
    let running = start(daemon([b, a.options(brisk().restarts(1, 8 * SECOND))])).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("a", State::Exit)[0], 11 * SECOND);
    assert_eq!(ran.ending("a").restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn f34_stop_during_back_off() {
    let a = fake("a", State::Run, [Behavior::Fail]).options(Options::DEFAULT.backoff(Backoff::fixed(3600 * SECOND)));
    let running = start(daemon([a])).await;
    tokio::time::sleep(SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.took, SECOND);
    assert_eq!(ran.ending("a").cause, Cause::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn f35_a_thousand_that_fail_at_once_do_not_come_back_at_once() {
    let services = (0..1000).map(|n| {
        Service::new(
            format!("s{n}"),
            FakeService::new().on(State::Run, [Behavior::Fail.after(SECOND), Behavior::UntilCancelled]),
        )
    });
    let running = start(daemon(services)).await;
    tokio::time::sleep(5 * SECOND).await;
    let ran = running.stop().await;
    let mut back: Vec<Duration> = (0..1000).map(|n| ran.trace.entered(&format!("s{n}"), State::Init)[1]).collect();
    back.sort();
    assert!(back[999] - back[0] >= 30 * MS, "spread over {:?}", back[999] - back[0]);
    assert!(back[0] >= SECOND + 80 * MS && back[999] <= SECOND + 122 * MS);
}

#[tokio::test(start_paused = true)]
async fn what_is_about_to_happen_shows_in_the_states() {
    let a = fake("a", State::Run, [Behavior::Fail, Behavior::Fail, Behavior::UntilCancelled]);
    let a = a.options(Options::DEFAULT.backoff(Backoff::fixed(10 * SECOND)));
    let running = start(daemon([a])).await;
    tokio::time::sleep(15 * SECOND).await;
    let states = running.handle.states();
    let a = &states["a"];
    assert_eq!((a.incarnation, a.restarts), (2, 2));
    assert_eq!((a.state, a.cause, a.at), (State::Stop, Cause::Normal, 10 * SECOND));
    assert_eq!(a.next_attempt, Some(20 * SECOND));
    assert_eq!((a.last_cause, a.last_error.as_deref()), (Some(Cause::Error), Some("scripted failure")));
    let why = running.handle.why("a").unwrap();
    assert_eq!(why.to_string(), "a after Stop, attempt 3 in 5.0 s, last error: scripted failure");
    assert_eq!(why.services()[0].next_attempt, Some(5 * SECOND));
    assert!(running.handle.history().iter().all(|past| past.next_attempt.is_none()), "what is past");
    running.until("a", State::Run).await;
    assert_eq!(running.handle.states()["a"].next_attempt, None);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_has_recovered_still_says_from_what() {
    let a = fake("a", State::Run, [Behavior::Panic, Behavior::UntilCancelled]);
    let running = start(daemon([a, plain("b")])).await;
    settle().await;
    let states = running.handle.states();
    assert!(states["a"].is_in(State::Run));
    assert!(states["a"].last_error.as_deref().is_some_and(|error| error.starts_with("panicked: scripted panic (at ")));
    assert_eq!((states["a"].cause, states["a"].last_cause), (Cause::Normal, Some(Cause::Panic)));
    assert_eq!((states["a"].next_attempt, &states["b"].last_error, states["b"].last_cause), (None, &None, None));
    assert_eq!(running.handle.why("a").unwrap().to_string(), "a in Run");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_delays_of_the_original_are_a_preset() {
    let a = fake("a", State::Run, [Behavior::Fail]).options(Options::DEFAULT.backoff(Backoff::fixed(100 * MS)));
    let running = start(daemon([a])).await;
    tokio::time::sleep(1050 * MS).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("a", State::Init).len(), 11);
}

#[tokio::test(start_paused = true)]
async fn g23_one_that_never_ran_has_had_no_sustained_run_however_short_that_may_be() {
    let options = Options::DEFAULT.backoff(Backoff::DEFAULT.base(SECOND).jitter(0.0).reset(Duration::from_nanos(1)));
    let when = When::any(Action::Entering, State::Run, ["b"]).within(SECOND);
    let running =
        start(daemon([plain("a").watch(when).options(options), fake("b", State::Idle, [Behavior::Hang])])).await;
    tokio::time::sleep(10 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("a", State::Init), [0, 2, 5, 10].map(|second| second * SECOND));
}

#[tokio::test(start_paused = true)]
async fn coming_round_for_a_gate_counts_for_the_limit() {
    let when = When::any(Action::Entering, State::Run, ["b"]).then(rxd::Effect::GateInit).within(SECOND);
    let options = Options::DEFAULT.backoff(Backoff::fixed(SECOND)).restarts(3, 60 * SECOND);
    let a = plain("a").watch(when).options(options);
    let running = start(daemon([a, fake("b", State::Idle, [Behavior::Hang])])).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), "exit+", "Init was never entered");
    assert_eq!((ran.ending("a").cause, ran.ending("a").restarts), (Cause::Timeout, 3));
    assert_eq!(ran.trace.entered("a", State::Exit)[0].as_secs(), 4 + 3);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_one_that_is_to_succeed_counts_its_failures() {
    let run = [Behavior::Fail, Behavior::Fail, Behavior::Ok];
    let a = fake("a", State::Run, run.clone()).manager(manager::until_success).options(brisk().restarts(2, SECOND));
    assert!(run_out(daemon([a])).await.report.is_ok());
    let a = fake("a", State::Run, run).manager(manager::until_success).options(brisk().restarts(1, SECOND));
    assert!(!run_out(daemon([a])).await.report.is_ok());
}
