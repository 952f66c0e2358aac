//! `wait_for`: met at once, in time, too late, and never.

use crate::common::{Restarting, end, fake, service, start};
use rxd::testing::Behavior;
use rxd::{Error, Options, Service, State, WaitError, manager};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn wait_for_returns_once_the_services_are_in_the_state() {
    let (log, a) = fake(&[State::Init, State::Run]);
    let handle = start([service("a", a), service("b", fake(&[State::Run]).1)]).await;
    let wait = tokio::spawn(handle.wait_for(["a", "b"], State::Idle).within(Duration::from_secs(1)));
    assert!(wait.await.unwrap().is_err(), "`a` stays in Init");
    log.set_behavior("a", Behavior::Ok);
    handle.wait_for("a", State::Run).await.unwrap();
    handle.wait_for("a", State::Run).within(Duration::ZERO).await.unwrap();
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn wait_for_timed_out_says_what_was_unmet() {
    let (log, db) = fake(&[State::Init, State::Run]);
    let api = service("api", fake(&[State::Run]).1).needs(["db"]);
    let handle = start([service("db", db), api]).await;
    let begun = Instant::now();
    let error = handle.wait_for("api", State::Run).within(Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert_eq!(
        error.to_string(),
        "service `api` is not in Run after 3s: api in Idle: waits for db entering Run; db in Init"
    );
    let Some(WaitError::TimedOut { why, limit, .. }) = error.find() else { panic!("the error has its own type") };
    assert_eq!((why.services().len(), *limit), (2, Duration::from_secs(3)));
    let error = handle.wait_for(["db", "api"], State::Run).within(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "services `db`, `api` are not all in Run after 1ms: db in Init; api in Idle: waits for db entering Run"
    );
    log.set_behavior("db", Behavior::Ok);
    handle.wait_for("api", State::Run).within(Duration::from_secs(3)).await.unwrap();
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn wait_for_an_unreachable_state_says_why() {
    let (log, job) = fake(&[State::Run]);
    let job = Service::new("job", job).manager(manager::until_success).options(Options::DEFAULT);
    let handle = start([job, service("a", fake(&[State::Run]).1)]).await;
    handle.wait_for("job", State::Run).await.unwrap();
    log.set_behavior("job", Behavior::Ok);
    let error: Error = handle.wait_for("job", State::Idle).await.unwrap_err();
    assert_eq!(error.to_string(), "service `job` will not be in Idle: service `job` has exited (normal)");
    assert!(matches!(error.find(), Some(WaitError::Unreachable { .. })));
    handle.wait_for("job", State::Exit).await.unwrap();
    end(&handle).await;
    let error = handle.wait_for(["a", "job"], State::Run).await.unwrap_err();
    assert!(error.to_string().starts_with("services `a`, `job` will not all be in Run at once: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_reached_state_in_a_loop_yields_to_other_tasks() {
    let handle = start([service("a", Restarting(0))]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let turn = tokio::spawn(async {});
    let mut waits = 0;
    while !turn.is_finished() {
        handle.wait_for("a", State::Run).await.unwrap();
        waits += 1;
        assert!(waits < 100_000, "the waits do not yield the thread");
    }
    end(&handle).await;
}
