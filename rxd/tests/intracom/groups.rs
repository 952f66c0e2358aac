//! Which member gets which message; joining, leaving, replay.

use super::{now, topic};
use rxd::intracom::{Group, Intracom, Policy, TopicOptions, TryRecvError};

#[tokio::test]
async fn members_of_a_group_share_messages_and_groups_do_not() {
    let topic = topic::<u32>();
    let mut a1 = topic.subscribe(Group::named("a")).unwrap();
    let mut a2 = topic.subscribe(Group::named("a")).unwrap();
    let mut b = topic.subscribe(Group::named("b")).unwrap();
    let mut own = topic.subscribe(Group::private()).unwrap();
    for message in 0..4 {
        assert_eq!(topic.publish(message).await.unwrap().delivered(), 3);
    }
    let shared = [a1.recv().await, a2.recv().await, a2.recv().await, a1.recv().await];
    assert_eq!(shared, [Some(0), Some(1), Some(2), Some(3)]);
    for message in 0..4 {
        assert_eq!(b.recv().await, Some(message));
        assert_eq!(own.recv().await, Some(message));
    }
    assert_eq!(a1.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn member_with_other_options_than_its_group_is_refused() {
    let topic = topic::<u32>();
    let group = Group::named("g").capacity(4);
    let _first = topic.subscribe(group).unwrap();
    assert!(topic.subscribe(group.capacity(5)).unwrap_err().is_options_mismatch());
    let error = topic.subscribe(group.policy(Policy::DropNewest)).unwrap_err();
    assert!(error.is_options_mismatch());
    let text = "topic `test`: group `g` has capacity 4 and policy `block`, not capacity 4 and policy `drop newest`";
    assert_eq!(error.to_string(), text);
}

#[test]
fn group_with_a_capacity_out_of_range_is_refused() {
    let topic = topic::<u32>();
    for capacity in [0, Group::MAX_CAPACITY + 1, usize::MAX] {
        let error = topic.subscribe(Group::named("g").capacity(capacity)).unwrap_err();
        assert!(error.is_invalid());
        assert!(error.to_string().contains(&format!("asks for a capacity of {capacity};")), "{error}");
    }
    // The buffer is allocated at once, which takes Miri too long.
    if !cfg!(miri) {
        topic.subscribe(Group::named("g").capacity(Group::MAX_CAPACITY)).unwrap();
    }
}

#[test]
fn private_group_asked_for_by_its_name_is_not_joined() {
    let topic = topic::<u32>();
    let mut own = topic.subscribe(Group::private()).unwrap();
    let mut named = topic.subscribe(Group::named(own.group())).unwrap();
    assert_eq!(topic.try_publish(1).unwrap().delivered(), 2);
    assert_eq!((own.try_recv(), named.try_recv()), (Ok(1), Ok(1)));
}

#[test]
fn group_ends_with_its_last_member_and_counts_what_it_discards() {
    let topic = topic::<u32>();
    let first = topic.subscribe(Group::named("g")).unwrap();
    let mut second = topic.subscribe(Group::named("g")).unwrap();
    (0..3).for_each(|message| assert_eq!(topic.try_publish(message).unwrap().delivered(), 1));
    drop(first);
    // Nothing is lost while there is a member.
    assert_eq!(second.try_recv(), Ok(0));
    drop(second);
    let stats = topic.stats();
    assert!(stats.groups.is_empty());
    assert_eq!((stats.closed_groups.groups, stats.closed_groups.accepted, stats.closed_groups.received), (1, 3, 1));
    assert_eq!(stats.closed_groups.dropped.discarded, 2);
    assert_eq!(topic.try_publish(9).unwrap().delivered(), 0);
    // A new group of the name begins empty.
    let mut third = topic.subscribe(Group::named("g")).unwrap();
    assert_eq!(third.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(topic.stats().no_subscribers, 1);
}

#[test]
fn new_group_that_asks_for_replay_gets_the_last_message() {
    let intracom = Intracom::new();
    let topic = intracom.topic_with::<u32>("a", TopicOptions::DEFAULT.keep_last()).unwrap();
    // Nothing published yet: nothing to replay.
    let mut early = topic.subscribe(Group::private().replay_last()).unwrap();
    assert_eq!(early.try_recv(), Err(TryRecvError::Empty));
    topic.try_publish(1).unwrap();
    topic.try_publish(2).unwrap();
    let group = Group::named("g").capacity(1);
    let mut first = topic.subscribe(group.replay_last()).unwrap();
    // A later member is not a new group.
    let mut second = topic.subscribe(group.replay_last()).unwrap();
    let mut not_asking = topic.subscribe(Group::private()).unwrap();
    assert_eq!(first.stats().queued, 1);
    assert_eq!(second.try_recv(), Ok(2));
    assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(not_asking.try_recv(), Err(TryRecvError::Empty));
    // And then the next, in order.
    topic.try_publish(3).unwrap();
    assert_eq!(first.try_recv(), Ok(3));
    assert_eq!(not_asking.try_recv(), Ok(3));
    assert_eq!(first.stats().accepted, 2);
}

#[test]
fn replay_of_a_topic_that_keeps_nothing_is_refused() {
    let error = topic::<u32>().subscribe(Group::private().replay_last()).unwrap_err();
    assert!(error.is_invalid());
    assert_eq!(error.to_string(), "topic `test` keeps no last message to replay: open it with `keep_last`");
}

#[test]
fn message_given_back_is_not_kept_as_the_last() {
    let intracom = Intracom::new();
    let topic = intracom.topic_with::<u32>("a", TopicOptions::DEFAULT.keep_last()).unwrap();
    let _full = topic.subscribe(Group::named("full").capacity(1)).unwrap();
    topic.try_publish(1).unwrap();
    assert!(topic.try_publish(2).unwrap_err().is_full());
    let mut new = topic.subscribe(Group::private().replay_last()).unwrap();
    assert_eq!(new.try_recv(), Ok(1));
}

#[tokio::test]
async fn recv_dropped_after_its_wake_up_passes_the_message_on() {
    let topic = topic::<u32>();
    let mut first = topic.subscribe(Group::named("g")).unwrap();
    let mut second = topic.subscribe(Group::named("g")).unwrap();
    let mut waiting = Box::pin(first.recv());
    assert!(super::poll(waiting.as_mut()).is_pending());
    let other = tokio::spawn(async move { second.recv().await });
    tokio::task::yield_now().await;
    // This wakes the first member, whose wait is then dropped. The other must be woken instead.
    topic.publish(1).await.unwrap();
    drop(waiting);
    assert_eq!(other.await.unwrap(), Some(1));
}

#[test]
fn subscription_that_has_ended_stays_ended() {
    let topic = topic::<u32>();
    let mut sub = topic.subscribe(Group::private()).unwrap();
    topic.close();
    for _ in 0..2 {
        assert_eq!(now(sub.recv()), Some(None));
        assert_eq!(now(sub.next()), Some(None));
        assert_eq!(sub.try_recv(), Err(TryRecvError::Ended));
    }
}

/// The bytes that are allocated as this many groups join and leave a topic to which something is
/// published before, between and after.
fn bytes_of_groups(count: usize) -> u64 {
    let topic = topic::<u32>();
    let _first = topic.subscribe(Group::private()).unwrap();
    topic.try_publish(0).unwrap();
    let used = allocation_counter::measure(|| {
        let name = |n: usize| format!("{n}");
        let private = |_| topic.subscribe(Group::private().capacity(1)).unwrap();
        let named = |n| topic.subscribe(Group::named(&name(n)).capacity(1)).unwrap();
        let groups: Vec<_> = (0..count / 2).map(private).chain((0..count / 2).map(named)).collect();
        assert_eq!(topic.try_publish(1).unwrap().delivered(), count + 1);
        drop(groups);
        assert_eq!(topic.try_publish(2).unwrap().delivered(), 1);
    });
    used.bytes_total
}

#[test]
fn x25_groups_joining_and_leaving_cost_the_same_at_any_number() {
    let (few, many) = (bytes_of_groups(1_000), bytes_of_groups(8_000));
    assert!(many < 9 * few, "{few} bytes for 1,000 groups, {many} for 8,000");
}
