//! Each route, and the problem for each mistake: F97.

use crate::client::{ask, connect, get, post, put};
use crate::daemon::start;
use rxd::log::{Level, LevelTarget};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tower::ServiceExt;

#[tokio::test]
async fn services_route_has_the_state_of_each_service() {
    let d = start(|admin| admin).await;
    let all = get(&d.at, "/services").await;
    assert_eq!(all.status, 200);
    let all = all.json();
    assert_eq!((&all["name"], &all["phase"], &all["ready"]), (&json!("test"), &json!("running"), &json!(false)));
    let names: Vec<&str> = all["services"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["api", "poller", "db", "blocked", "job"]);
    let api = get(&d.at, "/services/api").await.json();
    assert_eq!((&api["state"], &api["ready"], &api["level"]["level"]), (&json!("run"), &json!(true), &json!("info")));
    let job = get(&d.at, "/services/job").await.json();
    assert_eq!((&job["state"], &job["ready"]), (&json!("exit"), &json!(true)));
}

#[tokio::test]
async fn g62_why_route_names_what_is_waited_for() {
    let d = start(|admin| admin).await;
    let why = get(&d.at, "/services/blocked/why").await.json();
    let text = why["text"].as_str().unwrap();
    assert!(text.contains("db") && text.contains("entering Run"), "{text}");
    assert_eq!(why["chain"][0]["waits_for"][0]["services"], json!(["db"]));
    let why = get(&d.at, "/services/db/why").await.json();
    assert!(why["text"].as_str().unwrap().contains("connection refused"), "{why}");
}

#[tokio::test]
async fn g62_service_that_fails_shows_restarts_last_error_and_next_attempt() {
    let d = start(|admin| admin).await;
    // When the service waits for its next attempt, the failure has been recorded.
    while d.handle.states()["db"].state != rxd::State::Stop || d.handle.states()["db"].is_in(rxd::State::Stop) {
        tokio::task::yield_now().await;
    }
    for db in [get(&d.at, "/services/db").await.json(), get(&d.at, "/services").await.json()["services"][2].clone()] {
        assert_eq!((&db["last_cause"], &db["last_error"]), (&json!("error"), &json!("connection refused")), "{db}");
        assert!(db["next_attempt_s"].as_f64().unwrap() > 2000.0 && db["restarts"].is_u64(), "{db}");
        assert!(db["last_failed_s"].is_number(), "{db}");
        assert!(db["why"].as_str().unwrap().starts_with("error: connection refused, next attempt in "), "{db}");
    }
    let metrics = get(&d.at, "/metrics").await.body;
    assert!(metrics.contains("rxd_service_failures_total{service=\"db\",cause=\"error\"} 1\n"), "{metrics}");
    let api = get(&d.at, "/services/api").await.json();
    for absent in ["last_cause", "last_error", "last_failed_s", "next_attempt_s"] {
        assert!(api.get(absent).is_none(), "{api}");
    }
    let why = async |name: &str| get(&d.at, &format!("/services/{name}")).await.json()["why"].clone();
    let all = [why("api").await, why("blocked").await, why("job").await];
    assert_eq!(all, ["", "waits for db", "done"].map(|why| json!(why)));
    d.handle.stop("poller").await.unwrap();
    assert_eq!(why("poller").await, "stopped by an operator");
}

#[tokio::test]
async fn levels_are_set_for_a_time_reset_and_inherited() {
    let d = start(|admin| admin).await;
    let answer = put(&d.at, "/services/api/log-level", "debug for 10m").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(d.levels.get("api").level, Level::Debug);
    assert!(d.levels.get("api").expires_in.unwrap() > Duration::from_secs(590));
    let json = "Content-Type: application/json\r\n";
    let answer = ask(&d.at, "PUT", "/services/api/log-level", json, "{\"level\":\"warning\"}").await;
    assert_eq!(answer.json(), json!({ "level": "warn", "set": true }));
    assert_eq!(
        ask(&d.at, "DELETE", "/services/api/log-level", "", "").await.json(),
        json!({ "level": "info", "set": false })
    );

    assert_eq!(put(&d.at, "/log-level", "error").await.json()["default"]["level"], "error");
    assert_eq!(get(&d.at, "/services/api/log-level").await.json()["level"], "error");
    let answer = ask(&d.at, "PUT", "/log-level", json, "{\"level\":\"debug\",\"target\":\"internal\"}").await;
    assert_eq!(answer.json()["internal"]["level"], "debug");
    assert_eq!(d.levels.get(LevelTarget::Internal).level, Level::Debug);
    assert_eq!(ask(&d.at, "DELETE", "/log-level", "", "").await.json()["default"]["level"], "info");
    assert_eq!(get(&d.at, "/log-level").await.json()["internal"]["level"], "off");
}

