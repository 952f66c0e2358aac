//! Opening, declaring, closing and removing topics.

use super::now;
use rxd::intracom::{Group, Intracom, StaticTopic, TopicOptions};
use std::time::Duration;

static READINGS: StaticTopic<f64> = StaticTopic::new("readings");
static MISDECLARED: StaticTopic<String> = StaticTopic::new("readings");

#[test]
fn f58_topic_opened_with_another_type_names_both_types_and_places() {
    let intracom = Intracom::new();
    let _made = intracom.topic::<u32>("a").unwrap();
    let made = line!() - 1;
    let error = intracom.topic::<String>("a").unwrap_err();
    let asked = line!() - 1;
    assert!(error.is_type_mismatch());
    assert_eq!(error.topic(), "a");
    let text = error.to_string();
    for part in
        ["topic `a`", "`u32`", "`alloc::string::String`", &format!("topics.rs:{made}:"), &format!("topics.rs:{asked}:")]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn f58_every_way_to_open_a_topic_notices_another_type() {
    let intracom = Intracom::new();
    let _made = intracom.topic::<u32>("a").unwrap();
    assert!(intracom.topic::<u64>("a").unwrap_err().is_type_mismatch());
    assert!(intracom.topic_with::<u64>("a", TopicOptions::DEFAULT).unwrap_err().is_type_mismatch());
    assert!(intracom.topic_with::<u64>("a", TopicOptions::DEFAULT.keep_last()).unwrap_err().is_type_mismatch());
    let error = now(intracom.subscribe::<u64>("a", Group::private())).unwrap().unwrap_err();
    assert!(error.is_type_mismatch());
    assert!(error.to_string().contains("topics.rs"));
}

#[test]
fn f58_two_declarations_of_one_name_with_two_types_are_refused() {
    let intracom = Intracom::new();
    READINGS.open(&intracom).unwrap();
    let error = MISDECLARED.open(&intracom).unwrap_err();
    assert!(error.is_type_mismatch());
    let text = error.to_string();
    assert!(text.contains("topics.rs:7:") && text.contains("topics.rs:8:"), "{text}");
}

#[test]
fn topic_opened_twice_is_created_once() {
    let intracom = Intracom::new();
    let first = intracom.topic_with::<u32>("a", TopicOptions::DEFAULT).unwrap();
    let second = intracom.topic::<u32>("a").unwrap();
    let mut sub = first.subscribe(Group::private()).unwrap();
    second.try_publish(7).unwrap();
    assert_eq!(sub.try_recv(), Ok(7));
    assert_eq!(intracom.stats().topics.len(), 1);
}

#[test]
fn topic_opened_with_other_options_is_refused() {
    let intracom = Intracom::new();
    let _made = intracom.topic_with::<u32>("a", TopicOptions::DEFAULT.keep_last()).unwrap();
    intracom.topic_with::<u32>("a", TopicOptions::DEFAULT.keep_last()).unwrap();
    intracom.topic::<u32>("a").unwrap();
    let error = intracom.topic_with::<u32>("a", TopicOptions::DEFAULT).unwrap_err();
    assert!(error.is_options_mismatch());
    assert!(error.to_string().contains("keep_last"), "{error}");
}

#[test]
fn topic_with_a_reserved_or_empty_name_is_refused() {
    let intracom = Intracom::new();
    for name in ["", "_rxd", "_rxd_states", "_rxd/x"] {
        assert!(intracom.topic::<u32>(name).unwrap_err().is_invalid(), "{name}");
        assert!(now(intracom.subscribe::<u32>(name, Group::private())).unwrap().unwrap_err().is_invalid(), "{name}");
    }
    intracom.topic::<u32>("_rx").unwrap();
    intracom.topic::<u32>("rxd").unwrap();
}

#[test]
fn topic_removed_is_closed_and_its_name_is_free() {
    let intracom = Intracom::new();
    let old = intracom.topic::<u32>("a").unwrap();
    assert!(intracom.remove("a"));
    assert!(!intracom.remove("a"));
    assert!(old.is_closed());
    assert!(old.try_publish(1).unwrap_err().is_closed());
    // Free for a topic of any type.
    let new = intracom.topic::<String>("a").unwrap();
    // Closing the old one again does not touch the new one.
    old.close();
    assert!(!new.is_closed());
    assert_eq!(intracom.stats().topics.len(), 1);
}

#[test]
fn topic_closed_leaves_the_registry() {
    let intracom = Intracom::new();
    intracom.topic::<u32>("a").unwrap().close();
    assert!(intracom.stats().topics.is_empty());
    intracom.topic::<String>("a").unwrap();
}

#[tokio::test(start_paused = true)]
async fn subscribe_waits_for_the_topic() {
    let intracom = Intracom::new();
    let mut waiting = Box::pin(intracom.subscribe::<u32>("late", Group::private()));
    assert!(super::poll(waiting.as_mut()).is_pending());
    intracom.topic::<u32>("other").unwrap();
    assert!(super::poll(waiting.as_mut()).is_pending());
    let topic = intracom.topic::<u32>("late").unwrap();
    let mut sub = waiting.await.unwrap();
    topic.publish(1).await.unwrap();
    assert_eq!(sub.recv().await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn subscribe_within_tokios_timeout_waits_no_longer() {
    let intracom = Intracom::new();
    let start = tokio::time::Instant::now();
    let limit = Duration::from_secs(3);
    tokio::time::timeout(limit, intracom.subscribe::<u32>("never", Group::private())).await.unwrap_err();
    assert_eq!(start.elapsed(), limit);
    intracom.topic::<u32>("there").unwrap();
    let there = intracom.subscribe::<u32>("there", Group::private());
    tokio::time::timeout(Duration::ZERO, there).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn registry_closed_creates_nothing_and_ends_waits() {
    let intracom = Intracom::new();
    let topic = intracom.topic::<u32>("a").unwrap();
    let mut sub = topic.subscribe(Group::private()).unwrap();
    let waiting = tokio::spawn({
        let intracom = intracom.clone();
        async move { intracom.subscribe::<u32>("late", Group::private()).await.map(drop) }
    });
    tokio::task::yield_now().await;
    intracom.close();
    assert!(waiting.await.unwrap().unwrap_err().is_closed());
    assert!(intracom.is_closed());
    assert!(topic.publish(1).await.unwrap_err().is_closed());
    assert_eq!(sub.recv().await, None);
    assert!(intracom.topic::<u32>("a").unwrap_err().is_closed());
    assert!(intracom.topic::<u32>("b").unwrap_err().is_closed());
    intracom.close();
}

#[test]
fn static_topic_is_created_by_its_first_subscriber() {
    let intracom = Intracom::new();
    let mut sub = READINGS.subscribe(&intracom, Group::private()).unwrap();
    READINGS.open(&intracom).unwrap().try_publish(1.5).unwrap();
    assert_eq!(sub.try_recv(), Ok(1.5));
    assert_eq!(READINGS.name(), "readings");
}

#[test]
fn types_of_a_message_that_is_not_sync_are_send_sync_and_debug() {
    fn check<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    #[derive(Clone, Debug)]
    struct Cellular(#[allow(dead_code)] std::cell::Cell<u32>);
    let intracom = Intracom::new();
    let topic = intracom.topic::<Cellular>("a").unwrap();
    let sub = topic.subscribe(Group::private()).unwrap();
    let publishing = topic.publish(Cellular(1.into()));
    fn send<T: Send>(_: &T) {}
    send(&publishing);
    check(&intracom);
    check(&topic);
    check(&sub);
    check(&intracom.stats());
    static DECLARED: StaticTopic<Cellular> = StaticTopic::new("a");
    check(&DECLARED);
    topic.close();
    let error = topic.try_publish(Cellular(2.into())).unwrap_err();
    check(&error);
    assert_eq!(error.to_string(), "failed to publish to topic `a`: it is closed");
    // `?` works in a service.
    let _: rxd::AnyError = error.into();
    assert!(format!("{topic:?} {sub:?} {intracom:?} {DECLARED:?}").contains("topics.rs"));
}
