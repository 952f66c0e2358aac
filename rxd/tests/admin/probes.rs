//! The probes of Kubernetes agree with the watchdog of systemd, and are answered under load.

use crate::client::{Answer, connect, get, raw};
use crate::daemon::{Lingers, Waits, admin, at};
use rxd::log::{Level, LevelHandle};
use rxd::{Context, Daemon, DaemonHandle, Options, Readiness, Runner, Service, State};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A daemon with one service that declares a heartbeat and never reports one.
async fn daemon(heartbeat: Duration) -> DaemonHandle {
    let service = Service::new("a", Waits).options(Options::DEFAULT.heartbeat(heartbeat));
    let daemon = Daemon::new("test").signals([]).add(service).admin(admin(&LevelHandle::new(Level::Info)));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    handle
}

struct StandsBy;

impl Runner for StandsBy {
    async fn idle(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }
}

#[tokio::test]
async fn readyz_names_an_optional_service_that_is_not_ready_and_does_not_count_it() {
    let options = Options::DEFAULT.readiness(Readiness::Optional);
    let services = [Service::new("a", Waits), Service::new("standby", StandsBy).options(options)];
    let daemon = Daemon::new("test").signals([]).add_all(services).admin(admin(&LevelHandle::new(Level::Info)));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    handle.wait_for("standby", State::Idle).await.unwrap();
    let ready = get(&at(&handle), "/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(
        ready.body.starts_with("[+]a ok\n[+]standby optional, not ready: standby in Idle: in its own `idle` for"),
        "{}",
        ready.body
    );
    assert!(ready.body.ends_with("\nreadyz check passed: degraded\n"), "{}", ready.body);
    let daemon = get(&at(&handle), "/services").await.body;
    assert!(daemon.contains("\"ready\":true,\"degraded\":true"), "{daemon}");
    assert!(daemon.contains("\"optional\":true"), "{daemon}");
    let metrics = get(&at(&handle), "/metrics").await.body;
    for line in [
        "rxd_readiness{readiness=\"degraded\"} 1",
        "rxd_readiness{readiness=\"ready\"} 0",
        "rxd_service_optional{service=\"standby\"} 1",
        "rxd_service_optional{service=\"a\"} 0",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line} is not in {metrics}");
    }
    // One that counts is another matter.
    handle.stop("a").await.unwrap();
    let ready = get(&at(&handle), "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("[-]a not ready") && ready.body.ends_with("readyz check failed\n"), "{}", ready.body);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

/// The watchdog pings are withheld for the same reason.
#[tokio::test]
async fn f91_livez_with_a_stale_heartbeat_fails() {
    let handle = daemon(Duration::from_millis(1)).await;
    let fails = async {
        loop {
            let live = get(&at(&handle), "/livez").await;
            if live.status == 503 {
                return live;
            }
        }
    };
    let live = tokio::time::timeout(Duration::from_secs(60), fails).await.expect("it fails");
    assert_eq!(live.body, "[-]a is stale: no heartbeat within 1ms\nlivez check failed\n");
    assert_eq!(get(&at(&handle), "/readyz").await.status, 200, "it is another question");
}

#[tokio::test]
async fn f91_livez_without_a_stale_heartbeat_passes() {
    let handle = daemon(Duration::from_secs(3600)).await;
    let live = get(&at(&handle), "/livez?verbose").await;
    assert_eq!((live.status, &live.body[..]), (200, "[+]the daemon answers\nlivez check passed\n"));
}

/// Actions take long, and there are more of them than connections.
#[tokio::test]
async fn x17_probes_are_answered_while_all_connections_are_busy() {
    let lingers = Lingers::default();
    let admin = admin(&LevelHandle::new(Level::Info)).connections(16);
    let daemon = Daemon::new("test").signals([]).add(Service::new("slow", lingers.clone()));
    let handle = daemon.admin(admin).start().await.unwrap();
    handle.wait_for("slow", State::Run).await.unwrap();
    let to = at(&handle);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let to = to.clone();
        clients.spawn(async move {
            let request = b"POST /services/slow/restart HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            // Each client repeats its request until the test ends.
            loop {
                let mut socket = connect(&to).await;
                let _ = socket.write_all(request).await;
                let _ = socket.read_to_end(&mut Vec::new()).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    // Once all are busy, further requests get 503, or no answer.
    let busy = async {
        loop {
            let answer = raw(&to, b"GET /services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
            if !answer.is_empty() && Answer::parse(&answer).status == 503 {
                return Answer::parse(&answer);
            }
        }
    };
    let busy = tokio::time::timeout(Duration::from_secs(60), busy).await.expect("all are busy");
    assert!(busy.problem(503)["title"].as_str().unwrap().contains("busy"));
    for _ in 0..20 {
        assert_eq!(get(&to, "/livez").await.status, 200);
        assert!([200, 503].contains(&get(&to, "/readyz").await.status));
    }
    // Silent clients do not block the probes either.
    let silent = [connect(&to).await, connect(&to).await, connect(&to).await];
    assert_eq!(get(&to, "/livez").await.status, 200);
    drop(silent);
    clients.abort_all();
    while clients.join_next().await.is_some() {}
    lingers.release.notify_one();
    handle.shutdown();
    lingers.release.notify_one();
    let _ = handle.wait().await;
}

/// What HAProxy sends by `option httpchk GET /livez`.
#[tokio::test]
async fn n_probe_of_http_1_0_without_a_host_is_answered() {
    let d = crate::daemon::start(|admin| admin).await;
    let ask = async |line: &str| Answer::parse(&raw(&d.at, format!("{line}\r\n\r\n").as_bytes()).await);
    assert_eq!(ask("GET /livez HTTP/1.0").await.status, 200);
    assert_eq!(ask("GET /readyz HTTP/1.0").await.status, 503, "one service waits");
    ask("GET /services HTTP/1.0").await.problem(400);
    ask("GET /livez HTTP/1.0\r\nHost: evil.example").await.problem(403);
    ask("GET /livez HTTP/1.1\r\nConnection: close").await.problem(400);
    let answer = ask("GET /services HTTP/1.0\r\nHost: localhost\r\nSec-Fetch-Site: cross-site").await;
    answer.problem(403);
    assert!(answer.head.contains("cross-origin-resource-policy: same-origin"), "{answer:?}");
}

#[tokio::test]
async fn readyz_says_no_from_the_beginning_of_the_drain() {
    let daemon = Daemon::new("test").signals([]).drain(Duration::from_secs(3600)).add(Service::new("a", Waits));
    let handle = daemon.admin(admin(&LevelHandle::new(Level::Info))).start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    let to = at(&handle);
    assert_eq!(get(&to, "/readyz").await.status, 200);
    let shutdown =
        raw(&to, b"POST /shutdown HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_eq!(Answer::parse(&shutdown.await).status, 202);
    let ready = get(&to, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.starts_with("[-]the daemon is draining\n[+]a ok\n"), "{}", ready.body);
    assert_eq!(get(&to, "/livez").await.status, 200);
    let daemon = get(&to, "/services").await.json();
    assert_eq!((&daemon["phase"], &daemon["ready"]), (&"draining".into(), &false.into()));
    let restart = raw(
        &to,
        b"POST /services/a/restart HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    Answer::parse(&restart.await).problem(503);
    assert!(get(&to, "/metrics").await.body.contains("rxd_stopping 1"));
    assert!(!handle.has_ended());
    drop(handle);
}

#[tokio::test]
async fn g27_service_that_waits_to_be_started_makes_the_daemon_neither_degraded_nor_unready() {
    let daemon = Daemon::new("test").signals([]).add(Service::new("a", Waits));
    let daemon = daemon.add(Service::new("worker", Waits).autostart(false));
    let handle = daemon.admin(admin(&LevelHandle::new(Level::Info))).start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    handle.wait_for("worker", State::Exit).await.unwrap();
    let to = at(&handle);
    let rests = async |why: &str| {
        let ready = get(&to, "/readyz").await;
        assert_eq!((ready.status, &ready.body[..]), (200, "ok\n"));
        assert!(get(&to, "/readyz?verbose").await.body.contains("[+]worker not started: ok\n"));
        let daemon = get(&to, "/services").await.json();
        assert_eq!((&daemon["ready"], &daemon["degraded"]), (&true.into(), &false.into()));
        let worker = &daemon["services"][1];
        assert_eq!((&worker["optional"], &worker["ready"], &worker["why"]), (&true.into(), &false.into(), &why.into()));
        assert!(worker["manual"] == true && daemon["services"][0].get("manual").is_none());
        assert!(get(&to, "/metrics").await.body.contains("rxd_readiness{readiness=\"ready\"} 1\n"));
    };
    rests("not started (`autostart = false`)").await;
    handle.start("worker").await.unwrap();
    handle.wait_for("worker", State::Run).await.unwrap();
    assert_eq!(get(&to, "/readyz").await.body, "ok\n");
    handle.stop("worker").await.unwrap();
    rests("stopped by an operator").await;
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
