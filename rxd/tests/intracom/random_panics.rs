//! Messages whose `clone` and `drop` panic at any moment, over all policies: each message is
//! counted once in each group, none is leaked, and nothing hangs.

use crate::user_code::{POLICIES, ends, panic_quietly};
use futures_util::FutureExt;
use rxd::intracom::{Delivery, Group, Intracom, PublishError, Subscription, Topic, TopicOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What all messages of one run share.
#[derive(Default)]
struct Run {
    created: AtomicU64,
    dropped: AtomicU64,
    /// One of so many clones panics, and one of so many drops; 0 for none.
    odds: AtomicU32,
}

struct Wild {
    run: Arc<Run>,
    /// The first clone of the message that was published has panicked: on a topic that keeps its
    /// last message, it is as if the message had never been published.
    first: Arc<AtomicBool>,
    original: bool,
    cloned: AtomicBool,
}

impl Run {
    fn panics(&self) -> bool {
        let odds = self.odds.load(Ordering::Relaxed);
        odds > 0 && fastrand::u32(0..odds) == 0
    }

    fn message(self: &Arc<Self>) -> Wild {
        self.created.fetch_add(1, Ordering::Relaxed);
        Wild { run: self.clone(), first: Arc::default(), original: true, cloned: AtomicBool::new(false) }
    }
}

impl Clone for Wild {
    fn clone(&self) -> Self {
        let first = self.original && !self.cloned.swap(true, Ordering::Relaxed);
        if self.run.panics() {
            self.first.fetch_or(first, Ordering::Relaxed);
            panic_quietly();
        }
        self.run.created.fetch_add(1, Ordering::Relaxed);
        Wild { run: self.run.clone(), first: self.first.clone(), original: false, cloned: AtomicBool::new(false) }
    }
}

impl Drop for Wild {
    fn drop(&mut self) {
        self.run.dropped.fetch_add(1, Ordering::Relaxed);
        // Rust aborts the process at a second panic while the thread unwinds.
        if !std::thread::panicking() && self.run.panics() {
            panic_quietly();
        }
    }
}

type Published = Result<Delivery, PublishError<Wild>>;

/// Whether the message was admitted, judging by the result of publishing it. Drops what is left of
/// it.
fn is_admitted(published: std::thread::Result<Published>, first: &AtomicBool, keep_last: bool) -> bool {
    let admitted = match &published {
        Ok(Ok(_)) => true,
        Ok(Err(_)) => false,
        Err(_) => !(keep_last && first.load(Ordering::Relaxed)),
    };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(published)));
    admitted
}

/// A group with its members, and what it is expected to have counted.
struct Counted {
    members: Vec<Subscription<Wild>>,
    offered: u64,
    received: u64,
}

impl Counted {
    fn new(topic: &Topic<Wild>, keep_last: bool, is_kept: bool) -> Counted {
        let policy = POLICIES[fastrand::usize(0..5)];
        let group = Group::private().policy(policy).capacity(fastrand::usize(1..4));
        let replays = keep_last && fastrand::bool();
        let group = if replays { group.replay_last() } else { group };
        let member = topic.subscribe(group).unwrap();
        Counted { members: vec![member], offered: u64::from(replays && is_kept), received: 0 }
    }

    fn receive(&mut self) {
        let received = catch_unwind(AssertUnwindSafe(|| self.members[0].try_recv()));
        // A message whose clone has panicked counts as received.
        self.received += u64::from(!matches!(received, Ok(Err(_))));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(received)));
    }

    fn check(&self) {
        let stats = self.members[0].stats();
        let drops = stats.dropped;
        let counted = stats.accepted + drops.newest + drops.stalled + drops.abandoned;
        assert_eq!((counted, stats.received), (self.offered, self.received), "{stats:?}");
    }
}

