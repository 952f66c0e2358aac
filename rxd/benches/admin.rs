//! What operators cost a daemon of 1,000 services: a scrape, a listing, the graph, and a transition
//! while clients follow the events. `cargo bench -p rxd --features admin --bench admin`.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use rxd::admin::{Address, AdminStatus};
use rxd::{Context, Daemon, DaemonHandle, Runner, Service, State};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SERVICES: usize = 1000;

struct Waits;

impl Runner for Waits {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

async fn start() -> (DaemonHandle, SocketAddr) {
    let services = (0..SERVICES).map(|n| Service::new(format!("service-{n}"), Waits));
    let handle = Daemon::new("bench").signals([]).admin("127.0.0.1:0").add_all(services).start().await.unwrap();
    for n in 0..SERVICES {
        handle.wait_for(&*format!("service-{n}"), State::Run).await.unwrap();
    }
    match handle.admin() {
        AdminStatus::On(Address::Tcp(at)) => (handle, at),
        other => panic!("{other:?}"),
    }
}

/// One request on an open connection; the length of its answer.
fn ask(socket: &mut TcpStream, path: &str) -> usize {
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut got = Vec::new();
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = socket.read(&mut bytes).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&got));
        got.extend(&bytes[..count]);
        let Some(head) = got.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&got[..head]).to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if got.len() >= head + 4 + length.unwrap().parse::<usize>().unwrap() {
            return got.len();
        }
    }
}

/// Follows the events, and counts the transitions that it receives or has missed.
fn follow(at: SocketAddr, seen: Arc<AtomicU64>) {
    let mut socket = TcpStream::connect(at).unwrap();
    socket.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut bytes = vec![0; 1 << 16];
    let mut text = String::new();
    while let Ok(count @ 1..) = socket.read(&mut bytes) {
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let missed = event.split("\"missed\":").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
            let received = u64::from(event.contains("event: transition"));
            seen.fetch_add(missed.unwrap_or(received), Ordering::Relaxed);
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (handle, at) = runtime.block_on(start());
    println!("{SERVICES} services");
    let mut socket = TcpStream::connect(at).unwrap();
    for path in ["/livez", "/services/service-7", "/services", "/metrics", "/graph", "/graph?format=svg"] {
        let mut best = Duration::MAX;
        let mut size = 0;
        for _ in 0..30 {
            let begun = Instant::now();
            size = ask(&mut socket, path);
            best = best.min(begun.elapsed());
        }
        println!("GET {path:<22} {:>9.1} us, {size} bytes", best.as_secs_f64() * 1e6);
    }
    for clients in [0, 1, 10, 50] {
        let seen: Arc<AtomicU64> = Arc::default();
        for _ in 0..clients {
            let seen = seen.clone();
            std::thread::spawn(move || follow(at, seen));
        }
        std::thread::sleep(Duration::from_millis(300));
        let before = (handle.states().seq(), seen.load(Ordering::Relaxed));
        let begun = Instant::now();
        runtime.block_on(async {
            for n in 0..200 {
                let name = format!("service-{n}");
                handle.restart(&name).await.unwrap();
                handle.wait_for(&*name, State::Run).await.unwrap();
            }
        });
        let transitions = handle.states().seq() - before.0;
        let each = begun.elapsed().as_secs_f64() * 1e6 / transitions as f64;
        while seen.load(Ordering::Relaxed) < before.1 + transitions * clients
            && begun.elapsed() < Duration::from_secs(10)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        let all = begun.elapsed().as_secs_f64() * 1e3;
        println!("{clients:>3} followers: {each:>7.1} us a transition; all {transitions} received after {all:.1} ms");
    }
}
