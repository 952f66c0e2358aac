//! Processes as services: real ones, that are ready, fail, flood, fork, ignore signals, are killed.
#![cfg(unix)]

mod faults;
mod flood;
mod helper;
mod lifecycle;
mod orphans;
mod output;
mod ready;
#[cfg(target_os = "linux")]
mod soak;
mod start;

use rxd::process::Process;
use rxd::{Backoff, Context, Daemon, DaemonHandle, Options, Runner, Service, State};
use std::fs;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

const MS: Duration = Duration::from_millis(1);

/// No step takes this long, however busy the machine is.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// The variable by which a test finds its processes, and all that they start.
const MARK: &str = "RXD_TEST_MARK";

/// A text that no other process has.
fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    keep_callsites();
    format!("{}-{}-", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A shell that runs this script.
fn shell(mark: &str, script: &str) -> Process {
    Process::new("sh").args(["-c", script]).env(MARK, mark)
}

/// The live processes with this mark; none where there is no `/proc`.
fn marked(mark: &str) -> Vec<i32> {
    let Ok(folders) = fs::read_dir("/proc") else { return Vec::new() };
    let mark = format!("{MARK}={mark}");
    let pids = folders.filter_map(|folder| folder.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let has = |pid: &i32| fs::read(format!("/proc/{pid}/environ")).is_ok_and(|env| contains(&env, mark.as_bytes()));
    pids.filter(has).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Whether the process exists, also as a zombie.
fn exists(pid: i32) -> bool {
    fs::metadata(format!("/proc/{pid}")).is_ok()
}

/// Waits until this is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < STEP_LIMIT, "{what}");
        tokio::time::sleep(5 * MS).await;
    }
}

/// Waits for the processes with this mark: at least so many.
async fn until_marked(mark: &str, count: usize) -> Vec<i32> {
    until("the processes run", || cfg!(not(target_os = "linux")) || marked(mark).len() >= count).await;
    marked(mark)
}

/// Neither a process of the mark is left now, nor one of these as a zombie that this process is to
/// wait for. An orphan is up to the first process of the system.
#[track_caller]
fn assert_gone(mark: &str, pids: &[i32]) {
    assert_eq!(marked(mark), [0; 0], "processes are left");
    let left: Vec<_> = pids.iter().filter(|pid| is_own_zombie(**pid)).collect();
    assert!(left.is_empty(), "zombies are left: {left:?}");
}

fn is_own_zombie(pid: i32) -> bool {
    let own = format!(" Z {} ", std::process::id());
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(&own))
}

fn kill(signal: &str, pid: i32) {
    let status = std::process::Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status();
    assert!(status.is_ok());
}

fn options() -> Options {
    Options::DEFAULT.backoff(Backoff::fixed(20 * MS))
}

/// A service that is in Run until it is cancelled.
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

/// A daemon of this process, and a service that needs it.
async fn start(process: Process) -> DaemonHandle {
    start_with(Service::new("child", process).options(options())).await
}

async fn start_with(service: Service) -> DaemonHandle {
    let api = Service::new("api", Api).needs(["child"]).options(options());
    Daemon::new("d").add(service).add(api).signals([]).start().await.unwrap()
}

async fn until_run(handle: &DaemonHandle) {
    let run = handle.wait_for("api", State::Run);
    tokio::time::timeout(STEP_LIMIT, run).await.expect("the process is ready").unwrap();
}

/// Waits for the error of the process.
async fn error_of(handle: &DaemonHandle) -> String {
    let error = || handle.states()["child"].last_error.clone().unwrap_or_default();
    until("the process fails", || !error().is_empty()).await;
    error()
}

async fn stop(handle: DaemonHandle) {
    handle.shutdown();
    let report = handle.wait().await;
    assert!(report.is_ok(), "{report}");
}

/// Has a subscriber for all threads that wants every record and keeps none. With only that of one
/// thread, `tracing` may ask another thread about a callsite, and remember that nobody wants it.
fn keep_callsites() {
    static ONCE: Once = Once::new();
    let filter = tracing_subscriber::filter::LevelFilter::DEBUG;
    ONCE.call_once(|| tracing_subscriber::registry().with(filter).init());
}

/// The records of this thread.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<u8>>>);

impl Records {
    fn capture() -> (Records, DefaultGuard) {
        keep_callsites();
        let records = Records::default();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(records.clone());
        let filter = tracing_subscriber::filter::LevelFilter::DEBUG;
        (records.clone(), tracing_subscriber::registry().with(layer.with_filter(filter)).set_default())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn has(&self, part: &str) -> bool {
        contains(&self.0.lock().unwrap(), part.as_bytes())
    }

    /// Waits for a record with this text.
    async fn until(&self, part: &str) {
        until(&format!("there is a record `{part}`"), || self.has(part)).await;
    }
}

impl io::Write for Records {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Records {
    type Writer = Records;
    fn make_writer(&'a self) -> Records {
        self.clone()
    }
}
