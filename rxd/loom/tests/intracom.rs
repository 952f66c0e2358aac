//! F63: {publish, subscribe, leave, close} in every order, by loom.
//!
//! loom tries each step of intracom between any two steps of another thread. tokio's `Notify` is a
//! single step here.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test --release -p rxd-loom --target-dir
//! target/loom`
#![cfg(loom)]

use futures_core::Stream;
use loom::thread;
use rxd_loom::intracom::{Group, Intracom, Policy, Subscription, Topic, TopicOptions, TryRecvError};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

fn topic(options: TopicOptions) -> Topic<u32> {
    Intracom::new().topic_with("a", options).unwrap()
}

fn group(capacity: usize, policy: Policy) -> Group<'static> {
    Group::named("g").capacity(capacity).policy(policy)
}

/// Receives everything there is now, and returns it with the error at the end.
fn rest(sub: &mut Subscription<u32>) -> (Vec<u32>, TryRecvError) {
    let mut all = Vec::new();
    loop {
        match sub.try_recv() {
            Ok(message) => all.push(message),
            Err(end) => return (all, end),
        }
    }
}

/// A waker that remembers that it was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls until it waits, lets `meanwhile` end, and then polls again only if it was woken. A lost
/// wake-up leaves the future pending, and is `None`.
fn woken<F: Future>(future: F, meanwhile: thread::JoinHandle<()>) -> Option<F::Output> {
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut until_it_waits = || {
        loop {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => return Some(output),
                Poll::Pending if flag.0.swap(false, Ordering::SeqCst) => {}
                Poll::Pending => return None,
            }
        }
    };
    let first = until_it_waits();
    meanwhile.join().unwrap();
    if first.is_some() || !flag.0.swap(false, Ordering::SeqCst) {
        return first;
    }
    until_it_waits()
}

#[test]
fn publish_subscribe_and_close_race_without_loss() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT);
        let publishing = thread::spawn({
            let topic = topic.clone();
            move || topic.try_publish(1)
        });
        let closing = thread::spawn({
            let topic = topic.clone();
            move || topic.close()
        });
        let sub = topic.subscribe(group(1, Policy::Block));
        let published = publishing.join().unwrap();
        closing.join().unwrap();
        match (sub, published) {
            (Ok(mut sub), Ok(delivery)) => {
                let all = if delivery.delivered() == 1 { vec![1] } else { Vec::new() };
                assert_eq!(rest(&mut sub), (all, TryRecvError::Ended));
                assert_eq!(topic.stats().no_subscribers, 1 - delivery.delivered() as u64);
            }
            (Ok(mut sub), Err(error)) => {
                assert!(error.is_closed());
                assert_eq!(rest(&mut sub), (Vec::new(), TryRecvError::Ended));
            }
            (Err(error), published) => {
                assert!(error.is_closed());
                assert!(published.map_or_else(|error| error.is_closed(), |delivery| delivery.delivered() == 0));
            }
        }
    });
}

fn publish_and_leave(capacity: usize, policy: Policy) {
    loom::model(move || {
        let topic = topic(TopicOptions::DEFAULT);
        let sub = topic.subscribe(group(capacity, policy)).unwrap();
        for message in 0..capacity as u32 {
            topic.try_publish(message).unwrap();
        }
        let leaving = thread::spawn(move || drop(sub));
        let mut taken = capacity as u64;
        let mut dropped = 0;
        if let Ok(delivery) = topic.try_publish(9) {
            taken += delivery.delivered() as u64;
            dropped += delivery.dropped() as u64;
        }
        leaving.join().unwrap();
        let stats = topic.stats();
        assert!(stats.groups.is_empty());
        let (ended, drops) = (stats.closed_groups, stats.closed_groups.dropped);
        assert_eq!((ended.groups, ended.accepted, ended.received), (1, taken, 0));
        assert_eq!(drops.oldest + drops.discarded, taken);
        assert_eq!(drops.newest + drops.abandoned, dropped);
    });
}

#[test]
fn publish_and_leave_of_a_blocking_group_race_without_loss() {
    publish_and_leave(1, Policy::Block);
}

#[test]
fn publish_and_leave_of_a_dropping_group_race_without_loss() {
    publish_and_leave(2, Policy::DropNewest);
}

#[test]
fn publish_and_leave_of_an_evicting_group_race_without_loss() {
    publish_and_leave(2, Policy::DropOldest);
}

