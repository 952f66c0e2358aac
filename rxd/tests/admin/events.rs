//! Server-sent events: a snapshot, every transition, and how a client resumes.

use crate::client::{Socket, connect, get};
use crate::daemon::{Running, Waits, admin, at, start};
use rxd::admin::Address;
use rxd::log::{Level, LevelHandle};
use rxd::{Daemon, Service, State};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A client of `/events`.
struct Follower {
    socket: Box<dyn Socket>,
    text: String,
}

#[derive(Debug)]
struct Event {
    kind: String,
    id: String,
    data: Value,
}

impl Event {
    fn seq(&self) -> u64 {
        self.id.split_once('-').unwrap().1.parse().unwrap()
    }
}

impl Follower {
    async fn new(d: &Running, last: Option<&str>) -> Self {
        Follower::of(&d.at, last).await
    }

    async fn of(to: &Address, last: Option<&str>) -> Self {
        let mut socket = connect(to).await;
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!("GET /events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut follower = Follower { socket, text: String::new() };
        while !follower.text.contains("\r\n\r\n") {
            assert!(follower.read().await);
        }
        assert!(follower.text.to_ascii_lowercase().contains("content-type: text/event-stream"), "{}", follower.text);
        follower.text = follower.text.split_once("\r\n\r\n").unwrap().1.to_owned();
        follower
    }

    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let count = tokio::time::timeout(Duration::from_secs(10), self.socket.read(&mut bytes)).await.unwrap().unwrap();
        self.text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }

    /// The next event; `None` at the end. (Chunks are not decoded: the server never splits an
    /// event.)
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                if field("data").is_empty() {
                    continue;
                }
                let data = serde_json::from_str(&field("data")).unwrap();
                return Some(Event { kind: field("event"), id: field("id"), data });
            }
            if !self.read().await {
                return None;
            }
        }
    }
}

#[tokio::test]
async fn g34_events_are_a_snapshot_then_every_transition_then_the_end() {
    let d = start(|admin| admin).await;
    let mut follower = Follower::new(&d, None).await;
    let first = follower.next().await.unwrap();
    assert_eq!((&first.kind[..], first.data["services"].as_array().unwrap().len()), ("snapshot", 5));
    d.handle.restart("api").await.unwrap();
    let mut seq = first.seq();
    loop {
        let event = follower.next().await.unwrap();
        assert_eq!((&event.kind[..], event.seq()), ("transition", seq + 1), "no gaps");
        seq += 1;
        if event.data["service"] == "api" && event.data["state"] == "init" && event.data["transition"] == "entering" {
            assert_eq!(event.data["incarnation"], 2);
            break;
        }
    }
    d.handle.shutdown();
    let mut last = None;
    while let Some(event) = follower.next().await {
        last = Some(event);
    }
    let last = last.unwrap();
    assert_eq!((&last.kind[..], &last.data["phase"]), ("end", &Value::from("stopped")));
}

#[tokio::test]
async fn service_that_comes_and_goes_has_events_and_a_place_in_every_route_while_it_is_there() {
    let d = start(|admin| admin).await;
    let mut follower = Follower::new(&d, None).await;
    let mut seq = follower.next().await.unwrap().seq();
    d.handle.add(Service::new("tenant-7", Waits).watch(crate::daemon::in_run("api"))).await.unwrap();
    d.handle.wait_for("tenant-7", State::Run).await.unwrap();
    let ready = get(&d.at, "/readyz?verbose").await.body;
    let service = get(&d.at, "/services/tenant-7").await.json();
    assert_eq!((&service["state"], &service["optional"]), (&Value::from("run"), &Value::from(true)), "{ready}");
    assert_eq!(get(&d.at, "/services").await.json()["services"].as_array().unwrap().len(), 6);
    assert!(get(&d.at, "/metrics").await.body.contains("rxd_service_optional{service=\"tenant-7\"} 1\n"));
    d.handle.remove("tenant-7").await.unwrap();
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|kind| kind != "removed") {
        let event = follower.next().await.unwrap();
        assert_eq!(event.seq(), seq + 1, "no gaps");
        seq += 1;
        if event.data["service"] == "tenant-7" {
            kinds.push(event.kind);
        }
    }
    assert_eq!((&kinds[0][..], kinds.len()), ("added", 11));
    assert!(kinds[1..10].iter().all(|kind| kind == "transition"));
    assert_eq!(get(&d.at, "/services/tenant-7").await.status, 404);
    assert!(!get(&d.at, "/metrics").await.body.contains("tenant-7"));
    d.handle.shutdown();
}

