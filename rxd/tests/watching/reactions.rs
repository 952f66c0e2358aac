//! Reactions fire on edges: each time their condition comes true, and not while it keeps holding.

use rxd::testing::{FakeService, Finished, Harness};
use rxd::{Action, Backoff, Daemon, Effect, Options, Service, State, When};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn plain(name: &'static str) -> Service {
    Service::new(name, FakeService::new())
}

/// A service that is in Run from the fifth second on.
fn late_db() -> Service {
    plain("db").options(Options::DEFAULT.startup_delay(5 * SECOND).backoff(Backoff::fixed(SECOND)))
}

/// Runs `api` with these watches beside `db` for ten seconds, restarts `db`, and runs both for ten
/// more.
async fn run(db: Service, watches: impl IntoIterator<Item = When>) -> Finished {
    let api = watches.into_iter().fold(plain("api"), Service::watch);
    let running = Harness::new(Daemon::new("d").add(db).add(api)).start().await;
    tokio::time::sleep(10 * SECOND).await;
    running.handle().restart("db").await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    running.shutdown().await
}

/// When `api` entered Run, in seconds.
fn runs(ended: &Finished) -> Vec<u64> {
    ended.trace.entered("api", State::Run).iter().map(Duration::as_secs).collect()
}

#[tokio::test(start_paused = true)]
async fn reaction_without_its_gate_takes_its_service_out_once() {
    // It holds at the start, until `db` is in Run, and for an instant when `db` is restarted.
    let ended = run(late_db(), [When::any(Action::NotIn, State::Run, ["db"]).then(Effect::Stop)]).await;
    assert_eq!(runs(&ended), [0, 0, 10], "{}", ended.trace.timeline());
    ended.trace.expect("api").enters(State::Run).before("db");

    // It comes true once `db` is in Run, and again after its restart.
    let ended = run(late_db(), [When::any(Action::Entering, State::Run, ["db"]).then(Effect::Stop)]).await;
    assert_eq!(runs(&ended), [0, 5, 10], "{}", ended.trace.timeline());
}

#[tokio::test(start_paused = true)]
async fn reaction_with_its_gate_keeps_its_service_out() {
    let gate = When::all(Action::Entering, State::Run, ["db"]);
    let reaction = When::any(Action::NotIn, State::Run, ["db"]).then(Effect::Stop);
    let ended = run(late_db(), [gate, reaction]).await;
    assert_eq!(runs(&ended), [5, 10], "{}", ended.trace.timeline());
}

#[tokio::test(start_paused = true)]
async fn condition_that_is_over_before_run_is_forgotten() {
    // `db` has left Idle before `api` enters Run.
    let api = plain("api").options(Options::DEFAULT.startup_delay(SECOND));
    let api = api.watch(When::any(Action::Entering, State::Idle, ["db"]).then(Effect::Stop));
    let running = Harness::new(Daemon::new("d").add(plain("db")).add(api)).start().await;
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(runs(&running.shutdown().await), [1]);
}

#[tokio::test(start_paused = true)]
async fn exit_fires_before_init_too() {
    let left = When::any(Action::Exited, State::Run, ["db"]).then(Effect::Exit);
    let api = plain("api").watch(left).options(Options::DEFAULT.startup_delay(20 * SECOND));
    let running = Harness::new(Daemon::new("d").add(plain("db")).add(api)).start().await;
    tokio::time::sleep(10 * SECOND).await;
    running.handle().restart("db").await.unwrap();
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!(running.shutdown().await.trace.states_of("api"), "exit+");
}