/// Takes random steps with one topic, and compares what each group has counted after each step.
async fn one_after_the_other(seed: u64) {
    fastrand::seed(seed);
    let run = Arc::new(Run::default());
    run.odds.store([0, 3, 8, 20][fastrand::usize(0..4)], Ordering::Relaxed);
    let keep_last = fastrand::bool();
    let options = TopicOptions::DEFAULT.block_timeout(Duration::from_millis(5));
    let topic = Intracom::new().topic_with::<Wild>("a", if keep_last { options.keep_last() } else { options }).unwrap();
    let mut groups: Vec<Counted> = (0..fastrand::usize(1..5)).map(|_| Counted::new(&topic, keep_last, false)).collect();
    let (mut is_kept, mut offered) = (false, 0);
    for _ in 0..60 {
        match fastrand::u32(0..10) {
            0..5 => {
                let message = run.message();
                let first = message.first.clone();
                let give_up = Duration::from_millis(fastrand::u64(1..8));
                // A single full group may be cancelled with nothing counted, or with the message
                // abandoned.
                let may_give_up = (groups.len() > 1 || keep_last) && fastrand::bool();
                let published = if fastrand::bool() {
                    catch_unwind(AssertUnwindSafe(|| topic.try_publish(message)))
                } else if may_give_up {
                    let mut waits = Box::pin(tokio::time::timeout(give_up, topic.publish(message)));
                    let published = AssertUnwindSafe(&mut waits).catch_unwind().await;
                    // Dropping the future drops the message.
                    let _ = catch_unwind(AssertUnwindSafe(|| drop(waits)));
                    match published {
                        // A message that timed out was admitted.
                        Ok(Err(_)) => Ok(Ok(Delivery::default())),
                        Ok(Ok(published)) => Ok(published),
                        Err(panic) => Err(panic),
                    }
                } else {
                    AssertUnwindSafe(topic.publish(message)).catch_unwind().await
                };
                if is_admitted(published, &first, keep_last) {
                    is_kept |= keep_last;
                    groups.iter_mut().for_each(|group| group.offered += 1);
                }
            }
            5..8 => {
                let group = fastrand::usize(0..groups.len());
                groups[group].receive();
            }
            8 if groups.len() < 5 => groups.push(Counted::new(&topic, keep_last, is_kept)),
            _ if groups.len() > 1 => {
                let group = groups.swap_remove(fastrand::usize(0..groups.len()));
                offered += group.offered;
                let _ = catch_unwind(AssertUnwindSafe(|| drop(group.members)));
            }
            _ => {}
        }
        groups.iter().for_each(Counted::check);
        let (ended, drops) = (topic.stats().closed_groups, topic.stats().closed_groups.dropped);
        assert_eq!(ended.accepted + drops.newest + drops.stalled + drops.abandoned, offered, "seed {seed}: {ended:?}");
        assert_eq!(ended.accepted, ended.received + drops.oldest + drops.discarded);
    }
    for group in groups {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(group.members)));
    }
    let _ = catch_unwind(AssertUnwindSafe(|| drop(topic)));
    let (created, dropped) = (run.created.load(Ordering::Relaxed), run.dropped.load(Ordering::Relaxed));
    assert_eq!(created, dropped, "seed {seed}: some message was leaked, or dropped twice");
}

#[test]
fn g53_messages_that_panic_at_any_clone_or_drop_are_counted_once_in_each_group() {
    ends(|| {
        for seed in 0..1500 {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(one_after_the_other(seed));
        }
    });
}

async fn publish_wildly(topic: Topic<Wild>, run: Arc<Run>, messages: u32) -> u64 {
    let mut admitted = 0;
    for message in 0..messages {
        let (message, waits) = (run.message(), message % 4 > 0);
        let first = message.first.clone();
        let published = match waits {
            true => AssertUnwindSafe(topic.publish(message)).catch_unwind().await,
            false => catch_unwind(AssertUnwindSafe(|| topic.try_publish(message))),
        };
        admitted += u64::from(is_admitted(published, &first, true));
        if fastrand::u32(0..64) == 0 {
            tokio::task::yield_now().await;
        }
    }
    admitted
}

async fn receive_wildly(mut member: Subscription<Wild>) -> u64 {
    let mut received = 0;
    loop {
        match AssertUnwindSafe(member.recv()).catch_unwind().await {
            Ok(None) => break,
            Ok(message) => {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(message)));
                received += 1;
            }
            Err(_) => received += 1,
        }
    }
    let _ = catch_unwind(AssertUnwindSafe(|| drop(member)));
    received
}

#[test]
fn g53_messages_that_panic_on_several_threads_are_counted_once_in_each_group() {
    ends(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
        runtime.block_on(async {
            let run = Arc::new(Run::default());
            let options = TopicOptions::DEFAULT.keep_last().block_timeout(Duration::from_millis(1));
            let topic = Intracom::new().topic_with::<Wild>("a", options).unwrap();
            topic.try_publish(run.message()).unwrap();
            // Each of them begins with that message.
            let names: Vec<_> = (0..10).map(|group| format!("g{group}")).collect();
            let group = |group: usize| {
                Group::named(&names[group]).policy(POLICIES[group % 5]).capacity(1 + group / 5 * 7).replay_last()
            };
            let members: Vec<_> = (0..20).map(|member| topic.subscribe(group(member % 10)).unwrap()).collect();
            run.odds.store(12, Ordering::Relaxed);
            let members: Vec<_> = members.into_iter().map(|member| tokio::spawn(receive_wildly(member))).collect();
            let publishers: Vec<_> =
                (0..3).map(|_| tokio::spawn(publish_wildly(topic.clone(), run.clone(), 3000))).collect();
            let mut admitted = 1;
            for publisher in publishers {
                admitted += publisher.await.unwrap();
            }
            let _ = catch_unwind(AssertUnwindSafe(|| topic.close()));
            let mut received = 0;
            for member in members {
                received += member.await.unwrap();
            }
            let (ended, drops) = (topic.stats().closed_groups, topic.stats().closed_groups.dropped);
            assert!(topic.stats().groups.is_empty());
            let counted = ended.accepted + drops.newest + drops.stalled + drops.abandoned;
            assert_eq!((ended.groups, counted), (10, admitted * 10), "{ended:?}");
            assert_eq!(ended.received, received);
            assert_eq!(ended.accepted, received + drops.oldest + drops.discarded);
            drop(topic);
            assert_eq!(run.created.load(Ordering::Relaxed), run.dropped.load(Ordering::Relaxed));
        });
    });
}
