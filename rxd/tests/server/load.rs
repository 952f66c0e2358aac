//! A server under load that is stopped by SIGTERM: no response is cut. The tests run this program
//! again as that server, and send requests to it from here.
//!
//! `cargo test -p rxd --all-features --release --test server -- --ignored` sends 500 requests a
//! second to each of 20 servers, and stops one with 2,000 idle and 200 half-open connections.
#![allow(clippy::print_stdout, reason = "the soak says what it has counted")]

use crate::*;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const PART: &str = "RXD_SERVER_TEST_LOAD";

/// A server in a process of its own, killed when this is dropped.
pub(crate) struct Process(Arc<Mutex<Child>>);

/// Waits for the end of a process that was asked to stop.
pub(crate) struct StoppedProcess(Arc<Mutex<Child>>);

impl StoppedProcess {
    /// Its exit status; `None` after a signal.
    pub(crate) fn wait(self) -> Option<i32> {
        self.0.lock().unwrap().wait().unwrap().code()
    }
}

impl Process {
    /// Runs a test of this program as a server. Returns what it says behind `listens on`.
    pub(crate) fn start(test: &str, variable: &str, value: &str) -> (Process, String) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(variable, value);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let at = loop {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it listens");
            if let Some((_, at)) = line.split_once("listens on ") {
                break at.trim().to_owned();
            }
        };
        // What it says at its end must find a reader.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        (Process(Arc::new(Mutex::new(child))), at)
    }

    pub(crate) fn signal(&self) -> StoppedProcess {
        let id = self.0.lock().unwrap().id();
        let kill = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status();
        assert!(kill.unwrap().success());
        StoppedProcess(self.0.clone())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.0.lock().unwrap();
        let _ = (child.kill(), child.wait());
    }
}

#[cfg(unix)]
#[test]
fn part() {
    use std::io::Write;
    if std::env::var_os(PART).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let pieces = async || {
            let pieces = futures_util::stream::unfold(0, async |piece| {
                tokio::time::sleep(10 * MS).await;
                (piece < 2).then(|| (Ok::<_, std::io::Error>(["one, ", "two"][piece]), piece + 1))
            });
            axum::body::Body::from_stream(pieces)
        };
        let server = Server::new(Router::new().route("/", get(pieces))).listen("127.0.0.1:0");
        let local = server.local_addresses();
        let handle = Daemon::new("d").add(Service::new("web", server)).start().await.unwrap();
        handle.wait_for("web", State::Run).await.unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "listens on {}", local.tcp().unwrap()).and_then(|()| out.flush()).unwrap();
        handle.wait().await
    });
    assert!(report.is_ok(), "{report}");
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Answered in full.
    pub(crate) answered: AtomicU64,
    /// Not one byte of an answer on a new connection: the server never accepted it.
    pub(crate) refused: AtomicU64,
    /// Not one byte on a connection that was kept alive: it was closed as idle just before. Every
    /// HTTP client sends such a request again, on a new connection.
    pub(crate) closed: AtomicU64,
    /// Some of an answer, and then the end.
    pub(crate) cut: AtomicU64,
}

