//! Topics in `/metrics`: every message is counted, also those that were dropped.

use crate::client::get;
use crate::daemon::start;
use rxd::intracom::{Group, Policy, Topic, TopicOptions};
use std::time::Duration;

#[tokio::test]
async fn metrics_count_every_message_by_topic_and_group() {
    let d = start(|admin| admin).await;
    let options = TopicOptions::DEFAULT.block_timeout(Duration::from_millis(1));
    let readings: Topic<u32> = d.handle.intracom().topic_with("readings", options).unwrap();
    readings.publish(0).await.unwrap();
    let keeps = |policy| Group::named("keeps").capacity(2).policy(policy);
    let mut keeps = readings.subscribe(keeps(Policy::DropOldest)).unwrap();
    let _own = [readings.subscribe(Group::private()).unwrap(), readings.subscribe(Group::private()).unwrap()];
    let _stalled = readings.subscribe(Group::named("stalled").capacity(3)).unwrap();
    let left = readings.subscribe(Group::named("left").capacity(1).policy(Policy::DropNewest)).unwrap();
    for message in 1..=5 {
        readings.publish(message).await.unwrap();
    }
    drop(left);
    assert_eq!(keeps.recv().await, Some(4));
    let metrics = get(&d.at, "/metrics").await.body;
    for line in [
        r#"rxd_topic_received_total{topic="readings"} 1"#,
        r#"rxd_topic_accepted_total{topic="readings"} 19"#,
        r#"rxd_topic_no_subscribers_total{topic="readings"} 1"#,
        r#"rxd_topic_dropped_total{topic="readings",reason="oldest"} 3"#,
        r#"rxd_topic_dropped_total{topic="readings",reason="newest"} 4"#,
        r#"rxd_topic_dropped_total{topic="readings",reason="stalled"} 2"#,
        r#"rxd_topic_dropped_total{topic="readings",reason="abandoned"} 0"#,
        r#"rxd_topic_dropped_total{topic="readings",reason="discarded"} 1"#,
        r#"rxd_group_members{topic="readings",group=""} 2"#,
        r#"rxd_group_queued{topic="readings",group=""} 10"#,
        r#"rxd_group_queued{topic="readings",group="keeps"} 1"#,
        r#"rxd_group_capacity{topic="readings",group="keeps"} 2"#,
        r#"rxd_group_dropped{topic="readings",group="keeps"} 3"#,
        r#"rxd_group_stalled{topic="readings",group="keeps"} 0"#,
        r#"rxd_group_stalled{topic="readings",group="stalled"} 1"#,
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains(r#"group="left""#) && !metrics.contains("group=\"#1"), "{metrics}");
    d.handle.shutdown();
    assert!(d.handle.wait().await.is_ok());
}
