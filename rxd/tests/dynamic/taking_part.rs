//! Added services take part in all that the others do.

use crate::kit::{daemon, idle_away, service, stop};
use rxd::{Action, Context, Daemon, Effect, Options, Runner, Service, State, When};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn d13_shutdown_stops_added_services_before_those_that_they_need() {
    let handle = daemon().await;
    handle.add(service("hub").needs(["db"])).await.unwrap();
    handle.add(service("leaf").needs(["hub", "cache"])).await.unwrap();
    handle.wait_for("leaf", State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
    let order: Vec<String> = (handle.history().iter())
        .filter(|event| event.is_in(State::Exit))
        .map(|event| event.name.to_string())
        .collect();
    let place = |name: &str| order.iter().position(|other| other == name).unwrap();
    assert!(place("leaf") < place("hub") && place("hub") < place("db") && place("leaf") < place("cache"), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn d14_added_service_follows_what_it_needs() {
    let handle = daemon().await;
    handle.add(service("api").needs(["db"])).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.stop("db").await.unwrap();
    handle.wait_for("api", State::Idle).await.unwrap();
    assert_eq!(handle.why("api").unwrap().to_string(), "api in Idle: waits for db entering Run; db in Exit (operator)");
    handle.start("db").await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.restart("api").await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d14_grace_of_an_added_service_runs_though_no_other_watch_has_a_time() {
    let handle = daemon().await;
    handle.add(service("api").needs_with_grace(["db"], 5 * SECOND)).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.stop("db").await.unwrap();
    tokio::time::sleep(4 * SECOND).await;
    assert!(handle.states()["api"].is_in(State::Run));
    tokio::time::sleep(2 * SECOND).await;
    assert!(!handle.states()["api"].is_in(State::Run));
    // What is left of its time does nothing to the next in its place.
    handle.start("db").await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.stop("db").await.unwrap();
    tokio::time::sleep(SECOND).await;
    handle.remove("api").await.unwrap();
    let lasting = When::any(Action::Exited, State::Run, ["db"]).then(Effect::Stop).lasts(20 * SECOND);
    handle.add(service("api").watch(lasting)).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    assert!(handle.states()["api"].is_in(State::Run));
    tokio::time::sleep(11 * SECOND).await;
    assert_eq!(handle.states()["api"].cause, rxd::Cause::Normal);
    let reacted = handle.history().iter().filter(|event| event.cause == rxd::Cause::Reaction).count();
    assert!(reacted > 0);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d15_heartbeat_of_an_added_service_is_watched() {
    let handle = Daemon::new("d").signals([]).on_stale(rxd::OnStale::Restart).add(service("db"));
    let handle = handle.start().await.unwrap();
    let silent = service("silent").options(Options::DEFAULT.heartbeat(SECOND));
    handle.add(silent).await.unwrap();
    handle.wait_for("silent", State::Run).await.unwrap();
    tokio::time::sleep(3 * SECOND).await;
    assert!(handle.states()["silent"].incarnation > 1, "it was restarted");
    handle.remove("silent").await.unwrap();
    // The next in its slot has no heartbeat.
    handle.add(service("other")).await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(handle.states()["other"].incarnation, 1);
    assert!(stop(&handle).await.is_ok());
}

struct Reloading(Arc<AtomicUsize>);

impl Runner for Reloading {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        idle_away(cx.clone()).await
    }

    async fn reload(&mut self, _: &Context) -> rxd::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn d16_reload_of_all_reaches_those_that_are_there() {
    let handle = daemon().await;
    let reloads: Arc<AtomicUsize> = Arc::default();
    for name in ["a", "b"] {
        let needs = if name == "b" { vec!["a", "db"] } else { vec!["db"] };
        handle.add(Service::new(name, Reloading(reloads.clone())).needs(needs)).await.unwrap();
    }
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    handle.reload_all().await.unwrap();
    assert_eq!(reloads.load(Ordering::Relaxed), 2);
    handle.remove("b").await.unwrap();
    handle.add(service("c")).await.unwrap();
    handle.reload_all().await.unwrap();
    assert_eq!(reloads.load(Ordering::Relaxed), 3);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d17_failure_of_an_added_service_counts_while_it_is_there() {
    let handle = daemon().await;
    let options = Options::DEFAULT.restarts(0, SECOND);
    handle.add(Service::from_fn("broken", |_| async { Err("no route".into()) }).options(options)).await.unwrap();
    handle.add(service("api").needs(["broken"])).await.unwrap();
    handle.wait_for("api", State::Exit).await.unwrap();
    let report = stop(&handle).await;
    let failed: Vec<&str> = report.failures().map(|service| &*service.name).collect();
    assert_eq!(failed, ["broken", "api"]);
}