#[tokio::test]
async fn drain_is_an_event_of_its_own() {
    let daemon = crate::daemon::services(Daemon::new("test").signals([])).drain(Duration::from_millis(50));
    let handle = daemon.admin(admin(&LevelHandle::new(Level::Info))).start().await.unwrap();
    handle.wait_for("poller", State::Run).await.unwrap();
    let to = at(&handle);
    let mut follower = Follower::of(&to, None).await;
    assert_eq!(follower.next().await.unwrap().kind, "snapshot");
    handle.shutdown();
    let mut events = Vec::new();
    while let Some(event) = follower.next().await {
        events.push(event);
    }
    let at = events.iter().position(|event| event.kind == "draining").expect("the event");
    assert_eq!(events[at].data["phase"], "draining");
    assert!(events[at + 1..].iter().all(|event| event.kind != "draining"), "once");
    assert_eq!(events.last().unwrap().kind, "end");
}

#[tokio::test]
async fn events_resumed_by_id_begin_with_the_missed_transitions() {
    let d = start(|admin| admin).await;
    let mut follower = Follower::new(&d, None).await;
    let first = follower.next().await.unwrap();
    drop(follower);
    d.handle.restart("api").await.unwrap();
    d.handle.wait_for("api", State::Run).await.unwrap();
    let now = d.handle.states().seq();
    let mut follower = Follower::new(&d, Some(&first.id)).await;
    for seq in first.seq() + 1..=now {
        let event = follower.next().await.unwrap();
        assert_eq!((&event.kind[..], event.seq()), ("transition", seq));
    }
    d.handle.restart("poller").await.unwrap();
    assert_eq!(follower.next().await.unwrap().seq(), now + 1, "and then goes on");
}

#[tokio::test]
async fn events_resumed_too_late_begin_with_the_missed_count() {
    let levels = LevelHandle::new(Level::Info);
    let daemon = Daemon::new("d").signals([]).history(8).add(Service::new("a", Waits)).admin(admin(&levels));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    let d = Running { at: at(&handle), handle, _filter: levels.filter(), levels };
    let first = Follower::new(&d, None).await.next().await.unwrap();
    for _ in 0..4 {
        d.handle.restart("a").await.unwrap();
        d.handle.wait_for("a", State::Run).await.unwrap();
    }
    let now = d.handle.states().seq();
    let mut follower = Follower::new(&d, Some(&first.id)).await;
    let event = follower.next().await.unwrap();
    assert_eq!((&event.kind[..], event.seq()), ("lagged", now));
    assert_eq!(event.data["missed"], now - first.seq() - 8);
    assert_eq!(event.data["snapshot"]["services"][0]["state"], "run");
}

#[tokio::test]
async fn events_resumed_by_another_id_begin_with_a_snapshot() {
    let d = start(|admin| admin).await;
    for id in ["0-1", "abc", "", "-", "ffff-99999999999999999999", "%00"] {
        let mut follower = Follower::new(&d, Some(id)).await;
        assert_eq!(follower.next().await.unwrap().kind, "snapshot", "{id}");
    }
    let own = Follower::new(&d, None).await.next().await.unwrap();
    let ahead = format!("{}-{}", own.id.split_once('-').unwrap().0, own.seq() + 1000);
    assert_eq!(Follower::new(&d, Some(&ahead)).await.next().await.unwrap().kind, "snapshot");
}

#[tokio::test]
async fn events_with_too_many_clients_are_refused_and_others_answered() {
    let d = start(|admin| admin.connections(8)).await;
    let mut followers = Vec::new();
    for _ in 0..4 {
        let mut follower = Follower::new(&d, None).await;
        follower.next().await.unwrap();
        followers.push(follower);
    }
    crate::client::get(&d.at, "/events").await.problem(503);
    assert_eq!(crate::client::get(&d.at, "/services").await.status, 200);
    drop(followers.pop());
    // The server notices that a client has left when it polls its connection, and it does so while
    // it answers these requests.
    let noticed =
        async { while !crate::client::get(&d.at, "/metrics").await.body.contains("rxd_admin_streams 3\n") {} };
    let noticed = tokio::time::timeout(Duration::from_secs(60), noticed).await;
    noticed.expect("the place of one that left is free again");
    assert_eq!(Follower::new(&d, None).await.next().await.unwrap().kind, "snapshot");
}

#[tokio::test]
async fn f100_event_client_that_does_not_read_delays_no_one() {
    let d = start(|admin| admin).await;
    let idle = Follower::new(&d, None).await;
    let begun = std::time::Instant::now();
    for _ in 0..50 {
        d.handle.restart("api").await.unwrap();
    }
    d.handle.shutdown();
    assert!(d.handle.wait().await.services().len() == 5);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    drop(idle);
}
