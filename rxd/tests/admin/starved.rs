//! A process that may open few files: F78. Each test runs this program again, with a limit of 64.

use crate::client::{Answer, Socket, get, raw};
use crate::daemon::{Running, start};
use rxd::admin::{Address, Admin};
use rxd::{Context, Daemon, Runner, Service, State};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PART: &str = "RXD_ADMIN_TEST_STARVED";

/// The time limit for what must happen, generous for a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// This program with few files, running the test of this name.
fn few_files(part: &str) -> Command {
    let mut command = Command::new("sh");
    let script = "ulimit -n 64 && exec \"$0\" --exact \"$1\" --nocapture --test-threads=1";
    command.args(["-c", script]).arg(std::env::current_exe().unwrap()).arg(format!("starved::{part}"));
    command.env(PART, "1");
    command
}

/// Whether this is that process. Without `PART` such a test does nothing.
fn is_part() -> bool {
    std::env::var_os(PART).is_some()
}

/// Opens files until there are none left.
fn open_all() -> Vec<std::fs::File> {
    std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect()
}

#[test]
fn f78_process_without_free_files_keeps_its_services_and_answers_again() {
    let output = few_files("part").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn part() {
    if !is_part() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let d = start(|admin| admin).await;
        let Address::Tcp(at) = d.at else { panic!() };
        let mut held = open_all();
        // The last descriptor is for the client; the other end of its connection gets none.
        held.pop();
        let mut socket: Box<dyn Socket> = Box::new(TcpStream::connect(at).await.unwrap());
        socket.write_all(b"GET /services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(std::fs::File::open("/dev/null").is_err());
        for _ in 0..10 {
            d.handle.restart("api").await.unwrap();
            d.handle.wait_for("api", State::Run).await.unwrap();
        }
        drop(held);
        let mut answer = Vec::new();
        let all = socket.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_secs(10), all).await.unwrap().unwrap();
        assert_eq!(Answer::parse(&answer).status, 200);
    });
}

/// Opens files all the time, on another thread, and counts successes and failures.
#[derive(Clone, Default)]
struct Opens(Arc<[AtomicU64; 2]>);

impl Opens {
    fn open(&self) {
        let opened: Vec<_> = (0..20).map(|_| std::fs::File::open("/dev/null")).collect();
        for opened in &opened {
            self.0[usize::from(opened.is_err())].fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Runner for Opens {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let (opens, token) = (self.clone(), cx.token());
        let thread = tokio::task::spawn_blocking(move || {
            while !token.is_cancelled() {
                opens.open();
                std::thread::yield_now();
            }
        });
        while !cx.is_cancelled() {
            // On one thread, this lets a burst of clients connect before the accept loop is polled.
            std::thread::sleep(Duration::from_millis(5));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(thread.await?)
    }
}

#[test]
fn x7_f78_silent_clients_leave_the_files_that_services_need() {
    // On one thread, connections that are asked to close are polled only after the accept loop.
    for threads in ["1", "2"] {
        silent_clients(threads);
    }
}

fn silent_clients(threads: &str) {
    let mut child = few_files("opens").env(PART, threads).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let at = loop {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it listens");
        if let Some((_, at)) = line.split_once("listens on ") {
            break at.trim().parse::<std::net::SocketAddr>().unwrap();
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let begun = Instant::now();
        let mut silent = std::collections::VecDeque::new();
        while begun.elapsed() < Duration::from_secs(3) {
            // In bursts: many connect before any that is asked to close has done so.
            for _ in 0..50 {
                silent.push_back(TcpStream::connect(at).await.unwrap());
            }
            silent.drain(..silent.len().saturating_sub(150));
            let probe = tokio::time::timeout(SOON, get(&Address::Tcp(at), "/livez")).await.expect("it is answered");
            assert_eq!(probe.status, 200);
        }
    });
    drop(child.stdin.take());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    let (_, counts) = rest.split_once("opened and failed: ").unwrap();
    let counts: Vec<u64> = counts.lines().next().unwrap().split(' ').map(|count| count.parse().unwrap()).collect();
    assert!(counts[0] > 50 && counts[1] == 0, "opened and failed: {counts:?}");
}

#[test]
fn opens() {
    if !is_part() {
        return;
    }
    let mut builder = match std::env::var(PART).as_deref() {
        Ok("1") => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let opens = Opens::default();
    runtime.block_on(async {
        let admin = Admin::new("127.0.0.1:0");
        let daemon = Daemon::new("d").signals([]).add(Service::new("a", opens.clone())).admin(admin);
        let handle = daemon.start().await.unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "listens on {}", crate::daemon::at(&handle)).and_then(|()| out.flush()).unwrap();
        let end = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(end).await.unwrap().unwrap();
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    });
    let [opened, failed] = &*opens.0;
    let (opened, failed) = (opened.load(Ordering::Relaxed), failed.load(Ordering::Relaxed));
    writeln!(std::io::stdout(), "opened and failed: {opened} {failed}").unwrap();
}

/// The log output.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn x7_full_file_table_closes_idle_connections_and_is_logged_once() {
    let output = few_files("full").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn full() {
    if !is_part() {
        return;
    }
    // With only one subscriber `tracing` may ask another thread about a callsite, and remember that
    // nobody wants it.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let logged = Logged::default();
    let writer = logged.clone();
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(log.finish());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Running { at, handle, .. } = start(|admin| admin).await;
        let Address::Tcp(tcp) = at else { panic!() };
        let mut idle = Vec::new();
        for _ in 0..3 {
            idle.push(TcpStream::connect(tcp).await.unwrap());
        }
        // This makes sure that they are accepted before the files run out.
        assert_eq!(get(&at, "/livez").await.status, 200);
        let mut held = open_all();
        held.pop();
        let begun = Instant::now();
        let request = b"GET /services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = tokio::time::timeout(SOON, raw(&at, request)).await.expect("it is answered");
        assert_eq!(Answer::parse(&answer).status, 200, "with a file that an idle connection had");
        for mut socket in idle {
            let read = tokio::time::timeout(SOON, socket.read_u8()).await.expect("it is ended");
            assert!(read.is_err());
        }
        assert!(begun.elapsed() < Duration::from_secs(4), "sooner than one that is silent is ended anyway");
        // Now no connection is idle, and every accept fails.
        held.extend(open_all());
        held.pop();
        let mut waits = TcpStream::connect(tcp).await.unwrap();
        waits.write_all(request).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(held);
        let mut answer = Vec::new();
        tokio::time::timeout(SOON, waits.read_to_end(&mut answer)).await.expect("it is answered").unwrap();
        assert_eq!(Answer::parse(&answer).status, 200);
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    });
    let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert_eq!(logged.matches("failed to accept a connection").count(), 1, "{logged}");
    assert!(logged.contains("at most 16 connections instead of 256"), "{logged}");
}
