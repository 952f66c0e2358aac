//! Servers behind a balancer that asks each for `/readyz` once a second, and sends it requests as
//! long as it has last answered 200. One is stopped by SIGTERM and replaced, several times.
//!
//! `cargo test -p rxd --all-features --release --test server -- --ignored 20_drains` sends 500 requests a
//! second and stops 20 servers.
#![allow(clippy::print_stdout, reason = "the soak says what it has counted")]

use crate::load::{Outcomes, Process};
use crate::*;
use rxd::admin::{Address, AdminStatus};
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

const PART: &str = "RXD_SERVER_TEST_DRAIN";

/// How often the balancer asks whether a server is ready.
const CHECK: Duration = SECOND;

/// The period of the check, the time of an answer, and what a busy machine adds.
const DRAIN: Duration = Duration::from_millis(2500);

/// How many connections the balancer keeps.
const KEPT: usize = 40;

/// Not a test: a server with a drain of so many milliseconds.
#[test]
fn part() {
    let Ok(drain) = std::env::var(PART) else { return };
    let drain = Duration::from_millis(drain.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let pieces = async || {
            tokio::time::sleep(10 * MS).await;
            axum::body::Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("hello")]))
        };
        let server = Server::new(Router::new().route("/", get(pieces))).listen("127.0.0.1:0");
        let local = server.local_addresses();
        let daemon = Daemon::new("d").drain(drain).admin("127.0.0.1:0").add(Service::new("web", server));
        let handle = daemon.start().await.unwrap();
        handle.wait_for("web", State::Run).await.unwrap();
        let AdminStatus::On(Address::Tcp(admin)) = handle.admin() else { panic!("it listens") };
        let mut out = std::io::stdout();
        writeln!(out, "listens on {} {admin}", local.tcp().unwrap()).and_then(|()| out.flush()).unwrap();
        handle.wait().await
    });
    assert!(report.is_ok(), "{report}");
}

/// A server that the balancer knows.
struct Backend {
    process: Process,
    at: SocketAddr,
    admin: SocketAddr,
    /// What `/readyz` said last.
    is_ready: bool,
}

impl Backend {
    fn start(drain: Duration) -> Backend {
        let (process, said) = Process::start("balancer::part", PART, &drain.as_millis().to_string());
        let (at, admin) = said.split_once(' ').unwrap();
        Backend { process, at: at.parse().unwrap(), admin: admin.parse().unwrap(), is_ready: true }
    }
}

async fn is_ready(admin: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect(admin).await else { return false };
    let mut client = Client(stream);
    client.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    String::from_utf8_lossy(&client.until_closed().await).starts_with("HTTP/1.1 200")
}

/// Sends so many requests a second through the balancer while servers are stopped and replaced.
async fn replace_servers(times: u32, per_second: u32, drain: Duration) -> Arc<Outcomes> {
    let backends = Arc::new(Mutex::new(vec![Backend::start(drain), Backend::start(drain)]));
    let outcomes = Arc::<Outcomes>::default();
    let mut checks = tokio::task::JoinSet::new();
    checks.spawn({
        let backends = backends.clone();
        async move {
            let mut every = tokio::time::interval(CHECK);
            loop {
                every.tick().await;
                let admins: Vec<_> = backends.lock().unwrap().iter().map(|backend| backend.admin).collect();
                for admin in admins {
                    let is_ready = is_ready(admin).await;
                    let mut backends = backends.lock().unwrap();
                    backends.iter_mut().filter(|one| one.admin == admin).for_each(|one| one.is_ready = is_ready);
                }
            }
        }
    });
    let mut load = tokio::task::JoinSet::new();
    load.spawn({
        let (backends, outcomes) = (backends.clone(), outcomes.clone());
        async move {
            let mut every = tokio::time::interval(SECOND / per_second);
            let (mut requests, mut kept) = (tokio::task::JoinSet::new(), Vec::new());
            for turn in 0_usize.. {
                every.tick().await;
                while let Some(done) = requests.try_join_next() {
                    let has_room = kept.len() < KEPT;
                    let done: Option<(SocketAddr, TcpStream)> = done.unwrap();
                    kept.extend(done.filter(|_| has_room));
                }
                let ready: Vec<_> = {
                    let backends = backends.lock().unwrap();
                    backends.iter().filter(|backend| backend.is_ready).map(|backend| backend.at).collect()
                };
                let at = ready[turn % ready.len()];
                // Half of the requests go over connections that are kept.
                let old = kept.iter().position(|(of, _)| *of == at).filter(|_| turn % 4 < 2);
                let old = old.map(|position| kept.swap_remove(position).1);
                let outcomes = outcomes.clone();
                requests.spawn(async move {
                    let is_new = old.is_none();
                    let connected = match old {
                        Some(stream) => Ok(stream),
                        None => TcpStream::connect(at).await,
                    };
                    let Ok(mut stream) = connected else {
                        outcomes.refused.fetch_add(1, Relaxed);
                        return None;
                    };
                    outcomes.request(&mut stream, is_new).await.then_some((at, stream))
                });
            }
        }
    });
    tokio::time::sleep(SECOND).await;
    for _ in 0..times {
        let next = tokio::task::spawn_blocking(move || Backend::start(drain)).await.unwrap();
        backends.lock().unwrap().push(next);
        let stopped = backends.lock().unwrap()[0].process.signal();
        // The balancer forgets a server only once it has answered that it is not ready.
        let status = tokio::task::spawn_blocking(move || stopped.wait()).await.unwrap();
        assert_eq!(status, Some(0));
        tokio::time::sleep(CHECK + 200 * MS).await;
        drop(backends.lock().unwrap().remove(0));
    }
    load.shutdown().await;
    checks.shutdown().await;
    let counts = [&outcomes.answered, &outcomes.refused, &outcomes.closed, &outcomes.cut];
    let [answered, refused, closed, cut] = counts.map(|count| count.load(Relaxed));
    println!("{times} servers, drain {drain:?}: {answered} answered, {refused} refused, {closed} closed, {cut} cut");
    outcomes
}

async fn replace_without_loss(times: u32, per_second: u32) {
    let outcomes = replace_servers(times, per_second, DRAIN).await;
    let lost = [&outcomes.refused, &outcomes.closed, &outcomes.cut].map(|count| count.load(Relaxed));
    assert_eq!(lost, [0; 3], "{outcomes:?}");
    assert!(outcomes.answered.load(Relaxed) > u64::from(times * per_second));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_drains_behind_a_balancer_loses_no_request() {
    replace_without_loss(2, 100).await;
}

/// The test can fail: without a drain the balancer sends requests to a server that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn server_without_a_drain_behind_a_balancer_refuses_requests() {
    let outcomes = replace_servers(1, 100, Duration::ZERO).await;
    assert!(outcomes.refused.load(Relaxed) > 0, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes two minutes, on a machine that does nothing else"]
async fn soak_500_requests_a_second_and_20_drains() {
    replace_without_loss(20, 500).await;
}
