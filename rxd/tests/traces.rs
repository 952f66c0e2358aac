//! Common traces, in paused time.

use rxd::testing::{Behavior, FakeService, Finished, Harness};
use rxd::{Backoff, Daemon, Options, Service, State, manager};
use std::time::Duration;

/// Runs a daemon of one service with these behaviors in this state, until it is in Run.
async fn until_run(state: State, behaviors: impl IntoIterator<Item = Behavior>) -> Finished {
    let daemon = Daemon::new("d").add(Service::new("a", FakeService::new().on(state, behaviors)));
    let test = Harness::new(daemon).start().await;
    test.until("a", State::Run).await;
    test.shutdown().await
}

const INCARNATION: &str = "init+ init- idle+ idle- run+ run- stop+ stop-";

#[tokio::test(start_paused = true)]
async fn continuous_service_stopped_in_run_passes_stop() {
    let ended = until_run(State::Init, [Behavior::Ok]).await;
    assert_eq!(ended.trace.states_of("a"), format!("{INCARNATION} exit+"));
    assert!(ended.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn error_in_init_skips_idle_and_run() {
    let ended = until_run(State::Init, [Behavior::Fail, Behavior::Ok]).await;
    assert_eq!(ended.trace.states_of("a"), format!("init+ init- stop+ stop- {INCARNATION} exit+"));
    assert!(ended.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn error_in_idle_skips_run() {
    let ended = until_run(State::Idle, [Behavior::Fail, Behavior::Ok]).await;
    assert_eq!(ended.trace.states_of("a"), format!("init+ init- idle+ idle- stop+ stop- {INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn error_in_run_restarts_the_service() {
    let fake = FakeService::new().on(State::Run, [Behavior::Fail, Behavior::UntilCancelled]);
    let a = Service::new("a", fake).options(Options::DEFAULT.backoff(Backoff::NONE));
    let test = Harness::new(Daemon::new("d").add(a)).start().await;
    test.until("a", State::Stop).await;
    test.until("a", State::Run).await;
    let ended = test.shutdown().await;
    assert_eq!(ended.trace.states_of("a"), format!("{INCARNATION} {INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn until_success_failing_three_times_is_restarted_with_growing_delays() {
    let fake = FakeService::new().on(State::Run, [Behavior::Fail, Behavior::Fail, Behavior::Fail, Behavior::Ok]);
    let a = Service::new("a", fake).manager(manager::until_success);
    let ended = Harness::new(Daemon::new("d").add(a)).start().await.wait().await;
    assert_eq!(ended.trace.states_of("a"), format!("{INCARNATION} {INCARNATION} {INCARNATION} {INCARNATION} exit+"));
    assert!(ended.report.is_ok());
    // 100, 200 and 400 ms, each within 20 %.
    let millis = Duration::from_millis;
    assert!(ended.took >= millis(560) && ended.took <= millis(840), "{:?}", ended.took);
}