#[tokio::test]
async fn actions_on_a_service_are_carried_out() {
    let d = start(|admin| admin).await;
    let restarted = post(&d.at, "/services/api/restart").await;
    assert_eq!((restarted.status, &restarted.json()["incarnation"]), (200, &json!(2)));
    d.handle.wait_for("api", rxd::State::Run).await.unwrap();
    assert_eq!(post(&d.at, "/services/api/reload").await.status, 200);
    let stopped = post(&d.at, "/services/api/stop").await;
    assert_eq!(
        (stopped.status, &stopped.json()["state"], &stopped.json()["cause"]),
        (200, &json!("exit"), &json!("operator"))
    );
    post(&d.at, "/services/api/reload").await.problem(409);
    assert_eq!(post(&d.at, "/services/api/start").await.status, 200);
    d.handle.wait_for("api", rxd::State::Run).await.unwrap();
}

#[tokio::test]
async fn g56_post_reload_reloads_all_services() {
    let d = start(|admin| admin).await;
    d.handle.wait_for("api", rxd::State::Run).await.unwrap();
    let answer = post(&d.at, "/reload").await;
    assert_eq!((answer.status, &answer.json()["phase"]), (200, &json!("running")));
}

#[tokio::test]
async fn readyz_with_a_failing_service_says_why() {
    let d = start(|admin| admin).await;
    let live = get(&d.at, "/livez").await;
    assert_eq!((live.status, &live.body[..]), (200, "ok\n"));
    let ready = get(&d.at, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("[-]db not ready: ") && ready.body.contains("connection refused"), "{}", ready.body);
    let ready = get(&d.at, "/readyz?exclude=db&exclude=blocked").await;
    assert_eq!((ready.status, &ready.body[..]), (200, "ok\n"));
    assert!(get(&d.at, "/readyz?verbose&exclude=db&exclude=blocked").await.body.contains("[+]api ok\n"));
}

#[tokio::test]
async fn probes_without_the_token_get_no_reasons() {
    let d = start(|admin| admin.token("0123456789abcdef")).await;
    assert_eq!(get(&d.at, "/livez").await.status, 200);
    let ready = get(&d.at, "/readyz?verbose").await;
    assert_eq!((ready.status, &ready.body[..]), (503, "not ready\n"));
    let ready = get(&d.at, "/readyz?verbose&exclude=db&exclude=blocked").await;
    assert_eq!((ready.status, &ready.body[..]), (200, "ok\n"));
    let ready = ask(&d.at, "GET", "/readyz", "Authorization: Bearer 0123456789abcdef\r\n", "").await;
    assert!(ready.body.contains("connection refused"), "{}", ready.body);
    get(&d.at, "/services").await.problem(401);
}

#[tokio::test]
async fn metrics_have_every_service_in_prometheus_format() {
    let d = start(|admin| admin).await;
    post(&d.at, "/services/api/restart").await;
    let metrics = get(&d.at, "/metrics").await;
    assert!(metrics.head.contains("text/plain; version=0.0.4"));
    for line in [
        "rxd_service_state{service=\"poller\",state=\"run\"} 1",
        "rxd_service_state{service=\"poller\",state=\"idle\"} 0",
        "rxd_service_ready{service=\"db\"} 0",
        "rxd_service_incarnations_total{service=\"api\"} 2",
        "# TYPE rxd_service_restarts_total counter",
        "rxd_service_failures_total{service=\"api\",cause=\"error\"} 0",
        "rxd_admin_connections 1",
    ] {
        assert!(metrics.body.lines().any(|other| other == line), "{line} is not in {}", metrics.body);
    }
    for line in metrics.body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok() && name.starts_with("rxd_"), "{line}");
    }
}

#[tokio::test]
async fn metrics_count_what_a_slow_reader_missed() {
    let levels = rxd::log::LevelHandle::new(Level::Info);
    let daemon = crate::daemon::services(rxd::Daemon::new("d").signals([]).history(8));
    let handle = daemon.admin(crate::daemon::admin(&levels)).start().await.unwrap();
    let mut slow = handle.watch_states(rxd::Filter::None).unwrap();
    slow.next().await;
    for _ in 0..4 {
        handle.wait_for("api", rxd::State::Run).await.unwrap();
        handle.restart("api").await.unwrap();
    }
    while !matches!(slow.next().await, Some(rxd::StateEvent::Lagged { .. })) {}
    let metrics = get(&crate::daemon::at(&handle), "/metrics").await.body;
    let lagged = metrics.lines().find_map(|line| line.strip_prefix("rxd_watch_lagged_total ")).unwrap();
    assert!(lagged.parse::<u64>().unwrap() > 0, "{lagged}");
}

