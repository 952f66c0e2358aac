//! The normal traces, in paused time.

use rxd::testing::{Behavior, FakeService, Finished, Harness};
use rxd::{Backoff, Daemon, Options, Service, State, manager};
use std::time::Duration;

/// A daemon of one service that does this in this state, until it is in Run.
async fn until_run(state: State, acts: impl IntoIterator<Item = Behavior>) -> Finished {
    let daemon = Daemon::new("d").add(Service::new("a", FakeService::new().on(state, acts)));
    let test = Harness::new(daemon).start().await;
    test.until("a", State::Run).await;
    test.shutdown().await
}

const ROUND: &str = "init+ init- idle+ idle- run+ run- stop+ stop-";

#[tokio::test(start_paused = true)]
async fn continuous_stopped_in_run() {
    let ended = until_run(State::Init, [Behavior::Ok]).await;
    assert_eq!(ended.trace.states_of("a"), format!("{ROUND} exit+"));
    assert!(ended.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_error_in_init_skips_idle_and_run() {
    let ended = until_run(State::Init, [Behavior::Fail, Behavior::Ok]).await;
    assert_eq!(ended.trace.states_of("a"), format!("init+ init- stop+ stop- {ROUND} exit+"));
    assert!(ended.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_error_in_idle_skips_run() {
    let ended = until_run(State::Idle, [Behavior::Fail, Behavior::Ok]).await;
    assert_eq!(ended.trace.states_of("a"), format!("init+ init- idle+ idle- stop+ stop- {ROUND} exit+"));
}

#[tokio::test(start_paused = true)]
async fn an_error_in_run_comes_round() {
    let fake = FakeService::new().on(State::Run, [Behavior::Fail, Behavior::UntilCancelled]);
    let a = Service::new("a", fake).options(Options::DEFAULT.backoff(Backoff::NONE));
    let test = Harness::new(Daemon::new("d").add(a)).start().await;
    test.until("a", State::Stop).await;
    test.until("a", State::Run).await;
    let ended = test.shutdown().await;
    assert_eq!(ended.trace.states_of("a"), format!("{ROUND} {ROUND} exit+"));
}

#[tokio::test(start_paused = true)]
async fn until_success_failing_three_times() {
    let fake = FakeService::new().on(State::Run, [Behavior::Fail, Behavior::Fail, Behavior::Fail, Behavior::Ok]);
    let a = Service::new("a", fake).manager(manager::until_success);
    let ended = Harness::new(Daemon::new("d").add(a)).start().await.wait().await;
    assert_eq!(ended.trace.states_of("a"), format!("{ROUND} {ROUND} {ROUND} {ROUND} exit+"));
    assert!(ended.report.is_ok());
    // 100, 200 and 400 ms, each within 20 %.
    let millis = Duration::from_millis;
    assert!(ended.took >= millis(560) && ended.took <= millis(840), "{:?}", ended.took);
}
