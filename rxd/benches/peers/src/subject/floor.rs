//! The floor: tasks, a tracker and a token. It has no restarts, no names and no states.

use super::{ComeAndGo, DEADLINE, Names, Subject, Wedged, ignore};
use crate::gate::{Change, Gate};
use std::collections::HashMap;
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[derive(Debug)]
pub struct Floor;

async fn body(gate: Gate, token: CancellationToken) {
    gate.arrive();
    token.cancelled().await;
    gate.leave();
}

impl Subject for Floor {
    type Running = (TaskTracker, CancellationToken);

    async fn start(names: Names, gate: Gate) -> Self::Running {
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        for _ in names {
            tracker.spawn(body(gate.clone(), token.clone()));
        }
        gate.all().await;
        (tracker, token)
    }

    async fn stop((tracker, token): Self::Running) {
        token.cancel();
        tracker.close();
        tracker.wait().await;
    }

    async fn restart(gate: Gate) {
        let tracker = TaskTracker::new();
        let keeper = async move {
            loop {
                let gate = gate.clone();
                if !tracker.spawn(async move { gate.arrive_timed() }).await.unwrap() {
                    break;
                }
            }
        };
        tokio::spawn(keeper).await.unwrap();
    }

    async fn wedge(names: Names, gate: Gate) -> Wedged {
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        let unresponsive = gate.clone();
        tracker.spawn(async move { ignore(&unresponsive).await });
        for _ in &names[1..] {
            tracker.spawn(body(gate.clone(), token.clone()));
        }
        gate.all().await;
        token.cancel();
        tracker.close();
        let in_time = tokio::time::timeout(DEADLINE, tracker.wait()).await.is_ok();
        Wedged { message: if in_time { String::new() } else { format!("{} tasks left", tracker.len()) } }
    }
}

/// A value in a `tokio::sync::watch`, which one task changes and other tasks await.
pub async fn observe(change: Change, observers: usize, times: usize) -> Vec<u64> {
    let (sender, receiver) = tokio::sync::watch::channel(0_u64);
    for _ in 0..observers {
        let (mut receiver, change) = (receiver.clone(), change.clone());
        tokio::spawn(async move {
            while receiver.changed().await.is_ok() {
                receiver.borrow_and_update();
                change.observed();
            }
        });
    }
    let changes = change.clone();
    tokio::spawn(async move {
        loop {
            changes.turn().await;
            sender.send_modify(|value| *value += 1);
        }
    });
    crate::sample::repeat(&change, times).await
}

impl ComeAndGo for Floor {
    async fn come_and_go(names: Names, gate: Gate) -> [Instant; 3] {
        let token = CancellationToken::new();
        let mut tasks = HashMap::new();
        let begun = Instant::now();
        for name in names {
            let own = token.child_token();
            tasks.insert(*name, (tokio::spawn(body(gate.clone(), own.clone())), own));
        }
        gate.all().await;
        let all_run = Instant::now();
        for name in names {
            let (task, own) = tasks.remove(name).unwrap();
            own.cancel();
            task.await.unwrap();
        }
        [begun, all_run, Instant::now()]
    }
}
