//! A message whose `clone` or `drop` panics harms no other message and no other group.

use rxd::intracom::{Group, Intracom, Policy, Topic, TopicOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Panics at the n-th clone, and in drop if asked.
#[derive(Debug)]
struct Touchy {
    clones_left: Arc<AtomicUsize>,
    drop: bool,
}

fn touchy(clones: usize) -> Touchy {
    Touchy { clones_left: Arc::new(AtomicUsize::new(clones)), drop: false }
}

impl Clone for Touchy {
    fn clone(&self) -> Self {
        let left = self.clones_left.load(Ordering::Relaxed);
        assert!(left > 0, "no more clones");
        self.clones_left.store(left - 1, Ordering::Relaxed);
        Touchy { clones_left: self.clones_left.clone(), drop: false }
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        assert!(!self.drop || std::thread::panicking(), "dropped");
    }
}

fn topic(options: TopicOptions) -> Topic<Touchy> {
    Intracom::new().topic_with("test", options).unwrap()
}

#[test]
fn clone_that_panics_unwinds_the_publisher_and_is_counted() {
    let topic = topic(TopicOptions::DEFAULT);
    let mut subs: Vec<_> = (0..4).map(|_| topic.subscribe(Group::private()).unwrap()).collect();
    catch_unwind(AssertUnwindSafe(|| topic.try_publish(touchy(2)))).unwrap_err();
    let counts: Vec<_> = subs.iter().map(|sub| (sub.stats().accepted, sub.stats().dropped.abandoned)).collect();
    assert_eq!(counts, [(1, 0), (1, 0), (0, 1), (0, 1)]);
    // The topic goes on.
    assert_eq!(topic.try_publish(touchy(3)).unwrap().delivered(), 4);
    assert!(subs[0].try_recv().is_ok() && subs[0].try_recv().is_ok() && subs[3].try_recv().is_ok());
}

#[test]
fn replay_that_panics_unwinds_the_subscriber() {
    let topic = topic(TopicOptions::DEFAULT.keep_last());
    topic.try_publish(touchy(1)).unwrap();
    let mut sub = topic.subscribe(Group::named("g").replay_last()).unwrap();
    catch_unwind(AssertUnwindSafe(|| sub.try_recv().map(drop))).unwrap_err();
    topic.try_publish(touchy(9)).unwrap();
    assert!(sub.try_recv().is_ok());
    assert!(topic.subscribe(Group::private().replay_last()).unwrap().try_recv().is_ok());
}

#[test]
fn eviction_that_panics_unwinds_the_publisher() {
    let topic = topic(TopicOptions::DEFAULT);
    let group = Group::private().capacity(1).policy(Policy::DropOldest);
    let mut first = topic.subscribe(group).unwrap();
    let mut second = topic.subscribe(group).unwrap();
    let mut message = touchy(9);
    message.drop = true;
    topic.try_publish(message).unwrap();
    // The clone does not panic. The original does, which the second group has.
    assert!(first.try_recv().is_ok());
    catch_unwind(AssertUnwindSafe(|| topic.try_publish(touchy(9)))).unwrap_err();
    assert_eq!(second.stats().dropped.oldest, 1);
    assert!(first.try_recv().is_ok() && second.try_recv().is_ok());
    assert_eq!(topic.try_publish(touchy(9)).unwrap().delivered(), 2);
    topic.close();
}
