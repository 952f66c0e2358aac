//! `rxdctl` as people and scripts use it: against a daemon that runs, and without one.

use rxd::admin::{Address, Admin, AdminStatus};
use rxd::log::{Level, LevelHandle, ServiceFilter};
use rxd::{Action, Configure, Context, Daemon, DaemonHandle, Runner, Service, State, When};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

struct Waits;

impl Runner for Waits {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

struct Running {
    handle: DaemonHandle,
    at: Address,
    levels: LevelHandle,
    _filter: ServiceFilter,
}

async fn start(name: &str) -> Running {
    let socket = std::env::temp_dir().join(format!("rxdctl-{name}-{}.sock", std::process::id()));
    let address = if cfg!(unix) { format!("unix:{}", socket.display()) } else { "127.0.0.1:0".to_owned() };
    let levels = LevelHandle::new(Level::Info);
    let daemon = Daemon::new("agent").signals([]).admin(Admin::new(address).level_handle(levels.clone()));
    let in_run = When::any(Action::Entering, State::Run, ["api"]);
    let daemon = daemon.add(Service::new("api", Waits)).add(Service::new("poller", Waits).watch(in_run));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("poller", State::Run).await.unwrap();
    let AdminStatus::On(at) = handle.admin() else { panic!() };
    Running { handle, at, _filter: levels.filter(), levels }
}

fn command(at: &str, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rxdctl"));
    command.env_remove("RXD_ADMIN").env_remove("RXD_TOKEN").env("RXD_ADMIN", at).kill_on_drop(true);
    command.args(line.split_whitespace());
    command
}

async fn ctl(d: &Running, line: &str) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(&d.at.to_string(), line).output().await.unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn status_prints_a_table_and_exits_by_readiness() {
    let d = start("status").await;
    let (code, out, _) = ctl(&d, "status").await;
    assert_eq!(code, 0);
    assert!(out.starts_with("agent: running, ready, up ") && out.contains("\npoller   run "), "{out}");
    let (code, out, _) = ctl(&d, "status --json api").await;
    let daemon: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, daemon["services"].as_array().unwrap().len()), (0, 1));
    assert_eq!(ctl(&d, "stop api").await.0, 0);
    assert_eq!(ctl(&d, "status api").await.0, 3, "not ready");
    let (code, _, err) = ctl(&d, "status nobody").await;
    assert!(
        code == 1 && err.contains("has no service `nobody`") && err.contains("help: use one of api, poller"),
        "{err}"
    );
    let (code, _, err) = ctl(&d, "status poler --json").await;
    let said: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!((code, &said["exit"], &said["problem"]["suggestion"]), (1, &1.into(), &"poller".into()), "{err}");
}

#[tokio::test]
async fn levels_and_actions_are_applied_or_refused() {
    let d = start("levels").await;
    assert_eq!(ctl(&d, "log-level api debug --for 10m").await.1, "api: debug, reverts to info in 10 m\n");
    assert_eq!(d.levels.get("api").level, Level::Debug);
    assert_eq!(ctl(&d, "log-level api --reset").await.1, "api: info (the default)\n");
    let (code, out, _) = ctl(&d, "log-level warning").await;
    assert!(code == 0 && out.starts_with("(default)   warn\n"), "{out}");
    let (code, out, _) = ctl(&d, "log-level --internal debug --for 10m").await;
    assert!(code == 0 && out.contains("(internal)  debug, reverts to off in 10 m"), "{out}");
    let (code, out, _) = ctl(&d, "log-level --reset --json").await;
    let levels: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &levels["default"]["level"], &levels["internal"]["level"]), (0, &"info".into(), &"off".into()));
    let (code, _, err) = ctl(&d, "log-level api loud").await;
    assert!(code == 1 && err.contains("help: use one of off, none, emergency"), "{err}");
    let (code, _, err) = ctl(&d, "restart poler").await;
    assert!(code == 1 && err.contains("did you mean `poller`?"), "{err}");
    let (code, out, _) = ctl(&d, "restart api poller").await;
    assert_eq!((code, out.lines().count()), (0, 2));
    assert!(d.handle.states()["api"].incarnation >= 2);
    assert!(ctl(&d, "why poller").await.1.contains("poller"));
    assert!(ctl(&d, "graph").await.1.contains("flowchart LR"));
    assert!(ctl(&d, "graph -f svg").await.1.starts_with("<svg "));
    let (code, out, _) = ctl(&d, "completions bash").await;
    assert!(code == 0 && out.contains("log-level"));
    assert_eq!(ctl(&d, "dance").await.0, 2);
}

