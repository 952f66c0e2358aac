//! F63: publishing, subscribing, leaving and closing at the same time, on several threads.

use rxd::intracom::{Group, Intracom, Policy, Topic};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const POLICIES: [Policy; 5] = [
    Policy::Block,
    Policy::DropOldest,
    Policy::DropNewest,
    Policy::DropOldestAfter(Duration::from_micros(10)),
    Policy::DropNewestAfter(Duration::from_micros(10)),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f63_topic_created_by_eight_tasks_at_once_is_one() {
    for _ in 0..200 {
        let intracom = Intracom::new();
        let opened: Vec<_> = (0..8)
            .map(|_| {
                let intracom = intracom.clone();
                tokio::spawn(async move { intracom.topic::<u32>("a").unwrap().subscribe(Group::private()).unwrap() })
            })
            .collect();
        let mut members = Vec::new();
        for opened in opened {
            members.push(opened.await.unwrap());
        }
        // All eight have the same topic.
        assert_eq!(intracom.topic::<u32>("a").unwrap().try_publish(1).unwrap().delivered(), 8);
    }
}

/// No wake-up is lost: at whatever moment the topic is closed, every stream ends and no publisher
/// hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f63_close_at_any_moment_ends_publishers_and_subscribers() {
    for run in 0..600u64 {
        let policy = POLICIES[run as usize % 5];
        let capacity = [1, 2, 10][run as usize / 5 % 3];
        let topic: Topic<u64> = Intracom::new().topic("a").unwrap();
        let received = Arc::new(AtomicU64::new(0));
        let group = move |i: u64| ["x", "y"][i as usize % 2];
        let subs: Vec<_> = (0..4)
            .map(|i| {
                let mut sub = topic.subscribe(Group::named(group(i)).capacity(capacity).policy(policy)).unwrap();
                let received = received.clone();
                tokio::spawn(async move {
                    while sub.recv().await.is_some() {
                        received.fetch_add(1, Ordering::Relaxed);
                    }
                    sub
                })
            })
            .collect();
        let publishers: Vec<_> = (0..2)
            .map(|_| {
                let topic = topic.clone();
                tokio::spawn(async move {
                    let mut message = 0;
                    while topic.publish(message).await.is_ok() {
                        message += 1;
                        if message % 64 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        for _ in 0..run % 40 {
            tokio::task::yield_now().await;
        }
        topic.close();
        for publisher in publishers {
            publisher.await.unwrap();
        }
        let mut ended = Vec::new();
        for sub in subs {
            ended.push(sub.await.unwrap());
        }
        let stats = topic.stats();
        assert_eq!(stats.queued(), 0, "{policy}");
        let counted: u64 = stats.groups.iter().map(|group| group.received).sum();
        assert_eq!(counted, received.load(Ordering::Relaxed), "{policy}");
    }
}

/// Members join and leave while messages are published. Each receives those of one publisher in
/// order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f63_members_that_join_and_leave_receive_in_order() {
    let topic: Topic<(usize, u64)> = Intracom::new().topic("a").unwrap();
    let publishers: Vec<_> = (0..2)
        .map(|me| {
            let topic = topic.clone();
            tokio::spawn(async move {
                for message in 0..20_000 {
                    topic.publish((me, message)).await.unwrap();
                    if message % 128 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let members: Vec<_> = (0..6usize)
        .map(|i| {
            let topic = topic.clone();
            tokio::spawn(async move {
                for run in 0..200 {
                    let group = Group::named(["x", "y", "z"][(i + run) % 3]).capacity(4);
                    let Ok(mut sub) = topic.subscribe(group) else { return };
                    let mut last = [None; 2];
                    for _ in 0..run % 17 {
                        let Some((from, message)) = sub.recv().await else { return };
                        assert!(last[from] < Some(message), "out of order");
                        last[from] = Some(message);
                    }
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    topic.close();
    for member in members {
        member.await.unwrap();
    }
    let stats = topic.stats();
    assert!(stats.groups.is_empty());
    let ended = stats.closed_groups;
    assert_eq!(ended.accepted, ended.received + ended.dropped.oldest + ended.dropped.discarded);
}

/// A subscriber waits for the topic, and a publisher for the subscriber. Both are woken.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f63_subscriber_and_publisher_that_race_find_each_other() {
    for _ in 0..500 {
        let intracom = Intracom::new();
        let subscribing = tokio::spawn({
            let intracom = intracom.clone();
            async move {
                let mut sub = intracom.subscribe::<u32>("late", Group::private()).await.unwrap();
                sub.recv().await
            }
        });
        let publishing = tokio::spawn({
            let intracom = intracom.clone();
            async move {
                let options = rxd::intracom::TopicOptions::DEFAULT.subscriber_aware();
                intracom.topic_with::<u32>("late", options).unwrap().publish(7).await.unwrap()
            }
        });
        assert_eq!(subscribing.await.unwrap(), Some(7));
        assert_eq!(publishing.await.unwrap().delivered(), 1);
    }
}

/// A forced push into a full buffer does not undo a close that comes in between its steps.
#[test]
fn f63_forced_push_that_races_a_close_leaves_the_group_closed() {
    const RUNS: usize = 4_000;
    let run = || {
        let topic: Topic<u32> = Intracom::new().topic("a").unwrap();
        // Capacity 2, since a buffer for one message is a different queue in `concurrent-queue`.
        let sub = topic.subscribe(Group::named("g").capacity(2).policy(Policy::DropOldest)).unwrap();
        topic.try_publish(0).unwrap();
        topic.try_publish(0).unwrap();
        (topic, sub)
    };
    let runs: Vec<_> = (0..RUNS).map(|_| run()).collect();
    let turn = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (nth, (topic, _)) in runs.iter().enumerate() {
                while turn.load(Ordering::Acquire) < nth as u64 {
                    std::hint::spin_loop();
                }
                topic.close();
            }
        });
        // Until the topic is closed.
        for (nth, (topic, _)) in runs.iter().enumerate() {
            turn.store(nth as u64, Ordering::Release);
            while topic.try_publish(1).is_ok() {}
        }
    });
    for (topic, mut sub) in runs {
        assert!(topic.is_closed());
        while let Ok(_message) = sub.try_recv() {}
        assert_eq!(sub.try_recv(), Err(rxd::intracom::TryRecvError::Ended));
    }
}
