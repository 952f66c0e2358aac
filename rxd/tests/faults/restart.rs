//! Group B, second half: restarts and restart limits.

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
async fn f28_service_failing_once_beside_a_flapping_one_waits_its_own_delay() {
    let a = fake("a", State::Run, [Behavior::Fail]).options(exact());
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
async fn f29_restart_limit_reached_ends_the_service_and_its_dependents() {
    let limited = |on_failure| {
        let a =
            fake("a", State::Init, [Behavior::Fail]).options(no_backoff().restarts(3, SECOND).on_failure(on_failure));
        daemon([plain("c").needs(["b"]), plain("b").needs(["a"]), a, plain("z")])
    };
    let running = start(limited(OnFailure::Exit)).await;
    running.until("c", State::Exit).await;
    assert!(running.handle.states()["z"].is_in(State::Run));
    let ran = running.stop().await;
    assert_eq!(ran.service_report("a").restarts, 3);
    assert_eq!(
        ["a", "b", "c"].map(|name| ran.service_report(name).cause),
        [Cause::Error, Cause::Dependency, Cause::Dependency]
    );
    let failures: Vec<&str> = ran.report.failures().map(|service| &*service.name).collect();
    assert_eq!(failures, ["a", "b", "c"], "the first failure comes first");
    assert_eq!(ran.report.exit_code(), 1);
    let text = ran.report.to_string();
    assert!(text.contains("service `a` failed after 3 restarts: scripted failure"), "{text}");
    assert!(text.contains("service `b` ended: service `a` failed: scripted failure"), "{text}");

    let ran = run_to_end(limited(OnFailure::Shutdown)).await;
    assert_eq!(ran.report.failures().next().unwrap().name, "a");
    assert_eq!(ran.service_report("z").cause, Cause::Shutdown);
    assert!(!ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f29_restart_limit_reached_with_ignore_is_no_failure() {
    let a = fake("a", State::Init, [Behavior::Fail])
        .options(no_backoff().restarts(3, SECOND).on_failure(OnFailure::Ignore));
    let running = start(daemon([a, plain("z")])).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.service_report("a").cause, Cause::Error);
    assert!(!ran.service_report("a").failed);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f29_dependent_with_shutdown_on_failure_stops_the_daemon() {
    let a = fake("a", State::Init, [Behavior::Fail])
        .options(no_backoff().restarts(0, SECOND).on_failure(OnFailure::Ignore));
    let b = plain("b").needs(["a"]).options(no_backoff().on_failure(OnFailure::Shutdown));
    let ran = run_to_end(daemon([a, b, plain("z")])).await;
    assert_eq!(ran.service_report("z").cause, Cause::Shutdown);
    assert_eq!(ran.report.failures().map(|service| &*service.name).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn report_names_the_first_failure_first() {
    let fails_at = |name, seconds| {
        let stop = [Behavior::Ok.after(Duration::from_secs(9 - seconds))];
        let fake = FakeService::new()
            .on(State::Run, [Behavior::Fail.after(Duration::from_secs(seconds))])
            .on(State::Stop, stop);
        Service::new(name, fake).options(no_backoff().restarts(0, SECOND))
    };
    // The first to fail is the last in Exit, and the last declared.
    let ran = run_to_end(daemon([fails_at("third", 3), fails_at("second", 2), fails_at("first", 1)])).await;
    let failures: Vec<&str> = ran.report.failures().map(|service| &*service.name).collect();
    assert_eq!(failures.len(), 3);
    assert!(ran.report.to_string().contains("`first` failed"));
}

#[tokio::test(start_paused = true)]
async fn f30_failures_just_rarer_than_the_limit_never_reach_it() {
    // The limit is 5 in 10 s; one failure every 2.001 s.
    let a = fake("a", State::Run, [Behavior::Fail.after(2001 * MS)]).options(no_backoff().restarts(5, 10 * SECOND));
    let running = start(daemon([a])).await;
    tokio::time::sleep(3600 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.service_report("a").restarts, 1799);
    assert!(ran.report.is_ok());
    // One failure every 1.999 s reaches it.
    let a = fake("a", State::Run, [Behavior::Fail.after(1999 * MS)]).options(no_backoff().restarts(5, 10 * SECOND));
    assert!(!run_to_end(daemon([a])).await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f31_failure_after_many_failures_and_a_sustained_run_waits_the_first_delay() {
    // Far beyond the overflow of the factor, and the whole trace is checked.
    let mut behaviors = vec![Behavior::Fail; 5_000];
    behaviors.extend([Behavior::Fail.after(61 * SECOND), Behavior::UntilCancelled]);
    let running = start(daemon([fake("a", State::Run, behaviors).options(exact())])).await;
    tokio::time::sleep(5_100 * 30 * SECOND).await;
    let ran = running.stop().await;
    let runs = ran.trace.entered("a", State::Run);
    assert_eq!(runs.len(), 5_002);
    assert_eq!(runs[4_999] - runs[4_998], 30 * SECOND, "the longest delay holds");
    assert_eq!(runs[5_001] - runs[5_000], 61 * SECOND + 100 * MS, "the first again");
}

const STAYS: u32 = u32::MAX - 1;

/// Fails so many times, then once after a minute in Run, and then stays in Run. Sends the times of
/// its first and last runs.
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
async fn f31_failures_beyond_the_history_keep_the_longest_delay() {
    // CI sets `RXD_FAILURES=1000000`.
    let times: u32 = std::env::var("RXD_FAILURES").map_or(50_000, |number| number.parse().unwrap());
    let (sender, mut ran) = mpsc::unbounded_channel();
    let a = Service::new("a", FailsOften(times, sender)).options(exact());
    let handle = daemon([a]).signals([]).blocking_threshold(None).start().await.unwrap();
    let mut runs = Vec::new();
    while runs.len() < 5 {
        runs.push(ran.recv().await.unwrap());
    }
    let waits: Vec<_> = runs.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(
        waits,
        [30 * SECOND, 30 * SECOND, 30 * SECOND, 61 * SECOND + 100 * MS],
        "the longest delay, then the first again"
    );
    assert_eq!(handle.states()["a"].restarts, times + 1);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn g23_run_length_does_not_include_stop() {
    // A Run of a minute is sustained. The minute that Stop takes does not count.
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
async fn g23_run_longer_than_the_last_delay_is_sustained() {
    let slow = Options::DEFAULT.backoff(Backoff::DEFAULT.base(100 * SECOND).max(3600 * SECOND).jitter(0.0));
    let lasts = |seconds: u32| Behavior::Fail.after(seconds * SECOND);
    // Delays of 100, 200 and 400 s. A Run of 150 s is shorter than the last delay, one of 410 s is
    // longer.
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
async fn g21_restart_counts_from_the_instant_at_which_it_is_made() {
    // `a` is to restart at 2 s, but waits for `b` until 10 s. So another restart at 11 s exceeds
    // the limit.
    let b = fake("b", State::Run, [Behavior::Ok.after(SECOND), Behavior::UntilCancelled]);
    let b = b.options(Options::DEFAULT.backoff(Backoff::fixed(9 * SECOND)));
    let when = When::any(Action::Entering, State::Run, ["b"]).then(rxd::Effect::GateInit);
    let a = fake("a", State::Run, [Behavior::Fail.after(2 * SECOND), Behavior::Fail.after(SECOND)]).watch(when);
    let running = start(daemon([b, a.options(no_backoff().restarts(1, 8 * SECOND))])).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("a", State::Exit)[0], 11 * SECOND);
    assert_eq!(ran.service_report("a").restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn f34_shutdown_during_back_off_ends_at_once() {
    let a = fake("a", State::Run, [Behavior::Fail]).options(Options::DEFAULT.backoff(Backoff::fixed(3600 * SECOND)));
    let running = start(daemon([a])).await;
    tokio::time::sleep(SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.took, SECOND);
    assert_eq!(ran.service_report("a").cause, Cause::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn f35_thousand_services_failing_at_once_restart_spread_out() {
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
async fn states_during_back_off_show_the_next_attempt() {
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
    assert!(running.handle.history().iter().all(|past| past.next_attempt.is_none()), "the history has no next attempt");
    running.until("a", State::Run).await;
    assert_eq!(running.handle.states()["a"].next_attempt, None);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn states_after_recovery_show_the_last_error() {
    let a = fake("a", State::Run, [Behavior::Panic, Behavior::UntilCancelled]);
    let running = start(daemon([a, plain("b")])).await;
    settle().await;
    let states = running.handle.states();
    assert!(states["a"].is_in(State::Run));
    assert!(states["a"].last_error.as_deref().is_some_and(|error| error.starts_with("panicked: scripted panic (at ")));
    assert_eq!((states["a"].cause, states["a"].last_cause), (Cause::Normal, Some(Cause::Panic)));
    assert_eq!((states["a"].next_attempt, &states["b"].last_error, states["b"].last_cause), (None, &None, None));
    let why = running.handle.why("a").unwrap().to_string();
    assert!(why.starts_with("a in Run, last failed 1 ms ago: panicked: scripted panic"), "{why}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn fixed_backoff_restarts_at_a_constant_interval() {
    let a = fake("a", State::Run, [Behavior::Fail]).options(Options::DEFAULT.backoff(Backoff::fixed(100 * MS)));
    let running = start(daemon([a])).await;
    tokio::time::sleep(1050 * MS).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("a", State::Init).len(), 11);
}

#[tokio::test(start_paused = true)]
async fn g23_service_that_never_ran_has_no_sustained_run() {
    let options = Options::DEFAULT.backoff(Backoff::DEFAULT.base(SECOND).jitter(0.0).reset(Duration::from_nanos(1)));
    let when = When::any(Action::Entering, State::Run, ["b"]).within(SECOND);
    let running =
        start(daemon([plain("a").watch(when).options(options), fake("b", State::Idle, [Behavior::Hang])])).await;
    tokio::time::sleep(10 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("a", State::Init), [0, 2, 5, 10].map(|second| second * SECOND));
}

#[tokio::test(start_paused = true)]
async fn restart_after_a_gate_timed_out_counts_for_the_limit() {
    let when = When::any(Action::Entering, State::Run, ["b"]).then(rxd::Effect::GateInit).within(SECOND);
    let options = Options::DEFAULT.backoff(Backoff::fixed(SECOND)).restarts(3, 60 * SECOND);
    let a = plain("a").watch(when).options(options);
    let running = start(daemon([a, fake("b", State::Idle, [Behavior::Hang])])).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), "exit+", "Init was never entered");
    assert_eq!((ran.service_report("a").cause, ran.service_report("a").restarts), (Cause::Timeout, 3));
    assert_eq!(ran.trace.entered("a", State::Exit)[0].as_secs(), 4 + 3);
}

#[tokio::test(start_paused = true)]
async fn restart_limit_under_until_success_counts_failures() {
    let run = [Behavior::Fail, Behavior::Fail, Behavior::Ok];
    let a =
        fake("a", State::Run, run.clone()).manager(manager::until_success).options(no_backoff().restarts(2, SECOND));
    assert!(run_to_end(daemon([a])).await.report.is_ok());
    let a = fake("a", State::Run, run).manager(manager::until_success).options(no_backoff().restarts(1, SECOND));
    assert!(!run_to_end(daemon([a])).await.report.is_ok());
}

/// How many restarts a service that always fails at once makes within ten minutes, and whether it
/// has reached its limit.
async fn restarts_of_a_failing_service(options: Options) -> (u32, bool) {
    let running = start(daemon([fake("a", State::Run, [Behavior::Fail]).options(options)])).await;
    tokio::time::sleep(600 * SECOND).await;
    let ran = running.stop().await;
    let report = ran.service_report("a");
    (report.restarts, report.failed)
}

#[tokio::test(start_paused = true)]
async fn restart_limit_is_refused_if_and_only_if_its_delays_keep_it_out_of_reach() {
    let refused = |options: Options| daemon([plain("a").options(options)]).check().is_err();
    // Exact delays: on each side of the bound. What is refused cannot be run, so it is run with the
    // same back-off and the window of the other side.
    let fixed = |max, within| Options::DEFAULT.backoff(Backoff::fixed(SECOND)).restarts(max, within);
    for (max, within) in [(10, 10 * SECOND), (11, 10 * SECOND + MS), (2, SECOND + MS), (1, MS), (0, MS)] {
        assert!(!refused(fixed(max, within)), "{max} {within:?}");
        assert_eq!(restarts_of_a_failing_service(fixed(max, within)).await, (max, true));
    }
    for (max, within) in [(11, 10 * SECOND), (2, SECOND)] {
        assert!(refused(fixed(max, within)), "{max} {within:?}");
    }
    let growing = |max| exact().restarts(max, 60 * SECOND);
    assert_eq!(restarts_of_a_failing_service(growing(9)).await, (9, true));
    assert!(refused(growing(10)));
    // With jitter: what is accepted is reached by delays that are short enough.
    let spread = |max, within| Options::DEFAULT.restarts(max, within);
    assert!(refused(spread(10, 60 * SECOND)) && !refused(spread(10, 65 * SECOND)));
    let mut reached = 0;
    for seed in 0..50 {
        rxd::testing::seed_jitter(seed);
        let (restarts, failed) = restarts_of_a_failing_service(spread(5, 2700 * MS)).await;
        assert_eq!(restarts == 5, failed, "the first five are in a window, or no others are");
        reached += u32::from(failed);
    }
    assert!((1..50).contains(&reached), "{reached}: between 2.4 s and 3.6 s, of which 2.7 s are allowed");
}

/// The engine counts what the check says that it cannot: without a check, the limit is never reached.
#[tokio::test(start_paused = true)]
async fn on_failure_is_refused_if_and_only_if_it_never_acts() {
    let shutdown = Options::DEFAULT.on_failure(OnFailure::Shutdown);
    let error = daemon([plain("a").options(shutdown)]).check().unwrap_err().to_string();
    assert!(error.contains("`on_failure` never acts"), "{error}");
    assert!(daemon([plain("a").options(shutdown).manager(manager::until_success)]).check().is_err());
    let gate = When::any(Action::Entering, State::Run, ["b"]).within(SECOND);
    assert!(daemon([plain("a").options(shutdown).watch(gate.clone()), plain("b")]).check().is_err());
    // A gate with a limit fails, and is tried again.
    let hangs = fake("b", State::Idle, [Behavior::Hang]);
    let running = start(daemon([plain("a").watch(gate), hangs])).await;
    tokio::time::sleep(600 * SECOND).await;
    let ran = running.stop().await;
    assert!(ran.service_report("a").restarts > 10 && !ran.service_report("a").failed);
    // What makes a service fail for good.
    for service in [
        plain("a").options(shutdown.restarts(0, SECOND)),
        plain("a").options(shutdown).needs(["b"]),
        plain("a").options(shutdown).manager(OneTry),
    ] {
        assert!(daemon([service, plain("b")]).check().is_ok());
    }
    assert!(daemon([plain("a").options(Options::DEFAULT.on_failure(OnFailure::Ignore))]).check().is_ok());
    let failing = fake("a", State::Run, [Behavior::Fail]).options(shutdown).manager(OneTry);
    assert!(!run_to_end(daemon([failing, plain("b")])).await.report.is_ok());
}

/// Ends at the first failure, by way of Stop.
struct OneTry;

impl manager::Manager for OneTry {
    const TABLE: manager::Table = manager::Table::new(
        [State::Idle, State::Stop],
        [State::Run, State::Stop],
        [State::Stop, State::Stop],
        [State::Exit, State::Exit],
    );
}
