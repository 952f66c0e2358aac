//! Requests to the services of a group, and to all.

use crate::client::{ask, get, post};
use crate::daemon::{Lingers, Waits, start};
use axum::body::Body;
use axum::http::Request;
use rxd::{Context, Daemon, DaemonHandle, Options, Runner, Service, State};
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

/// Each service of an answer, with what became of the request.
fn outcomes(answer: &Value) -> Vec<(&str, &str)> {
    let members = answer.as_array().unwrap().iter();
    members.map(|member| (member["name"].as_str().unwrap(), member["outcome"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn actions_on_a_group_say_what_became_of_each_service() {
    let d = start(|admin| admin).await;
    assert_eq!(get(&d.at, "/services/api").await.json()["group"], "front");
    assert!(get(&d.at, "/services/db").await.json().get("group").is_none());
    let stopped = post(&d.at, "/groups/front/stop").await;
    let reply = stopped.json();
    assert_eq!((stopped.status, &reply["group"]), (200, &json!("front")));
    assert_eq!(outcomes(&reply["services"]), [("poller", "done"), ("api", "done")]);
    assert_eq!((&reply["services"][0]["service"]["state"]), (&json!("exit")));
    assert_eq!(post(&d.at, "/groups/front/start").await.status, 200);
    d.handle.wait_for(["api", "poller"], State::Run).await.unwrap();
    for verb in ["restart", "reload"] {
        let answer = post(&d.at, &format!("/groups/front/{verb}")).await;
        assert_eq!((answer.status, outcomes(&answer.json()["services"]).len()), (200, 2), "{verb}");
    }
    assert_eq!(post(&d.at, "/stop").await.json()["services"].as_array().unwrap().len(), 5);
    assert!(d.handle.states().iter().all(|service| service.is_in(State::Exit)));
    let all = post(&d.at, "/start").await;
    assert!(all.status == 200 && all.json().get("group").is_none(), "{all:?}");
}

#[tokio::test]
async fn f97_unknown_group_is_404_with_the_nearest_one() {
    let d = start(|admin| admin).await;
    let problem = post(&d.at, "/groups/frnt/restart").await.problem(404);
    assert_eq!((&problem["type"], &problem["field"]), (&json!("urn:rxd:unknown-group"), &json!("group")));
    assert_eq!((&problem["suggestion"], &problem["allowed"]), (&json!("front"), &json!(["front"])));
    post(&d.at, "/groups/%ff/stop").await.problem(400);
    post(&d.at, "/groups/front/why").await.problem(404);
    get(&d.at, "/groups/front/stop").await.problem(405);
    assert!(d.handle.states()["api"].is_in(State::Run));
}

#[tokio::test]
async fn group_routes_need_the_token() {
    let d = start(|admin| admin.token("0123456789abcdef")).await;
    post(&d.at, "/groups/front/stop").await.problem(401);
    post(&d.at, "/stop").await.problem(401);
    let foreign = "Authorization: Bearer 0123456789abcdef\r\nOrigin: http://evil.example\r\n";
    ask(&d.at, "POST", "/stop", foreign, "").await.problem(403);
    assert!(d.handle.states()["api"].is_in(State::Run));
    let token = "Authorization: Bearer 0123456789abcdef\r\n";
    assert_eq!(ask(&d.at, "POST", "/groups/front/stop", token, "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn group_that_takes_longer_than_it_is_waited_for_is_in_progress_and_goes_on() {
    let slow = Lingers::default();
    let limit = Options::DEFAULT.timeout_of(State::Stop, Duration::from_secs(1000));
    let daemon = Daemon::new("test").signals([]);
    let daemon = daemon
        .add(Service::new("slow", slow.clone()).options(limit).needs(["base"]).group("g"))
        .add(Service::new("base", Waits).group("g"));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("slow", State::Run).await.unwrap();
    let (status, reply) = post_to(&handle, "/groups/g/stop").await;
    assert_eq!((status, outcomes(&reply["services"])), (202, vec![("slow", "in_progress"), ("base", "in_progress")]));
    assert!(handle.states()["base"].is_in(State::Run));
    slow.release.notify_one();
    handle.wait_for("base", State::Exit).await.unwrap();
}

struct Refuses;

impl Runner for Refuses {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
    async fn reload(&mut self, _: &Context) -> rxd::Result {
        Err("no such file".into())
    }
}

#[tokio::test(start_paused = true)]
async fn service_of_a_group_that_fails_to_do_it_is_named_beside_the_others() {
    let daemon = Daemon::new("test").signals([]).add(Service::new("fine", Waits).group("g"));
    let handle = daemon.add(Service::new("broken", Refuses).group("g")).start().await.unwrap();
    handle.wait_for(["fine", "broken"], State::Run).await.unwrap();
    let (status, problem) = post_to(&handle, "/groups/g/reload").await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:rxd:conflict")));
    assert_eq!(outcomes(&problem["members"]), [("fine", "done"), ("broken", "failed")]);
    let error = "failed to reload service `broken`: no such file";
    assert_eq!(problem["members"][1]["error"], error);
    assert_eq!(problem["detail"], format!("failed to reload 1 of 2 services of group `g`: `broken`: {error}"));
}

/// The status and the JSON of an answer. Time may be paused: no socket is between.
async fn post_to(handle: &DaemonHandle, path: &str) -> (u16, Value) {
    let request = Request::builder().method("POST").uri(path).body(Body::empty()).unwrap();
    let answer = rxd::admin::router(handle).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(start_paused = true)]
async fn metrics_of_a_large_group_are_one_series_whose_sums_never_decrease() {
    let handle = Daemon::new("test").signals([]).add(Service::new("api", Waits)).start().await.unwrap();
    let tenant = |n: usize| Service::new(format!("tenant-{n}"), Waits).group("tenants");
    for n in 0..102 {
        handle.add(tenant(n)).await.unwrap();
    }
    handle.add(Service::new("tenants", Waits)).await.unwrap();
    handle.wait_for(["tenant-101", "tenants"], State::Run).await.unwrap();
    handle.restart("tenant-7").await.unwrap();
    handle.wait_for("tenant-7", State::Run).await.unwrap();
    let metrics = metrics_of(&handle).await;
    assert!(!metrics.contains("service=\"tenant-"), "{metrics}");
    let has = |metrics: &str, line: &str| assert!(metrics.lines().any(|one| one == line), "{line}\n{metrics}");
    has(&metrics, "rxd_service_state{group=\"tenants\",state=\"run\"} 102");
    has(&metrics, "rxd_service_state{group=\"tenants\",state=\"exit\"} 0");
    has(&metrics, "rxd_service_ready{group=\"tenants\"} 102");
    has(&metrics, "rxd_service_optional{group=\"tenants\"} 102");
    has(&metrics, "rxd_service_incarnations_total{group=\"tenants\"} 103");
    has(&metrics, "rxd_service_failures_total{group=\"tenants\",cause=\"panic\"} 0");
    // A service may have the name of a group.
    has(&metrics, "rxd_service_incarnations_total{service=\"tenants\"} 1");
    has(&metrics, "rxd_service_state{service=\"api\",state=\"run\"} 1");
    assert!(!metrics.contains("rxd_service_in_state_seconds{group"), "{metrics}");

    handle.remove("tenant-7").await.unwrap();
    let metrics = metrics_of(&handle).await;
    has(&metrics, "rxd_service_state{group=\"tenants\",state=\"run\"} 101");
    has(&metrics, "rxd_service_incarnations_total{group=\"tenants\"} 103");

    // A hundred are a series each, and those that were removed have none.
    handle.remove("tenant-8").await.unwrap();
    let metrics = metrics_of(&handle).await;
    has(&metrics, "rxd_service_incarnations_total{service=\"tenant-9\"} 1");
    assert!(!metrics.contains("tenant-7\"") && !metrics.contains("group=\"tenants\""), "{metrics}");

    // Nothing is kept of a group that all have left.
    handle.group("tenants").unwrap().stop().await.into_result().unwrap();
    for n in (0..102).filter(|n| *n != 7 && *n != 8) {
        handle.remove(&format!("tenant-{n}")).await.unwrap();
    }
    for n in 0..101 {
        handle.add(tenant(n)).await.unwrap();
    }
    handle.wait_for("tenant-100", State::Run).await.unwrap();
    has(&metrics_of(&handle).await, "rxd_service_incarnations_total{group=\"tenants\"} 101");
}

async fn metrics_of(handle: &DaemonHandle) -> String {
    let request = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
    let answer = rxd::admin::router(handle).oneshot(request).await.unwrap();
    String::from_utf8(axum::body::to_bytes(answer.into_body(), 1 << 24).await.unwrap().to_vec()).unwrap()
}