#[test]
fn evicting_publisher_and_receiver_and_close_race_without_loss() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT);
        let mut sub = topic.subscribe(group(1, Policy::DropOldest)).unwrap();
        topic.try_publish(1).unwrap();
        let publishing = thread::spawn({
            let topic = topic.clone();
            move || topic.try_publish(2)
        });
        let closing = thread::spawn({
            let topic = topic.clone();
            move || topic.close()
        });
        let mut received: Vec<_> = sub.try_recv().into_iter().collect();
        let published = publishing.join().unwrap();
        closing.join().unwrap();
        let (all, end) = rest(&mut sub);
        received.extend(all);
        assert_eq!(end, TryRecvError::Ended);
        let stats = sub.stats();
        match published {
            Ok(delivery) => {
                assert_eq!((delivery.delivered(), received.last()), (1, Some(&2)));
                assert_eq!((stats.accepted, stats.dropped.oldest), (2, 2 - received.len() as u64));
            }
            Err(error) => {
                assert!(error.is_closed());
                assert_eq!((received, stats.dropped.oldest), (vec![1], 0));
            }
        }
    });
}

#[test]
fn publisher_waiting_for_room_is_woken_by_a_receiver() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT.block_timeout(std::time::Duration::MAX));
        let mut sub = topic.subscribe(group(1, Policy::Block)).unwrap();
        topic.try_publish(1).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let receiving = thread::spawn(move || {
            assert_eq!(sub.try_recv(), Ok(1));
            sender.send(sub).unwrap();
        });
        assert_eq!(woken(topic.publish(2), receiving).expect("a lost wake-up").unwrap().delivered(), 1);
        assert_eq!(receiver.recv().unwrap().try_recv(), Ok(2));
    });
}

#[test]
fn publisher_waiting_for_room_is_woken_by_the_close_and_by_the_last_member() {
    for close in [true, false] {
        loom::model(move || {
            let topic = topic(TopicOptions::DEFAULT.block_timeout(std::time::Duration::MAX));
            let sub = topic.subscribe(group(1, Policy::Block)).unwrap();
            topic.try_publish(1).unwrap();
            let ending = thread::spawn({
                let topic = topic.clone();
                move || if close { topic.close() } else { drop(sub) }
            });
            let published = woken(topic.publish(2), ending).expect("a lost wake-up");
            assert_eq!(published.map_or(0, |delivery| delivery.delivered()), 0);
        });
    }
}

/// The first message wakes one of two members. That one leaves, or receives something else first.
#[test]
fn member_waiting_for_a_message_is_woken_though_another_member_leaves() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT);
        let mut first = topic.subscribe(group(2, Policy::Block)).unwrap();
        let mut second = topic.subscribe(group(2, Policy::Block)).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let leaving = thread::spawn({
            let topic = topic.clone();
            move || {
                {
                    let mut waiting = pin!(first.recv());
                    let waits = waiting.as_mut().poll(&mut cx).is_pending();
                    assert!(waits, "nothing is published yet");
                    topic.try_publish(1).unwrap();
                }
                drop(first);
            }
        });
        assert_eq!(woken(second.recv(), leaving).expect("a lost wake-up"), Some(1));
    });
}

#[test]
fn stream_is_woken_by_a_message() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT);
        let mut sub = topic.subscribe(group(1, Policy::Block)).unwrap();
        let publishing = thread::spawn({
            let topic = topic.clone();
            move || assert_eq!(topic.try_publish(1).unwrap().delivered(), 1)
        });
        let next = std::future::poll_fn(|cx| Stream::poll_next(Pin::new(&mut sub), cx));
        assert_eq!(woken(next, publishing).expect("a lost wake-up"), Some(1));
    });
}

#[test]
fn leave_and_join_race_into_one_group() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT);
        let first = topic.subscribe(group(2, Policy::Block)).unwrap();
        let leaving = thread::spawn(move || drop(first));
        let mut second = topic.subscribe(group(2, Policy::Block)).unwrap();
        assert_eq!(topic.try_publish(1).unwrap().delivered(), 1);
        leaving.join().unwrap();
        assert_eq!(second.try_recv(), Ok(1));
        assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(topic.stats().groups.len(), 1);
        drop(second);
        assert!(topic.stats().groups.is_empty());
    });
}

/// Each may allocate a group. The one that is not needed does not count as closed.
#[test]
fn members_that_begin_one_group_at_once_count_no_other() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT);
        let joining = thread::spawn({
            let topic = topic.clone();
            move || topic.subscribe(group(2, Policy::Block)).unwrap()
        });
        let first = topic.subscribe(group(2, Policy::Block)).unwrap();
        let second = joining.join().unwrap();
        let stats = topic.stats();
        assert_eq!((stats.groups.len(), stats.groups[0].members, stats.closed_groups.groups), (1, 2, 0));
        drop((first, second));
        assert_eq!(topic.stats().closed_groups.groups, 1);
    });
}

