//! The shutdown: requests get 503 and the states until the end, and clients do not delay it: F100,
//! F102.

use crate::client::{ask, connect, get, post};
use crate::daemon::{Lingers, Waits, admin, at};
use rxd::log::{Level, LevelHandle};
use rxd::{Daemon, Service, State};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn f102_request_during_shutdown_gets_503_and_the_states() {
    let levels = LevelHandle::new(Level::Info);
    let daemon = Daemon::new("d").signals([]).admin(admin(&levels));
    let slow = Lingers::default();
    let daemon = daemon.add(Service::new("quick", Waits)).add(Service::new("slow", slow.clone()));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("slow", State::Run).await.unwrap();
    let at = at(&handle);
    handle.shutdown();
    handle.wait_for("quick", State::Exit).await.unwrap();
    let before = levels.services();
    for (method, path) in [
        ("POST", "/services/quick/start"),
        ("POST", "/reload"),
        ("PUT", "/services/slow/log-level"),
        ("DELETE", "/log-level"),
    ] {
        let problem = ask(&at, method, path, "", "debug").await.problem(503);
        assert_eq!(problem["daemon"]["phase"], "stopping");
        assert_eq!(problem["daemon"]["services"][0]["state"], "exit");
        assert_eq!(problem["daemon"]["services"][1]["name"], "slow");
    }
    assert_eq!(levels.services(), before);
    assert!(get(&at, "/readyz").await.body.contains("the daemon is stopping"));
    assert_eq!(get(&at, "/livez").await.status, 200);
    assert!(get(&at, "/metrics").await.body.contains("rxd_stopping 1"));
    slow.release.notify_one();
    assert!(handle.wait().await.is_ok());
    // The listener is closed.
    let rxd::admin::Address::Tcp(tcp) = at else { panic!() };
    assert!(tokio::net::TcpStream::connect(tcp).await.is_err());
}

#[tokio::test]
async fn u7_status_and_why_during_the_stop_say_what_it_waits_for() {
    let levels = LevelHandle::new(Level::Info);
    let slow = Lingers::default();
    let api = Service::new("api", slow.clone()).needs(["db"]);
    let daemon = Daemon::new("d").signals([]).admin(admin(&levels)).add(Service::new("db", Waits)).add(api);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    let at = at(&handle);
    handle.shutdown();
    slow.cancelled.notified().await;
    let daemon = get(&at, "/services").await.json();
    assert_eq!((&daemon["phase"], &daemon["stop_waits_for"]), (&"stopping".into(), &serde_json::json!(["api"])));
    let [db, api] = [&daemon["services"][0], &daemon["services"][1]];
    assert_eq!((&db["why"], &db["level"]["level"]), (&"stops after api".into(), &"info".into()), "{db}");
    assert!(api["why"].as_str().unwrap().starts_with("asked to stop "), "{api}");
    let why = get(&at, "/services/db/why").await.json();
    let text = why["text"].as_str().unwrap();
    assert!(text.starts_with("db in Run: stops after api; api in Run: asked to stop "), "{text}");
    let (db, api) = (&why["chain"][0], &why["chain"][1]);
    assert_eq!((&db["stops_after"][0], &db["asked_to_stop_s"]), (&"api".into(), &serde_json::Value::Null));
    assert!(api["asked_to_stop_s"].is_number(), "{api}");
    assert_eq!(get(&at, "/log-level").await.status, 200);
    slow.release.notify_one();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test]
async fn f102_action_in_progress_at_shutdown_is_answered() {
    let levels = LevelHandle::new(Level::Info);
    let daemon = Daemon::new("d").signals([]).admin(admin(&levels));
    let slow = Lingers::default();
    let handle = daemon.add(Service::new("slow", slow.clone())).start().await.unwrap();
    handle.wait_for("slow", State::Run).await.unwrap();
    let at = at(&handle);
    let asking = tokio::spawn(async move { post(&at, "/services/slow/restart").await });
    slow.cancelled.notified().await;
    handle.shutdown();
    slow.release.notify_one();
    let answer = asking.await.unwrap();
    assert!(answer.status == 503 || answer.status == 409, "{answer:?}");
    assert!(handle.wait().await.is_ok());
}

#[tokio::test]
async fn f100_event_streams_end_within_the_drain_timeout() {
    let levels = LevelHandle::new(Level::Info);
    let handle =
        Daemon::new("d").signals([]).admin(admin(&levels)).add(Service::new("a", Waits)).start().await.unwrap();
    let at = at(&handle);
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut socket = connect(&at).await;
        socket.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        socket.read_exact(&mut [0; 16]).await.unwrap();
        streams.push(socket);
    }
    let begun = Instant::now();
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    let mut text = String::new();
    streams[0].read_to_string(&mut text).await.unwrap();
    assert!(text.contains("event: end"), "{text}");
}

#[tokio::test]
async fn shutdown_route_answers_at_once_and_stops_the_daemon() {
    let levels = LevelHandle::new(Level::Info);
    let slow = Lingers::default();
    let daemon = Daemon::new("d").signals([]).admin(admin(&levels)).add(Service::new("slow", slow.clone()));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("slow", State::Run).await.unwrap();
    let at = at(&handle);
    ask(&at, "POST", "/shutdown", "", &"x".repeat(201)).await.problem(400);
    ask(&at, "POST", "/shutdown", "Content-Type: image/png\r\n", "x").await.problem(415);
    for array in ["[]", r#" ["because"]"#] {
        ask(&at, "POST", "/shutdown", "Content-Type: application/json\r\n", array).await.problem(400);
    }
    ask(&at, "POST", "/shutdown", "Origin: http://evil.example\r\n", "").await.problem(403);
    assert_eq!(get(&at, "/services").await.json()["phase"], "running");
    // Twice: repeating it changes nothing.
    for reason in ["a new release", ""] {
        let answer = ask(&at, "POST", "/shutdown", "", reason).await;
        assert_eq!((answer.status, &answer.json()["phase"]), (202, &"stopping".into()));
        assert_eq!(answer.json()["stop_reason"], "a new release");
    }
    slow.release.notify_one();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test]
async fn shutdown_route_without_the_token_is_refused() {
    let levels = LevelHandle::new(Level::Info);
    let admin = admin(&levels).token("0123456789abcdef");
    let daemon = Daemon::new("d").signals([]).admin(admin).add(Service::new("a", Waits));
    let handle = daemon.start().await.unwrap();
    let at = at(&handle);
    post(&at, "/shutdown").await.problem(401);
    assert!(!handle.has_ended());
    ask(&at, "POST", "/shutdown", "Authorization: Bearer 0123456789abcdef\r\n", "").await;
    assert!(handle.wait().await.is_ok());
}