#[tokio::test]
async fn groups_and_all_services_are_acted_on_and_each_is_printed() {
    let daemon = Daemon::new("agent").signals([]).admin("127.0.0.1:0");
    let daemon = daemon
        .add(Service::new("api", Waits).needs(["reader"]).group("ingest"))
        .add(Service::new("reader", Waits).group("ingest"))
        .add(Service::new("other", Waits));
    let handle = daemon.start().await.unwrap();
    handle.wait_for(["api", "other"], State::Run).await.unwrap();
    let AdminStatus::On(at) = handle.admin() else { panic!() };
    let at = at.to_string();
    let stopped = said(&at, "stop -g ingest").await;
    assert_eq!(
        stopped,
        (0, "api: in exit (stopped by an operator)\nreader: in exit (stopped by an operator)\n".to_owned())
    );
    assert!(handle.states()["other"].is_in(State::Run));
    assert_eq!(said(&at, "start --group ingest --json").await.1.lines().count(), 2);
    handle.wait_for("api", State::Run).await.unwrap();
    let (code, out) = said(&at, "restart -g ingst").await;
    assert!(code == 1 && out.contains("has no group `ingst`\nhelp: did you mean `ingest`?"), "{out}");
    assert_eq!(said(&at, "restart --all").await.1.lines().count(), 3);
    assert_eq!(said(&at, "reload -g ingest").await.0, 0);
    let (_, out) = said(&at, "status").await;
    assert!(out.contains("SERVICE  GROUP   STATE") && out.contains("\napi      ingest  "), "{out}");
    let (_, out) = said(&at, "status other").await;
    assert!(!out.contains("GROUP"), "{out}");
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test]
async fn services_of_a_registered_kind_are_added_and_removed() {
    let admin = Admin::new("127.0.0.1:0").addable("tenant", |_, args| {
        let region = args.get("region").ok_or("`region` is missing")?;
        let tenant = Service::new("t", Waits).group(region.clone());
        Ok(match args.get("needs") {
            Some(other) => tenant.needs([other.clone()]),
            None => tenant,
        })
    });
    let handle = Daemon::new("agent").signals([]).admin(admin).add(Service::new("db", Waits)).start().await.unwrap();
    let AdminStatus::On(at) = handle.admin() else { panic!() };
    let at = at.to_string();
    assert_eq!(said(&at, "add tenant acme region=eu needs=db").await, (0, "acme: added\n".to_owned()));
    assert_eq!(said(&at, "add tenant shop region=eu needs=acme --json").await.0, 0);
    handle.wait_for("shop", State::Run).await.unwrap();
    let (code, out) = said(&at, "add tenant other").await;
    assert!(code == 1 && out.contains("no tenant was made: `region` is missing"), "{out}");
    let (code, out) = said(&at, "add tenant other region=a region=b").await;
    assert!(code == 1 && out.contains("`region` is written twice"), "{out}");
    let (code, out) = said(&at, "add tenat other region=eu").await;
    assert!(code == 1 && out.contains("did you mean `tenant`?"), "{out}");
    let (code, out) = said(&at, "remove acme").await;
    assert!(code == 1 && out.contains("`shop` names it"), "{out}");
    assert_eq!(said(&at, "remove acme --with-dependents").await, (0, "acme: removed\n".to_owned()));
    let (code, out) = said(&at, "remove db").await;
    assert!(code == 1 && out.contains("service `db` was not added by an operator"), "{out}");
    assert_eq!(handle.states().len(), 1);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

/// Refuses a configuration of zero.
struct Takes;

impl Configure<u16> for Takes {
    fn check(new: &u16) -> rxd::Result {
        if *new == 0 { Err("`port` must not be 0".into()) } else { Ok(()) }
    }

    async fn apply(&mut self, _: &u16, _: &Context) -> rxd::Result {
        Ok(())
    }
}

impl Runner for Takes {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[tokio::test]
async fn reload_that_a_service_refuses_exits_with_1_and_names_the_field() {
    let port = Arc::new(AtomicU16::new(8080));
    let next = port.clone();
    let load = move || -> rxd::Result<u16> { Ok(next.load(Ordering::Relaxed)) };
    let daemon = Daemon::new("agent").signals([]).config(load).add(Service::configured::<u16>("api", Takes));
    let handle = daemon.admin("127.0.0.1:0").start().await.unwrap();
    let AdminStatus::On(at) = handle.admin() else { panic!() };
    assert_eq!(said(&at.to_string(), "reload").await.0, 0);
    port.store(0, Ordering::Relaxed);
    let (code, out) = said(&at.to_string(), "reload").await;
    assert!(code == 1 && out.contains("service `api` refuses the configuration: `port` must not be 0"), "{out}");
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

/// Longer than the admin route waits by itself.
#[tokio::test]
async fn reload_that_takes_long_is_waited_for() {
    let is_first = std::sync::atomic::AtomicBool::new(true);
    let load = move || -> rxd::Result<u16> {
        if is_first.swap(false, Ordering::Relaxed) {
            return Ok(8080);
        }
        std::thread::sleep(Duration::from_secs(11));
        Err("a late error".into())
    };
    let daemon = Daemon::new("agent").signals([]).config(load).add(Service::configured::<u16>("api", Takes));
    let handle = daemon.admin("127.0.0.1:0").start().await.unwrap();
    let AdminStatus::On(at) = handle.admin() else { panic!() };
    let (code, out) = said(&at.to_string(), "reload").await;
    assert!(code == 1 && out.contains("the configuration cannot be loaded: a late error"), "{code}: {out}");
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test]
async fn s14_stop_of_all_services_can_be_undone() {
    let d = start("s14").await;
    assert_eq!(ctl(&d, "stop api poller").await.0, 0);
    let (code, out, _) = ctl(&d, "start api poller").await;
    assert_eq!((code, out.lines().count()), (0, 2), "{out}");
}

#[tokio::test]
async fn shutdown_stops_the_daemon() {
    let d = start("shutdown").await;
    assert_eq!(ctl(&d, "shutdown --reason deploy").await, (0, "agent: stopping\n".to_owned(), String::new()));
    assert!(d.handle.wait().await.is_ok());
    assert_eq!(ctl(&d, "shutdown").await.0, 4);
}

#[tokio::test]
async fn u8_address_with_a_path_reaches_a_nested_router() {
    let d = start("nested").await;
    let routes = axum::Router::new().nest("/ops/admin", rxd::admin::router(&d.handle));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}/ops/admin/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    for (line, text) in
        [("status", "agent: running"), ("why api", "api"), ("restart api", "api: "), ("graph", "flowchart")]
    {
        let (code, out) = said(&at, line).await;
        assert!(code == 0 && out.contains(text), "{line}: {out}");
    }
    let (code, out) = said(at.trim_end_matches("/admin/"), "status").await;
    assert!(code == 4 && out.contains("/ops is no daemon of rxd"), "{out}");
}

#[tokio::test]
async fn f83_scale_sends_the_number_and_says_how_many_members_there_are() {
    let body = r#"{"name":"workers","members":["worker-0"]}"#;
    let at = serve("200 OK\r\nContent-Type: application/json", body, 1).await;
    assert_eq!(said(&at, "scale workers 1").await, (0, "workers: 1 member\n".to_owned()));
    let d = start("families").await;
    let (code, _, err) = ctl(&d, "scale workers 2").await;
    assert!(code == 1 && err.contains("has no family `workers`"), "{err}");
}

#[tokio::test]
async fn action_that_goes_on_is_said_to_be_in_progress() {
    let body = r#"{"name":"api","state":"run","transition":"entering"}"#;
    let at = serve("202 Accepted\r\nContent-Type: application/json", body, 1).await;
    assert_eq!(said(&at, "restart api").await, (0, "api: in run; the restart is in progress\n".to_owned()));
}

#[tokio::test]
async fn events_end_with_the_daemon() {
    let d = start("events").await;
    let mut child = command(&d.at.to_string(), "events --json").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().contains("\"event\":\"snapshot\""));
    d.handle.shutdown();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        last = line;
    }
    assert!(last.contains("\"event\":\"end\""), "{last}");
    assert!(child.wait().await.unwrap().success());
}