#[test]
fn members_that_leave_at_once_end_the_group_once() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT);
        let first = topic.subscribe(group(2, Policy::Block)).unwrap();
        let second = topic.subscribe(group(2, Policy::Block)).unwrap();
        topic.try_publish(1).unwrap();
        let leaving = thread::spawn(move || drop(first));
        drop(second);
        leaving.join().unwrap();
        let ended = topic.stats().closed_groups;
        assert_eq!((ended.groups, ended.dropped.discarded), (1, 1));
    });
}

/// A new group begins with the last message or gets it directly, never both and never out of order.
#[test]
fn new_group_gets_a_message_or_its_replay_and_never_both() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT.keep_last());
        let publishing = thread::spawn({
            let topic = topic.clone();
            move || (topic.try_publish(1).unwrap(), topic.try_publish(2).unwrap())
        });
        let mut sub = topic.subscribe(group(4, Policy::Block).replay_last()).unwrap();
        publishing.join().unwrap();
        let (all, _) = rest(&mut sub);
        assert!(all == [1, 2] || all == [2], "{all:?}");
    });
}

/// Both clone the one message that is kept. One may find it taken by the other, and looks again.
#[test]
fn g54_groups_that_replay_one_message_at_once_both_get_it() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT.keep_last());
        topic.try_publish(1).unwrap();
        let subs = [Group::private(), Group::private()].map(|group| topic.subscribe(group.replay_last()).unwrap());
        topic.try_publish(2).unwrap();
        let receiving: Vec<_> = subs
            .into_iter()
            .map(|mut sub| {
                thread::spawn(move || {
                    let (all, _) = rest(&mut sub);
                    (all, sub)
                })
            })
            .collect();
        let received: Vec<_> = receiving.into_iter().map(|receiving| receiving.join().unwrap()).collect();
        for (mut all, mut sub) in received {
            all.extend(rest(&mut sub).0);
            assert_eq!(all, [1, 2], "in order, and each once");
        }
    });
}

#[test]
fn publisher_waiting_for_subscribers_is_woken_by_the_first() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT.subscriber_aware());
        let (sender, receiver) = std::sync::mpsc::channel();
        let joining = thread::spawn({
            let topic = topic.clone();
            move || sender.send(topic.subscribe(group(1, Policy::Block)).unwrap()).unwrap()
        });
        let delivery = woken(topic.publish(1), joining).expect("a lost wake-up").unwrap();
        assert_eq!(delivery.delivered(), 1);
        assert_eq!(receiver.recv().unwrap().try_recv(), Ok(1));
    });
}

#[test]
fn publisher_and_receiver_are_woken_by_the_close() {
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT.subscriber_aware());
        let closing = thread::spawn({
            let topic = topic.clone();
            move || topic.close()
        });
        assert!(woken(topic.publish(1), closing).expect("a lost wake-up").unwrap_err().is_closed());
    });
    loom::model(|| {
        let topic = topic(TopicOptions::DEFAULT);
        let mut sub = topic.subscribe(group(1, Policy::Block)).unwrap();
        let closing = thread::spawn(move || topic.close());
        assert_eq!(woken(sub.recv(), closing).expect("a lost wake-up"), None);
    });
}

#[test]
fn subscriber_waiting_for_a_topic_is_woken_by_its_creation() {
    loom::model(|| {
        let intracom = Intracom::new();
        let (sender, receiver) = std::sync::mpsc::channel();
        let creating = thread::spawn({
            let intracom = intracom.clone();
            move || sender.send(intracom.topic::<u32>("a").unwrap()).unwrap()
        });
        let subscribing = intracom.subscribe::<u32>("a", group(1, Policy::Block));
        woken(subscribing, creating).expect("a lost wake-up").unwrap();
        receiver.recv().unwrap();
    });
}

#[test]
fn threads_that_create_a_topic_at_once_get_the_same() {
    loom::model(|| {
        let intracom = Intracom::new();
        let other = thread::spawn({
            let intracom = intracom.clone();
            move || intracom.topic::<u32>("a").unwrap()
        });
        let this = intracom.topic::<u32>("a").unwrap();
        let mut sub = other.join().unwrap().subscribe(group(1, Policy::Block)).unwrap();
        assert_eq!(this.try_publish(1).unwrap().delivered(), 1);
        assert_eq!(sub.try_recv(), Ok(1));
    });
}
