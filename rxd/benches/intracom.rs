//! What a topic costs, beside a bare channel.
//!
//! `cargo bench -p rxd --bench intracom` prints messages per second for topics, for the bare
//! `async_channel` and for `tokio::sync::broadcast`: medians of several runs taken in turn. It also
//! prints the processor time of a message, which other work on the machine does not affect.
//!
//! * The bare channel has no fan-out: several groups are one channel each, sent to in turn.
//! * A broadcast does not wait for slow receivers but lags: it publishes the same number of
//!   messages, and delivers fewer.
#![allow(clippy::print_stdout, reason = "the figures are the program's output")]

use rxd::intracom::{Group, Intracom, Policy, Topic, TopicOptions};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

const RUNS: usize = 7;

/// What a run took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    time: Duration,
    /// Processor time of all threads together; `time` on a system that does not report it.
    busy: Duration,
}

/// Measures from its start on.
struct Stopwatch {
    start: Instant,
    busy: Option<Duration>,
}

impl Stopwatch {
    fn start() -> Self {
        Stopwatch { start: Instant::now(), busy: busy() }
    }

    fn stop(self) -> Cost {
        let time = self.start.elapsed();
        let busy = busy().zip(self.busy).map_or(time, |(now, then)| now.saturating_sub(then));
        Cost { time, busy }
    }
}

/// The processor time of this process's threads so far, to a few milliseconds. Linux only.
fn busy() -> Option<Duration> {
    let mut all = 0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        all += stat.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(all))
}

/// `publishers` publish `messages` in all; each of `groups` groups has `members`.
#[derive(Clone, Copy)]
struct Case {
    threads: usize,
    publishers: u64,
    groups: usize,
    members: usize,
    capacity: usize,
    messages: u64,
}

impl Case {
    fn runtime(self) -> Runtime {
        match self.threads {
            1 => Builder::new_current_thread().enable_time().build(),
            threads => Builder::new_multi_thread().worker_threads(threads).enable_time().build(),
        }
        .expect("a runtime")
    }

    fn each(self) -> u64 {
        self.messages / self.publishers
    }