#[tokio::test]
async fn g45_graph_route_has_four_formats() {
    let d = start(|admin| admin).await;
    let graph = get(&d.at, "/graph").await.json();
    assert_eq!(graph["services"][1]["watches"][0]["targets"], json!(["api"]));
    for (accept, begin) in [
        ("text/vnd.mermaid", "---\ntitle:"),
        ("text/vnd.graphviz", "digraph"),
        ("image/svg+xml", "<svg "),
        ("text/html, image/*;q=0.5", "<svg "),
        ("*/*", "{\"daemon\""),
    ] {
        let answer = ask(&d.at, "GET", "/graph", &format!("Accept: {accept}\r\n"), "").await;
        assert!(answer.status == 200 && answer.body.starts_with(begin), "{accept}: {answer:?}");
    }
    let svg = get(&d.at, "/graph?format=svg").await;
    assert!(svg.body.contains("class=\"run\" data-service=\"api\""), "{}", svg.body);
    assert!(svg.body.contains("data-service=\"db\""));
    let problem = ask(&d.at, "GET", "/graph", "Accept: text/csv\r\n", "").await.problem(406);
    assert!(problem["allowed"].as_array().unwrap().contains(&json!("image/svg+xml")));
    assert_eq!(get(&d.at, "/graph?format=pngg").await.problem(400)["field"], "format");
    assert_eq!(get(&d.at, "/graph?format=svg&direction=up").await.problem(400)["allowed"], json!(["right", "down"]));
    assert!(get(&d.at, "/graph?format=svg&direction=down").await.body.contains("data-service=\"db\""));
}

#[tokio::test]
async fn f97_unknown_names_get_404_and_the_nearest_suggestion() {
    let d = start(|admin| admin).await;
    let before = (d.handle.states().seq(), d.levels.services());
    for (method, path) in [
        ("GET", "/services/poler"),
        ("GET", "/services/poler/why"),
        ("GET", "/services/poler/log-level"),
        ("PUT", "/services/poler/log-level"),
        ("DELETE", "/services/poler/log-level"),
        ("POST", "/services/poler/restart"),
        ("POST", "/services/poler/stop"),
    ] {
        let problem = ask(&d.at, method, path, "", "debug").await.problem(404);
        assert_eq!((&problem["field"], &problem["suggestion"]), (&json!("name"), &json!("poller")), "{method} {path}");
        assert!(problem["allowed"].as_array().unwrap().contains(&json!("api")));
    }
    let problem = put(&d.at, "/services/api/log-level", "loud").await.problem(400);
    assert_eq!(problem["field"], "level");
    assert!(problem["allowed"].as_array().unwrap().contains(&json!("emergency")));
    assert_eq!(put(&d.at, "/services/api/log-level", "debgu").await.problem(400)["suggestion"], "debug");
    let odd = get(&d.at, "/services/a%0Ab%1B%22").await.problem(404);
    assert_eq!(odd["detail"], "daemon `test` has no service `a\\nb\\u{1b}\\\"`");
    assert_eq!(put(&d.at, "/services/api/log-level", "debug for ever").await.problem(400)["field"], "for");
    let json = "Content-Type: application/json\r\n";
    ask(&d.at, "PUT", "/services/api/log-level", json, "{\"level\":\"debug\",\"target\":\"internal\"}")
        .await
        .problem(400);
    ask(&d.at, "PUT", "/services/api/log-level", "Content-Type: image/png\r\n", "debug").await.problem(415);
    get(&d.at, "/nothing").await.problem(404);
    get(&d.at, "/services/").await.problem(404);
    let answer = ask(&d.at, "POST", "/services/api/why", "", "").await;
    assert_eq!(answer.problem(405)["field"], "method");
    assert!(answer.head.contains("allow: get"), "{}", answer.head);
    ask(&d.at, "DELETE", "/services/api/restart", "", "").await.problem(405);
    assert_eq!((d.handle.states().seq(), d.levels.services()), before, "nothing came of any of it");
}

