//! One sample, taken in a process of its own. It prints its figures as `name value` lines.

use crate::count::Heap;
use crate::gate::{Change, Gate};
use crate::subject::{self, ComeAndGo, Names, Subject, Wedged};
use crate::{board, growth};
use std::time::Instant;

/// What one sample measures.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The case.
    pub case: String,
    /// The crate that is measured.
    pub subject: String,
    /// `one`: tokio's `current_thread`; `two`: its `multi_thread` with two workers.
    pub runtime: String,
    /// The number of services, watches or observers.
    pub n: usize,
}

/// All subjects of the main cases.
pub const SUBJECTS: [&str; 8] = [
    "floor",
    "rxd",
    "rxd, four methods",
    "supervised",
    "task-supervisor",
    "tokio-graceful-shutdown",
    "kameo",
    "ractor-supervisor",
];

/// Those to which services are added while they run.
pub const COME_AND_GO: [&str; 6] =
    ["floor", "rxd", "task-supervisor", "tokio-graceful-shutdown", "kameo", "ractor-supervisor"];

/// How often one service is restarted.
pub const RESTARTS: usize = 1_000;

/// Takes the sample, and prints it.
pub fn take(key: &Key) {
    let mut builder = match &*key.runtime {
        "one" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if key.runtime == "two" {
        builder.worker_threads(2);
    }
    let runtime = builder.enable_all().build().unwrap();
    runtime.block_on(async {
        match &*key.subject {
            _ if key.case == "come-and-go" => come_and_go(key).await,
            "floor" => main_work::<subject::floor::Floor>(key).await,
            "rxd" | "rxd, its board" => main_work::<subject::rxd::Rxd>(key).await,
            "rxd, four methods" => main_work::<subject::rxd::Four>(key).await,
            "supervised" => main_work::<subject::supervised::Supervised>(key).await,
            "task-supervisor" => main_work::<subject::task_supervisor::TaskSupervisor>(key).await,
            "tokio-graceful-shutdown" => main_work::<subject::graceful::Graceful>(key).await,
            "kameo" => main_work::<subject::kameo::Kameo>(key).await,
            "ractor-supervisor" => main_work::<subject::ractor::Ractor>(key).await,
            other => panic!("there is no subject {other}"),
        }
    });
    // Do not wait for what a wedged subject leaves behind.
    runtime.shutdown_background();
}

/// Prints one figure.
pub fn say(name: &str, value: f64) {
    println!("{name} {value}");
}

async fn main_work<S: Subject>(key: &Key) {
    match &*key.case {
        "start" => start::<S>(key.n).await,
        "restart" => {
            let gate = Gate::new(RESTARTS + 1);
            S::restart(gate.clone()).await;
            say("restart_ns", gate.took() as f64 / RESTARTS as f64);
        }
        "wedge" => wedge::<S>().await,
        "observe" => observe(key).await,
        case if case.starts_with("board-") => board::sample(case, &key.subject, key.n).await,
        case => growth::sample(case, &key.subject, key.n).await,
    }
}

/// `count` names, made before the measurement.
pub fn names(count: usize) -> Names {
    let text: String = (0..count).map(|nth| format!("s{nth:07}")).collect();
    let text: &'static str = text.leak();
    let names: Vec<&'static str> = (0..count).map(|nth| &text[nth * 8..nth * 8 + 8]).collect();
    names.leak()
}

async fn start<S: Subject>(n: usize) {
    let (names, gate) = (names(n), Gate::new(n));
    let before = Heap::now();
    let begun = Instant::now();
    let running = S::start(names, gate.clone()).await;
    let started = begun.elapsed();
    let heap = Heap::now();
    let per = |now: u64, then: u64| now.wrapping_sub(then) as i64 as f64 / n as f64;
    let begun = Instant::now();
    S::stop(running).await;
    let stopped = begun.elapsed();
    say("start_ns", started.as_nanos() as f64);
    say("stop_ns", stopped.as_nanos() as f64);
    say("bytes", per(heap.bytes, before.bytes));
    say("blocks", per(heap.blocks, before.blocks));
    say("calls", per(heap.calls, before.calls));
    say("ended", gate.ended() as f64);
}

async fn come_and_go(key: &Key) {
    let (names, gate) = (names(key.n), Gate::new(key.n));
    let again = gate.clone();
    let [begun, all_run, gone] = match &*key.subject {
        "floor" => subject::floor::Floor::come_and_go(names, again).await,
        "rxd" => subject::rxd::Rxd::come_and_go(names, again).await,
        "task-supervisor" => subject::task_supervisor::TaskSupervisor::come_and_go(names, again).await,
        "tokio-graceful-shutdown" => subject::graceful::Graceful::come_and_go(names, again).await,
        "kameo" => subject::kameo::Kameo::come_and_go(names, again).await,
        "ractor-supervisor" => subject::ractor::Ractor::come_and_go(names, again).await,
        other => panic!("{other} adds nothing while it runs"),
    };
    say("add_ns", (all_run - begun).as_nanos() as f64);
    say("remove_ns", (gone - all_run).as_nanos() as f64);
    say("ended", gate.ended() as f64);
}

async fn wedge<S: Subject>() {
    let names = names(10);
    let gate = Gate::new(10);
    let begun = Instant::now();
    let Wedged { message } = S::wedge(names, gate.clone()).await;
    say("took_ms", begun.elapsed().as_secs_f64() * 1e3);
    say("ended", gate.ended() as f64);
    say("named", f64::from(message.contains(names[0])));
}

/// Lets every spawned task reach its first wait.
pub async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

/// Makes changes one after another, and returns the nanoseconds of each.
pub async fn repeat(change: &Change, times: usize) -> Vec<u64> {
    let mut samples = Vec::with_capacity(times);
    for _ in 0..times {
        settle().await;
        samples.push(change.make().await);
    }
    samples
}

async fn observe(key: &Key) {
    let times = if key.n > 100 { 50 } else { 500 };
    let change = Change::new(key.n);
    let mut samples = match &*key.subject {
        "floor" => subject::floor::observe(change, key.n, times).await,
        "rxd" => subject::rxd::observe(change, key.n, times).await,
        "rxd, its board" => board::observe(change, key.n, times).await,
        "tokio-graceful-shutdown" => subject::graceful::observe(change, key.n, times).await,
        "kameo" => subject::kameo::observe(change, key.n, times).await,
        "ractor-supervisor" => subject::ractor::observe(change, times).await,
        other => panic!("{other} offers nothing to observe"),
    };
    samples.sort_unstable();
    say("p50_ns", samples[times / 2] as f64);
    say("p99_ns", samples[times * 99 / 100] as f64);
}