    /// What a message cost each: medians of several runs, taken in turn.
    fn costs<const N: usize>(self, mut runs: [&mut dyn FnMut() -> Cost; N]) -> [Figures; N] {
        let mut costs = [const { Vec::new() }; N];
        // The first run only warms up.
        for run_index in 0..=RUNS {
            for (run, costs) in runs.iter_mut().zip(&mut costs) {
                let cost = run();
                if run_index > 0 {
                    costs.push(cost);
                }
            }
        }
        costs.map(|costs| {
            let median = |of: fn(&Cost) -> Duration| {
                let mut all: Vec<Duration> = costs.iter().map(of).collect();
                all.sort();
                all[RUNS / 2].as_secs_f64()
            };
            let messages = self.messages as f64;
            Figures { rate: messages / median(|cost| cost.time), busy: median(|cost| cost.busy) / messages * 1e9 }
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Messages per second.
    rate: f64,
    /// Nanoseconds of processor time for a message.
    busy: f64,
}

async fn all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("no panic");
    }
}

fn topic(case: Case, policy: Policy, options: TopicOptions) -> Cost {
    case.runtime().block_on(async move {
        let topic: Topic<u64> = Intracom::new().topic_with("bench", options).expect("a topic");
        let mut members = Vec::new();
        for group in 0..case.groups {
            let name = format!("g{group}");
            for _ in 0..case.members {
                let group = Group::named(&name).capacity(case.capacity).policy(policy);
                let mut sub = topic.subscribe(group).expect("a subscription");
                members.push(tokio::spawn(async move { while sub.recv().await.is_some() {} }));
            }
        }
        let start = Stopwatch::start();
        let publisher = |_| {
            let topic = topic.clone();
            tokio::spawn(async move {
                for message in 0..case.each() {
                    topic.publish(message).await.expect("an open topic");
                }
            })
        };
        all((0..case.publishers).map(publisher).collect()).await;
        topic.close();
        all(members).await;
        start.stop()
    })
}

fn bare(case: Case) -> Cost {
    case.runtime().block_on(async move {
        let mut senders = Vec::new();
        let mut members = Vec::new();
        for _ in 0..case.groups {
            let (sender, receiver) = async_channel::bounded::<u64>(case.capacity);
            senders.push(sender);
            for _ in 0..case.members {
                let receiver = receiver.clone();
                members.push(tokio::spawn(async move { while receiver.recv().await.is_ok() {} }));
            }
        }
        let start = Stopwatch::start();
        let publisher = |_| {
            let senders = senders.clone();
            tokio::spawn(async move {
                for message in 0..case.each() {
                    for sender in &senders {
                        sender.send(message).await.expect("an open channel");
                    }
                }
            })
        };
        all((0..case.publishers).map(publisher).collect()).await;
        drop(senders);
        all(members).await;
        start.stop()
    })
}

fn broadcast(case: Case) -> Cost {
    case.runtime().block_on(async move {
        let (sender, _) = broadcast::channel::<u64>(case.capacity);
        let member = |_| {
            let mut receiver = sender.subscribe();
            tokio::spawn(
                async move { while !matches!(receiver.recv().await, Err(broadcast::error::RecvError::Closed)) {} },
            )
        };
        let members = (0..case.groups * case.members).map(member).collect();
        let start = Stopwatch::start();
        let publisher = |_| {
            let sender = sender.clone();
            tokio::spawn(async move {
                for message in 0..case.each() {
                    sender.send(message).expect("a receiver");
                    // It never waits: without this no receiver would run on one thread.
                    if message % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        };
        all((0..case.publishers).map(publisher).collect()).await;
        drop(sender);
        all(members).await;
        start.stop()
    })
}

fn main() {
    // `cargo test --benches` runs this, too, without `--bench`: then only check that it works.
    let quick = !std::env::args().any(|arg| arg == "--bench");
    let sized = |case: Case| if quick { Case { messages: 1000, ..case } } else { case };
    println!(
        "{:<40} {:>10} {:>10} {:>6} {:>10} {:>9} {:>9} {:>6}",
        "messages/s, and ns of processor time", "topic", "bare", "ratio", "broadcast", "topic ns", "bare ns", "ratio"
    );
    let line = |name: &str, case: Case| {
        let case = sized(case);
        let [ours, bare, broadcast] =
            case.costs([&mut || topic(case, Policy::Block, TopicOptions::DEFAULT), &mut || bare(case), &mut || {
                broadcast(case)
            }]);
        println!(
            "{name:<40} {:>10.0} {:>10.0} {:>5.2}x {:>10.0} {:>9.0} {:>9.0} {:>5.2}x",
            ours.rate,
            bare.rate,
            bare.rate / ours.rate,
            broadcast.rate,
            ours.busy,
            bare.busy,
            ours.busy / bare.busy
        );
    };
    for threads in [1, 2] {
        println!("{threads} thread(s)");
        for capacity in [1000, 1] {
            for groups in [1, 2, 10] {
                let messages = if capacity == 1 { 200_000 } else { 2_000_000 } / groups as u64;
                let case = Case { threads, publishers: 1, groups, members: 1, capacity, messages };
                line(&format!("1 publisher, {groups} group(s), buffer {capacity}"), case);
            }
        }
        for n in [2, 4, 8] {
            let case =
                Case { threads, publishers: n, groups: 1, members: n as usize, capacity: 1000, messages: 800_000 };
            line(&format!("{n} publishers, 1 group of {n}, buffer 1000"), case);
        }
    }
    println!("policies and options: 2 threads, 1 publisher, 1 group, buffer 1000");
    let case = sized(Case { threads: 2, publishers: 1, groups: 1, members: 1, capacity: 1000, messages: 1_000_000 });
    for (name, policy, options) in [
        ("drop oldest", Policy::DropOldest, TopicOptions::DEFAULT),
        ("drop newest", Policy::DropNewest, TopicOptions::DEFAULT),
        ("block, last kept", Policy::Block, TopicOptions::DEFAULT.keep_last()),
        ("block, subscriber-aware", Policy::Block, TopicOptions::DEFAULT.subscriber_aware()),
        ("block, no timeout", Policy::Block, TopicOptions::DEFAULT.block_timeout(Duration::MAX)),
    ] {
        let [figures] = case.costs([&mut || topic(case, policy, options)]);
        println!("{name:<40} {:>10.0} {:>38.0}", figures.rate, figures.busy);
    }
}
