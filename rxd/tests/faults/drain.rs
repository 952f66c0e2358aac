//! The drain of a daemon: the services go on for a while after the request to stop.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Backoff, Cause, Daemon, OnFailure, Options, Service, State, manager};
use std::sync::{Arc, Mutex};
use tokio::time::{Instant, sleep};

const DRAIN: std::time::Duration = std::time::Duration::from_secs(5);

fn draining(services: impl IntoIterator<Item = Service>) -> Daemon {
    daemon(services).drain(DRAIN).shutdown_timeout(2 * SECOND)
}

/// A service that notes when `draining` has completed, and when it was cancelled.
fn notes(name: &'static str, noted: &Arc<Mutex<Vec<(&'static str, Instant)>>>) -> Service {
    let noted = noted.clone();
    let run = Behavior::call(move |cx: rxd::Context| {
        let noted = noted.clone();
        async move {
            cx.draining().await;
            noted.lock().unwrap().push(("draining", Instant::now()));
            // It stays complete.
            cx.draining().await;
            cx.cancelled().await;
            noted.lock().unwrap().push(("cancelled", Instant::now()));
            Ok(())
        }
    });
    fake(name, State::Run, [run])
}

#[tokio::test(start_paused = true)]
async fn g14_services_stay_in_run_until_the_drain_is_over() {
    let noted = Arc::default();
    let running = start(draining([notes("a", &noted), plain("b").needs(["a"])])).await;
    running.until("b", State::Run).await;
    sleep(SECOND).await;
    let began = Instant::now();
    running.handle.shutdown();
    sleep(DRAIN - MS).await;
    let states = running.handle.states();
    assert!(states["a"].is_in(State::Run) && states["b"].is_in(State::Run), "{states:?}");
    let ran = running.end().await;
    assert!(ran.report.is_ok(), "{}", ran.report);
    assert_eq!(began.elapsed(), DRAIN);
    let noted = noted.lock().unwrap();
    assert_eq!(*noted, [("draining", began), ("cancelled", began + DRAIN)]);
    for name in ["a", "b"] {
        assert_eq!(ran.states(name), format!("{INCARNATION} exit+"));
        assert_eq!(ran.trace.entered(name, State::Stop), [SECOND + DRAIN], "{name}");
    }
}

