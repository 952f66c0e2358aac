//! What rxd adds to the channel it is built on.
//!
//! `cargo bench -p rxd --bench intracom` prints messages per second, medians of several runs taken
//! in turn, for topics, for the bare `async_channel` and for `tokio::sync::broadcast`. The bare
//! channel has no fan-out: several groups are one channel each, sent to in turn. A broadcast does
//! not wait for slow receivers but lags: it publishes the same, and delivers less.
#![allow(clippy::print_stdout)]

use rxd::intracom::{Group, Intracom, Options, Policy, Topic};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

const RUNS: usize = 7;

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

    /// Messages per second of each: the median of several runs, taken in turn.
    fn rates<const N: usize>(self, mut runs: [&mut dyn FnMut() -> Duration; N]) -> [f64; N] {
        let mut times = [const { Vec::new() }; N];
        for round in 0..=RUNS {
            for (run, times) in runs.iter_mut().zip(&mut times) {
                let time = run();
                if round > 0 {
                    times.push(time);
                }
            }
        }
        times.map(|mut times| {
            times.sort();
            self.messages as f64 / times[RUNS / 2].as_secs_f64()
        })
    }
}

async fn all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("no panic");
    }
}

fn topic(case: Case, policy: Policy, options: Options) -> Duration {
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
        let start = Instant::now();
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
        start.elapsed()
    })
}

fn bare(case: Case) -> Duration {
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
        let start = Instant::now();
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
        start.elapsed()
    })
}

fn broadcast(case: Case) -> Duration {
    case.runtime().block_on(async move {
        let (sender, _) = broadcast::channel::<u64>(case.capacity);
        let member = |_| {
            let mut receiver = sender.subscribe();
            tokio::spawn(
                async move { while !matches!(receiver.recv().await, Err(broadcast::error::RecvError::Closed)) {} },
            )
        };
        let members = (0..case.groups * case.members).map(member).collect();
        let start = Instant::now();
        let publisher = |_| {
            let sender = sender.clone();
            tokio::spawn(async move {
                for message in 0..case.each() {
                    sender.send(message).expect("a receiver");
                    // It never waits: without this nobody would receive on one thread.
                    if message % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        };
        all((0..case.publishers).map(publisher).collect()).await;
        drop(sender);
        all(members).await;
        start.elapsed()
    })
}

fn main() {
    // `cargo test --benches` comes by here as well: then only to see that it works.
    let quick = !std::env::args().any(|arg| arg == "--bench");
    let sized = |case: Case| if quick { Case { messages: 1000, ..case } } else { case };
    println!("{:<44} {:>12} {:>12} {:>7} {:>12}", "messages/s", "topic", "bare channel", "ratio", "broadcast");
    let line = |name: &str, case: Case| {
        let case = sized(case);
        let [ours, bare, broadcast] =
            case.rates([&mut || topic(case, Policy::Block, Options::DEFAULT), &mut || bare(case), &mut || {
                broadcast(case)
            }]);
        println!("{name:<44} {ours:>12.0} {bare:>12.0} {:>6.2}x {broadcast:>12.0}", bare / ours);
    };
    for threads in [1, 2] {
        println!("{threads} thread(s)");
        for capacity in [1000, 1] {
            for groups in [1, 2, 10] {
                let messages = if capacity == 1 { 200_000 } else { 1_000_000 } / groups as u64;
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
        ("drop oldest", Policy::DropOldest, Options::DEFAULT),
        ("drop newest", Policy::DropNewest, Options::DEFAULT),
        ("block, last kept", Policy::Block, Options::DEFAULT.keep_last()),
        ("block, subscriber-aware", Policy::Block, Options::DEFAULT.subscriber_aware()),
        ("block, unlimited patience", Policy::Block, Options::DEFAULT.patience(Duration::MAX)),
    ] {
        let [rate] = case.rates([&mut || topic(case, policy, options)]);
        println!("{name:<44} {rate:>12.0}");
    }
}