#[tokio::test]
async fn page_loads_nothing_from_elsewhere() {
    let d = start(|admin| admin).await;
    let page = get(&d.at, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("default-src 'none'") && page.head.contains("nosniff"), "{}", page.head);
    assert!(page.body.len() < 40_000, "{} bytes", page.body.len());
    for elsewhere in ["http://", "https://", "//cdn", "@import"] {
        let outside = page.body.replace("http://www.w3.org/", "");
        assert!(!outside.contains(elsewhere), "{elsewhere}");
    }
}

#[tokio::test]
async fn router_nested_in_another_server_answers_and_checks_the_origin() {
    let d = start(|admin| admin).await;
    let mine = rxd::admin::router(&d.handle);
    let theirs = axum::Router::new().nest("/admin", mine.clone()).nest("/of/{who}", mine);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = rxd::admin::Address::Tcp(listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, theirs).await });
    assert_eq!(get(&at, "/admin/services/api").await.json()["state"], "run");
    get(&at, "/admin/services/poler").await.problem(404);
    get(&at, "/admin/nothing").await.problem(404);
    post(&at, "/admin/services/api").await.problem(405);
    assert_eq!(get(&at, "/of/me/services/poller").await.json()["name"], "poller");
    assert!(get(&at, "/admin").await.body.starts_with("<!doctype html>"));
    let hostile = ask(&at, "POST", "/admin/services/api/stop", "Origin: http://evil.example\r\n", "").await;
    hostile.problem(403);
    d.handle.stop("api").await.unwrap();
    drop(d);
}

/// A server in a service, with the routes of its own daemon. It waits for its connections to end.
struct Nested(Option<tokio::net::TcpListener>);

impl rxd::Runner for Nested {
    async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {
        let Some(listener) = self.0.take() else {
            cx.cancelled().await;
            return Ok(());
        };
        let routes = axum::Router::new().nest("/admin", rxd::admin::router(&cx.daemon()));
        let server = axum::serve(listener, routes).with_graceful_shutdown(cx.cancelled());
        Ok(server.await?)
    }
}

#[tokio::test]
async fn k_u8_events_of_a_nested_router_end_when_the_daemon_begins_to_stop() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = rxd::admin::Address::Tcp(listener.local_addr().unwrap());
    let service = rxd::Service::new("api", Nested(Some(listener)));
    let handle = rxd::Daemon::new("nested").signals([]).add(service).start().await.unwrap();
    handle.wait_for("api", rxd::State::Run).await.unwrap();
    let mut socket = connect(&at).await;
    socket.write_all(b"GET /admin/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("event: snapshot") {
        assert_ne!(socket.read_buf(&mut seen).await.unwrap(), 0);
    }
    handle.shutdown();
    let report = handle.wait().await;
    assert!(report.is_ok(), "{report}");
    socket.read_to_end(&mut seen).await.unwrap();
    assert!(String::from_utf8_lossy(&seen).contains("event: end"));
}