/// The limit of the services begins after the drain.
#[tokio::test(start_paused = true)]
async fn g14_deadline_is_the_drain_and_the_shutdown_timeout() {
    let options = no_backoff().timeout_of(State::Stop, 3600 * SECOND);
    let stubborn = fake("stubborn", State::Run, [Behavior::Hang]).options(options);
    let running = start(draining([stubborn])).await;
    running.until("stubborn", State::Run).await;
    let began = Instant::now();
    running.handle.shutdown();
    let ran = running.end().await;
    assert_eq!(ran.service_report("stubborn").abandoned_in, Some(State::Run));
    let took = began.elapsed();
    assert!(took >= DRAIN + 2 * SECOND && took <= DRAIN + 2 * SECOND + 100 * MS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_drain_draining_completes_as_the_stop_begins() {
    let noted = Arc::default();
    let running = start(daemon([notes("a", &noted)])).await;
    running.until("a", State::Run).await;
    let began = Instant::now();
    let ran = running.stop().await;
    assert!(ran.report.is_ok());
    assert_eq!(*noted.lock().unwrap(), [("draining", began), ("cancelled", began)]);
}

/// A service that fails and restarts does so as at any time; what waits for `draining` in a later
/// incarnation finds it complete.
#[tokio::test(start_paused = true)]
async fn service_restarts_while_the_daemon_drains() {
    let noted = Arc::default();
    let fails = fake("fails", State::Run, [Behavior::Fail.after(2 * SECOND), Behavior::UntilCancelled])
        .options(Options::DEFAULT.backoff(Backoff::fixed(SECOND)));
    let late = notes("late", &noted).needs(["fails"]);
    let running = start(draining([fails, late])).await;
    running.until("late", State::Run).await;
    let began = Instant::now();
    running.handle.shutdown();
    let ran = running.end().await;
    assert_eq!(began.elapsed(), DRAIN);
    assert_eq!((ran.states("fails"), ran.report.is_ok()), (format!("{INCARNATION} {INCARNATION} exit+"), true));
    let noted = noted.lock().unwrap().clone();
    let expected = [
        ("draining", began),
        ("cancelled", began + 2 * SECOND),
        ("draining", began + 3 * SECOND),
        ("cancelled", began + DRAIN),
    ];
    assert_eq!(noted, expected);
}

#[tokio::test(start_paused = true)]
async fn failure_that_stops_the_daemon_neither_drains_nor_waits_for_a_drain() {
    let fatal = || no_backoff().restarts(0, SECOND).on_failure(OnFailure::Shutdown);
    let bad = || fake("bad", State::Run, [Behavior::Fail.after(2 * SECOND)]).options(fatal());
    let running = start(draining([bad(), plain("a")])).await;
    let ran = running.end().await;
    assert_eq!((ran.took, ran.report.is_ok()), (2 * SECOND, false));
    // The same failure during a drain.
    let running = start(draining([bad(), plain("a")])).await;
    running.until("bad", State::Run).await;
    sleep(SECOND).await;
    running.handle.shutdown();
    let ran = running.end().await;
    assert_eq!(ran.took, 2 * SECOND);
    assert_eq!(ran.service_report("a").cause, Cause::Shutdown);
    assert!(!ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn failed_start_does_not_drain() {
    silence_scripted_panics();
    let slow = fake("slow", State::Idle, [Behavior::UntilCancelled]);
    let began = Instant::now();
    let error = draining([slow, plain("a")]).signals([]).start_timeout(SECOND).run().await.unwrap_err();
    assert!(error.to_string().contains("start failed"), "{error}");
    assert_eq!(began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn drain_ends_early_once_every_service_has_exited() {
    let job = fake("job", State::Run, [Behavior::Ok.after(2 * SECOND)]).manager(manager::until_success);
    let running = start(draining([job])).await;
    running.until("job", State::Run).await;
    running.handle.shutdown();
    let ran = running.end().await;
    assert_eq!((ran.took, ran.report.is_ok()), (2 * SECOND, true));
    assert_eq!(ran.service_report("job").cause, Cause::Normal);
}

/// Nothing can start a service again then.
#[tokio::test(start_paused = true)]
async fn drain_ends_early_where_an_operator_has_stopped_every_service() {
    let running = start(draining([plain("a"), plain("b")])).await;
    running.until("b", State::Run).await;
    running.handle.stop("a").await.unwrap();
    running.handle.shutdown();
    sleep(SECOND).await;
    running.handle.stop("b").await.unwrap();
    let ran = running.end().await;
    assert_eq!((ran.took, ran.report.is_ok()), (SECOND, true));
}

#[tokio::test(start_paused = true)]
async fn g55_requests_during_a_drain_are_answered() {
    let call_log = CallLog::new();
    let slow = FakeService::new().on_reload([Behavior::Ok.after(SECOND)]).call_log(&call_log);
    let services = [Service::new("a", ReloadingFake(slow)), plain("b"), plain("c")];
    let running = start(draining(services)).await;
    running.until("c", State::Run).await;
    let handle = running.handle.clone();
    // One that is under way goes on; another one does not follow it.
    let reload_all = || {
        let handle = handle.clone();
        tokio::spawn(async move { handle.reload_all().await })
    };
    let reload = reload_all();
    settle().await;
    let next = reload_all();
    settle().await;
    let began = Instant::now();
    running.handle.shutdown();
    settle().await;
    let stopping = "the daemon is stopping";
    assert_eq!(running.handle.reload_all().await.unwrap_err().to_string(), stopping);
    running.handle.stop("b").await.unwrap();
    assert!(running.handle.states()["b"].is_in(State::Exit));
    assert_eq!(running.handle.start("b").await.unwrap_err().to_string(), stopping);
    running.handle.restart("c").await.unwrap();
    assert!(began.elapsed() < SECOND);
    reload.await.unwrap().unwrap();
    assert_eq!(next.await.unwrap().unwrap_err().to_string(), stopping);
    assert!(began.elapsed() < 2 * SECOND);
    let ran = running.end().await;
    assert_eq!((began.elapsed(), ran.report.is_ok(), call_log.count("a", "reload")), (DRAIN, true, 1));
}

#[tokio::test(start_paused = true)]
async fn dropped_handle_drains() {
    silence_scripted_panics();
    let noted = Arc::default();
    let running = daemon([notes("a", &noted)]).drain(DRAIN).signals([]).start().await.unwrap();
    running.wait_for("a", State::Run).await.unwrap();
    let began = Instant::now();
    let weak = running.watch_states(rxd::Filter::None).unwrap();
    drop(running);
    let mut states = weak;
    while states.next().await.is_some() {}
    assert_eq!(*noted.lock().unwrap(), [("draining", began), ("cancelled", began + DRAIN)]);
}