impl Outcomes {
    /// One request. Returns whether the connection can have another one.
    pub(crate) async fn request(&self, stream: &mut TcpStream, is_new: bool) -> bool {
        let mut answer = Vec::new();
        let talk = async {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?;
            while !answer.ends_with(b"0\r\n\r\n") {
                if stream.read_buf(&mut answer).await? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            std::io::Result::Ok(())
        };
        let talk = tokio::time::timeout(LIMIT, talk).await.expect("an answer, or an end");
        let outcome = match talk {
            Ok(()) => &self.answered,
            Err(_) if answer.is_empty() && is_new => &self.refused,
            Err(_) if answer.is_empty() => &self.closed,
            Err(_) => &self.cut,
        };
        outcome.fetch_add(1, Relaxed);
        talk.is_ok() && !String::from_utf8_lossy(&answer).to_ascii_lowercase().contains("connection: close")
    }
}

/// Sends so many requests a second until the server refuses; SIGTERM comes in the middle. Half of
/// them come on connections of their own, half on 20 that are kept alive.
async fn stop_under_load(per_second: u64) -> Arc<Outcomes> {
    let (process, at) = Process::start("load::part", PART, "1");
    let at: SocketAddr = at.parse().unwrap();
    let (outcomes, is_stopping) = (Arc::new(Outcomes::default()), Arc::new(AtomicBool::new(false)));
    let mut tasks = tokio::task::JoinSet::new();
    for keeps_alive in std::iter::repeat_n(true, 20).chain([false]) {
        let (outcomes, is_stopping) = (outcomes.clone(), is_stopping.clone());
        tasks.spawn(async move {
            let shares = if keeps_alive { 40 } else { 2 };
            let mut every = tokio::time::interval(SECOND * shares / u32::try_from(per_second).unwrap());
            let (mut kept, mut single) = (None, tokio::task::JoinSet::new());
            loop {
                every.tick().await;
                let is_new = kept.is_none();
                if is_new {
                    match TcpStream::connect(at).await {
                        Ok(stream) => kept = Some(stream),
                        Err(_) if is_stopping.load(Relaxed) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
                let Some(mut stream) = kept.take() else { continue };
                if keeps_alive {
                    kept = outcomes.request(&mut stream, is_new).await.then_some(stream);
                } else {
                    let outcomes = outcomes.clone();
                    single.spawn(async move { outcomes.request(&mut stream, true).await });
                }
            }
            single.join_all().await;
        });
    }
    tokio::time::sleep(700 * MS).await;
    assert!(outcomes.answered.load(Relaxed) > 0);
    let others = [&outcomes.refused, &outcomes.closed, &outcomes.cut].map(|count| count.load(Relaxed));
    assert_eq!(others, [0; 3], "before the stop");
    is_stopping.store(true, Relaxed);
    let begun = Instant::now();
    let stopped = process.signal();
    let status = tokio::task::spawn_blocking(|| stopped.wait()).await.unwrap();
    assert_eq!(status, Some(0));
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    tasks.join_all().await;
    outcomes
}

async fn stop_often(times: u32, per_second: u64) {
    let (mut answered, mut refused, mut closed) = (0, 0, 0);
    for _ in 0..times {
        let outcomes = stop_under_load(per_second).await;
        assert_eq!(outcomes.cut.load(Relaxed), 0, "{outcomes:?}");
        answered += outcomes.answered.load(Relaxed);
        refused += outcomes.refused.load(Relaxed);
        closed += outcomes.closed.load(Relaxed);
    }
    println!(
        "{times} stops: {answered} requests answered, none cut; without a byte, {refused} on new connections and \
         {closed} on idle ones"
    );
    // The listener closes between two instants: a client may connect just there.
    assert!(refused <= u64::from(times) * 4, "{refused} requests of {answered} were refused");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn no_response_is_cut_at_sigterm() {
    stop_often(2, 200).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute, on a machine that does nothing else"]
async fn soak_500_requests_a_second_and_20_stops() {
    stop_often(20, 500).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs 4,500 files: `ulimit -n`"]
async fn soak_2000_idle_and_200_half_open_connections_at_the_stop() {
    stop_with_silent_clients(2000, 200).await;
}

/// Stops a server with so many silent connections, while one request is in progress.
pub(crate) async fn stop_with_silent_clients(idle: usize, half_open: usize) {
    let running = start(Server::new(routes()).listen("127.0.0.1:0")).await;
    let at = running.at().await;
    let mut clients = Vec::new();
    for _ in 0..idle {
        clients.push(Client::idle(at).await);
    }
    for _ in 0..half_open {
        let mut client = Client::connect(at).await;
        client.send("GET / HTTP/1.1\r\nHost: loc").await;
        clients.push(client);
    }
    tokio::time::sleep(400 * MS).await;
    let mut slow = Client::connect(at).await;
    slow.ask("/slow").await;
    tokio::time::sleep(100 * MS).await;
    let begun = Instant::now();
    running.handle.shutdown();
    for client in &mut clients {
        assert!(client.until_closed().await.is_empty());
    }
    let closed = begun.elapsed();
    assert_eq!(slow.answer().await.1, "slow hello");
    let stopped = running.stop().await;
    println!("{} connections closed within {closed:?}, stopped {stopped:?} later", idle + half_open);
    assert!(closed < PROMPT && stopped < PROMPT, "{closed:?}, {stopped:?}");
}
