//! In a long run with random joins and leaves, every message is received, counted as dropped with a
//! reason, or still queued, and its memory is freed.
//!
//! With ten million messages:
//! `RXD_MESSAGES=10000000 cargo test --release -p rxd --test intracom -- accounting --nocapture`

#![allow(clippy::print_stdout, reason = "the ledger of a long run is worth a look")]

use rxd::intracom::{Group, Intracom, Policy, Topic};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const POLICIES: [Policy; 5] = [
    Policy::Block,
    Policy::DropOldest,
    Policy::DropNewest,
    Policy::DropOldestAfter(Duration::from_millis(1)),
    Policy::DropNewestAfter(Duration::from_millis(1)),
];
const PUBLISHERS: u64 = 2;
const MEMBERS: usize = 6;

/// A message that is counted as long as it exists.
struct Live(Arc<AtomicU64>);

impl Live {
    fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Live(count.clone())
    }
}

impl Clone for Live {
    fn clone(&self) -> Self {
        Live::new(&self.0)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Ledger {
    delivered: u64,
    dropped: u64,
    evicted: u64,
}

async fn publish(topic: Topic<Live>, messages: u64, live: Arc<AtomicU64>) -> Ledger {
    let mut ledger = Ledger::default();
    for message in 0..messages {
        let delivery = topic.publish(Live::new(&live)).await.unwrap();
        ledger.delivered += delivery.delivered() as u64;
        ledger.dropped += delivery.dropped() as u64;
        ledger.evicted += delivery.evicted() as u64;
        if message % 256 == 0 {
            tokio::task::yield_now().await;
        }
    }
    ledger
}

/// Joins one group after another, takes a few messages from each, and leaves with the rest unread.
async fn wander(topic: Topic<Live>, seed: u64, done: Arc<AtomicBool>) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut received = 0;
    while !done.load(Ordering::Relaxed) {
        let group = random.usize(0..10);
        let (policy, capacity) = (POLICIES[group % 5], [1, 2, 10, 100][group % 4]);
        let name = format!("g{group}");
        let Ok(mut sub) = topic.subscribe(Group::named(&name).capacity(capacity).policy(policy)) else { break };
        for _ in 0..random.usize(0..2000) {
            if sub.recv().await.is_none() {
                break;
            }
            received += 1;
        }
    }
    received
}

#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0) * 4096
}

#[cfg(not(target_os = "linux"))]
fn resident() -> u64 {
    0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g38_messages_with_random_joins_and_leaves_are_all_accounted_for() {
    let messages: u64 = std::env::var("RXD_MESSAGES").map_or(200_000, |count| count.parse().unwrap());
    let topic: Topic<Live> = Intracom::new().topic("a").unwrap();
    let live = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let members: Vec<_> = (0..MEMBERS).map(|i| tokio::spawn(wander(topic.clone(), i as u64, done.clone()))).collect();

    let mut ledger = Ledger::default();
    let mut sizes = Vec::new();
    // In ten parts, to look at the memory in between.
    for _ in 0..10 {
        let each = messages / 10 / PUBLISHERS;
        let publishers: Vec<_> =
            (0..PUBLISHERS).map(|_| tokio::spawn(publish(topic.clone(), each, live.clone()))).collect();
        for publisher in publishers {
            let part = publisher.await.unwrap();
            ledger.delivered += part.delivered;
            ledger.dropped += part.dropped;
            ledger.evicted += part.evicted;
        }
        let buffers: usize = topic.stats().groups.iter().map(|group| group.capacity).sum();
        // At most what the buffers hold, and one message for each member. The groups may have
        // changed since.
        assert!(live.load(Ordering::Relaxed) <= buffers as u64 + 300, "{}", live.load(Ordering::Relaxed));
        sizes.push(resident());
    }
    done.store(true, Ordering::Relaxed);
    topic.close();
    let mut received = 0;
    for member in members {
        received += member.await.unwrap();
    }

    let stats = topic.stats();
    assert!(stats.groups.is_empty());
    let (ended, drops) = (stats.closed_groups, stats.closed_groups.dropped);
    println!("{messages} messages, {received} received, {ended:?}, resident {sizes:?}");
    assert_eq!(ended.accepted, ledger.delivered);
    assert_eq!(drops.oldest, ledger.evicted);
    assert_eq!(drops.newest + drops.stalled + drops.abandoned, ledger.dropped);
    assert_eq!(ended.received, received);
    assert_eq!(ended.accepted, received + drops.oldest + drops.discarded);
    assert_eq!(live.load(Ordering::Relaxed), 0);
    if messages >= 1_000_000 {
        assert!(sizes[9] < sizes[1] + (4 << 20), "memory grows: {sizes:?}");
    }
}