#[tokio::test(start_paused = true)]
async fn k_events_of_a_nested_router_end_when_its_service_restarts() {
    let (give_router, router) = oneshot::channel();
    let answered = Arc::new(Notify::new());
    let api = Carries { handle: None, router: Some(give_router), answered: answered.clone() };
    let handle = rxd::Daemon::new("nested").signals([]).add(rxd::Service::new("api", api)).start().await.unwrap();
    let router = router.await.unwrap();
    let request = axum::http::Request::get("/events").body(axum::body::Body::empty());
    let events = router.oneshot(request.unwrap()).await.unwrap().into_body();
    handle.wait_for("api", rxd::State::Run).await.unwrap();
    let restart = tokio::spawn({
        let handle = handle.clone();
        async move { handle.restart("api").await }
    });
    // It ends, though the daemon runs on.
    let text = axum::body::to_bytes(events, 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&text);
    let end = text.split("event: end").nth(1).unwrap_or_else(|| panic!("{text}"));
    assert!(end.contains(r#""phase":"running""#), "{end}");
    answered.notify_one();
    restart.await.unwrap().unwrap();
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test]
async fn k_action_on_the_service_that_carries_the_request_is_answered_with_202() {
    for action in ["restart", "stop"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = rxd::admin::Address::Tcp(listener.local_addr().unwrap());
        let daemon = rxd::Daemon::new("nested").signals([]).add(rxd::Service::new("api", Nested(Some(listener))));
        let handle = daemon.start().await.unwrap();
        handle.wait_for("api", rxd::State::Run).await.unwrap();
        let answer = post(&at, &format!("/admin/services/api/{action}")).await;
        assert_eq!((answer.status, &answer.json()["name"]), (202, &json!("api")), "{action}");
        let (state, incarnation) = if action == "stop" { (rxd::State::Exit, 1) } else { (rxd::State::Run, 2) };
        handle.wait_for("api", state).await.unwrap();
        assert_eq!(handle.states()["api"].incarnation, incarnation, "{action}");
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    }
}

/// Makes a router from the daemon's own handle or from its context, and waits for the end of a
/// request before it returns, as a server that drains does.
struct Carries {
    handle: Option<oneshot::Receiver<rxd::DaemonHandle>>,
    router: Option<oneshot::Sender<axum::Router>>,
    answered: Arc<Notify>,
}

impl rxd::Runner for Carries {
    async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {
        let handle = match self.handle.take() {
            Some(handle) => handle.await?,
            None => cx.daemon(),
        };
        let router = self.router.take().map(|router| router.send(rxd::admin::router(&handle)));
        cx.cancelled().await;
        if router.is_some() {
            self.answered.notified().await;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn k_service_and_the_request_that_it_carries_do_not_wait_for_each_other() {
    for (action, takes_handle) in [("restart", false), ("restart", true), ("stop", true)] {
        let (give_handle, handle) = oneshot::channel();
        let (give_router, router) = oneshot::channel();
        let answered = Arc::new(Notify::new());
        let handle = takes_handle.then_some(handle);
        let api = Carries { handle, router: Some(give_router), answered: answered.clone() };
        let daemon = rxd::Daemon::new("nested").signals([]).add(rxd::Service::new("api", api));
        let handle = daemon.start().await.unwrap();
        let _ = give_handle.send(handle.clone());
        let router = router.await.unwrap();
        let began = tokio::time::Instant::now();
        let request = axum::http::Request::post(format!("/services/api/{action}")).body(axum::body::Body::empty());
        let answer = router.oneshot(request.unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), began.elapsed().as_millis()), (202, 0), "{action}");
        answered.notify_one();
        let state = if action == "stop" { rxd::State::Exit } else { rxd::State::Run };
        handle.wait_for("api", state).await.unwrap();
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    }
}

#[tokio::test]
async fn k_reload_of_all_by_the_service_that_carries_the_request_is_answered_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = rxd::admin::Address::Tcp(listener.local_addr().unwrap());
    let service = rxd::Service::new("api", Nested(Some(listener)));
    let handle = rxd::Daemon::new("nested").signals([]).add(service).start().await.unwrap();
    handle.wait_for("api", rxd::State::Run).await.unwrap();
    assert_eq!(post(&at, "/admin/reload").await.status, 202);
}

#[tokio::test]
async fn u8_level_that_no_subscriber_reads_is_refused() {
    let levels = rxd::log::LevelHandle::new(rxd::log::Level::Info);
    let api = rxd::Service::new("api", crate::daemon::Waits);
    let daemon = rxd::Daemon::new("d").signals([]).admin(crate::daemon::admin(&levels)).add(api);
    let handle = daemon.start().await.unwrap();
    let at = crate::daemon::at(&handle);
    let change = async || [put(&at, "/services/api/log-level", "debug").await, put(&at, "/log-level", "debug").await];
    for answer in change().await {
        let problem = answer.problem(409);
        assert!(problem["detail"].as_str().unwrap().contains("rxd::log::init()"), "{problem}");
    }
    assert_eq!(levels.get("api").level, rxd::log::Level::Info);
    let filter = levels.filter().target("hyper", rxd::log::Level::Warn);
    for answer in change().await {
        assert_eq!(answer.status, 200);
    }
    drop(filter);
    for answer in change().await {
        answer.problem(409);
    }
}

#[tokio::test]
async fn s14_stop_of_the_last_service_keeps_the_routes() {
    let levels = rxd::log::LevelHandle::new(rxd::log::Level::Info);
    let api = rxd::Service::new("api", crate::daemon::Waits);
    let daemon = rxd::Daemon::new("d").signals([]).admin(crate::daemon::admin(&levels)).add(api);
    let handle = daemon.start().await.unwrap();
    let at = crate::daemon::at(&handle);
    assert_eq!(post(&at, "/services/api/stop").await.json()["state"], "exit");
    let daemon = get(&at, "/services").await.json();
    assert_eq!((&daemon["phase"], &daemon["ready"]), (&json!("running"), &json!(false)));
    assert_eq!(post(&at, "/services/api/start").await.status, 200);
    handle.wait_for("api", rxd::State::Run).await.unwrap();
}