/// A second daemon listens on the same path, which is not so with a free port.
#[cfg(unix)]
#[tokio::test]
async fn status_watch_outlives_the_daemon() {
    let d = start("watching").await;
    let mut child = command(&d.at.to_string(), "status --watch").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = async |text: &str| {
        let found = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains(text) {
                    return;
                }
            }
            panic!("the output ends without {text}");
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
    };
    until("running, ready").await;
    d.handle.shutdown();
    until("the daemon does not answer").await;
    drop(d.handle.wait().await);
    let again = start("watching").await;
    until("running, ready").await;
    drop(again);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn command_without_a_daemon_exits_with_4() {
    let output = command("unix:/nonexistent.sock", "status").output().await.unwrap();
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no daemon answers at unix:/nonexistent.sock") && said.contains("help: "), "{said}");
    let output = command("unix:/nonexistent.sock", "why api --json").output().await.unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &said["exit"]), (Some(4), &4.into()), "{said}");
    let output = command("nonsense", "status").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// A server that answers each request with this head and this body, `times` times over.
async fn serve(kind: &'static str, body: &'static str, times: usize) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!("HTTP/1.1 {kind}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
                for _ in 0..times {
                    if stream.write_all(body.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    at
}

async fn said(at: &str, line: &str) -> (i32, String) {
    let output = command(at, line).output();
    let Output { status, stdout, stderr } =
        tokio::time::timeout(Duration::from_secs(60), output).await.unwrap().unwrap();
    (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// Names and texts that set the title of a terminal, clear it, and turn a line around.
macro_rules! hostile {
    () => {
        "\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\r\u{2066}\u{8}"
    };
}

#[tokio::test]
async fn x9_no_character_of_a_daemon_controls_the_terminal() {
    let ok = "200 OK\r\nContent-Type: application/json";
    let daemon = r#"{"name":"d\u001b[2J\u009b1m","phase":"\u202e","services":[{"name":"a\u001b[2J\nforged","state":"\u2066run",
        "level":{"level":"\u0007"},"restarts":{"\u009b":1},"last_cause":"\u0085","last_error":"\u061c"}],
        "text":"\u001b; \u202d","default":{"level":"\u0008"},"internal":{},"missed":"\u009b2J"}"#;
    let graph = concat!("digraph ", hostile!());
    let stream = concat!(
        "event: transition\ndata: {\"service\":\"",
        "\u{9b}2J",
        "\\u001b\"}\n\nevent: lagged\ndata: {\"missed\":\"\\u001b\"}\n\n",
    );
    let problem = r#"{"detail":"no\nrxdctl: forged\u001b\u202e","allowed":["\u009b"],"suggestion":"\u0007\n"}"#;
    let mut all = Vec::new();
    for (kind, body, lines) in [
        (
            ok,
            daemon,
            &["status", "--json status", "why a", "--json why a", "log-level", "restart a", "--json reload"][..],
        ),
        (ok, graph, &["graph", "--json graph", "graph -f svg"]),
        ("200 OK\r\nContent-Type: text/event-stream", stream, &["events", "--json events"]),
        ("409 Conflict\r\nContent-Type: application/problem+json", problem, &["restart a", "--json restart a"]),
    ] {
        let at = serve(kind, body, 1).await;
        for line in lines {
            let (_, text) = said(&at, line).await;
            assert!(!text.is_empty(), "{line}");
            let safe = |c: char| {
                c == '\n' || !(c.is_control() || "\u{61c}\u{202d}\u{202e}\u{2066}\u{2028}\u{2029}".contains(c))
            };
            assert!(text.chars().all(safe), "{line}: {text:?}");
            assert!(
                !text.lines().skip(1).any(|line| line.starts_with("rxdctl:") || line == "forged"),
                "{line}: {text}"
            );
            all.push(text);
        }
    }
    assert!(all[0].contains("forged"), "{all:#?}");
}

#[tokio::test]
async fn x10_endless_event_is_refused() {
    let line = &*Box::leak(format!("data: {}", "x".repeat(1 << 20)).into_boxed_str());
    let at = serve("200 OK\r\nContent-Type: text/event-stream", line, 1000).await;
    let (code, text) = said(&at, "events").await;
    assert!(code == 4 && text.contains("an event is too long"), "{text}");
}

#[tokio::test]
async fn x11_other_server_is_named_as_such() {
    for (kind, body) in [("200 OK", "<html>hello</html>"), ("200 OK", "{}"), ("404 Not Found", "nothing here")] {
        let at = serve(kind, body, 1).await;
        for line in
            ["status", "status --watch", "events", "why api", "log-level debug", "restart api", "reload", "graph"]
        {
            // Any JSON is an answer to a request of which only the status counts.
            if body == "{}" && (line.starts_with("log-level") || line.starts_with("restart")) {
                continue;
            }
            let (code, text) = said(&at, line).await;
            assert!(code == 4 && text.contains("is no daemon of rxd: "), "{line}: {code} {text}");
        }
    }
}
