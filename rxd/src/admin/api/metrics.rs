//! `GET /metrics`, in the text format of Prometheus. Every number is read off the daemon when it is
//! asked for; none is kept twice.

use super::metrics_writer::MetricsWriter;
use super::series;
use crate::admin::app::App;
use crate::admin::dto;
use crate::core::readiness::DaemonReadiness;
#[cfg(feature = "intracom")]
use crate::intracom::{DropCounts, GroupStats, Stats, TopicStats};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
#[cfg(feature = "intracom")]
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

pub(crate) async fn get(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text(&app)).into_response()
}

fn text(app: &App) -> String {
    let core = app.handle.core();
    let (seq, statuses) = core.board.statuses();
    // By the same instant, and in the same order.
    let states = core.states_of(seq, &statuses);
    let uptime = core.uptime().as_secs_f64();
    let mut out = String::with_capacity(2048 + states.len() * 640);
    let mut metric = MetricsWriter::new(&mut out);

    series::write(&mut metric, core, &statuses, &states);
    let readiness = match core.readiness(&statuses) {
        _ if dto::phase(&app.handle, states.iter()) != "running" => "not_ready",
        DaemonReadiness::Ready => "ready",
        DaemonReadiness::Degraded => "degraded",
        DaemonReadiness::NotReady => "not_ready",
    };
    metric.head(
        "rxd_readiness",
        "gauge",
        "Whether the daemon is ready, degraded (ready without an optional service) or not ready.",
    );
    for word in ["ready", "degraded", "not_ready"] {
        metric.line("rxd_readiness", &[("readiness", word)], u8::from(word == readiness));
    }
    metric.single("rxd_transitions_total", "counter", "How many transitions all services have made.", states.seq());
    metric.single("rxd_uptime_seconds", "gauge", "Seconds since the start of the daemon.", dto::seconds(uptime));
    let stopping = u8::from(dto::phase(&app.handle, states.iter()) != "running");
    metric.single("rxd_stopping", "gauge", "Whether the daemon is stopping (1) or not (0).", stopping);
    let lagged = core.lagged.load(Ordering::Relaxed);
    let help = "How many transitions streams of states have missed, because their readers were too slow.";
    metric.single("rxd_watch_lagged_total", "counter", help, lagged);
    metric.head(
        "rxd_log_dropped_records_total",
        "counter",
        "How many records were dropped, because the queue of their sink was full.",
    );
    for (sink, dropped) in crate::log::dropped_records() {
        metric.line("rxd_log_dropped_records_total", &[("sink", &sink)], dropped);
    }
    #[cfg(feature = "intracom")]
    topics(&mut metric, &core.intracom.stats());
    let counts = &app.counts;
    for (name, kind, help, count) in [
        ("rxd_admin_connections", "gauge", "Open connections to the admin route.", &counts.open),
        ("rxd_admin_accepted_total", "counter", "Connections accepted.", &counts.accepted),
        ("rxd_admin_refused_total", "counter", "Connections refused, because all were busy.", &counts.refused),
        ("rxd_admin_requests_total", "counter", "Requests to the admin route.", &counts.requests),
        ("rxd_admin_streams", "gauge", "Open event streams.", &counts.streams),
        (
            "rxd_admin_lagged_total",
            "counter",
            "Transitions that event streams have missed, because their clients were too slow.",
            &counts.lagged,
        ),
    ] {
        metric.single(name, kind, help, count.load(Ordering::Relaxed));
    }
    out
}

/// The messages between services, by topic and by consumer group.
#[cfg(feature = "intracom")]
fn topics(metric: &mut MetricsWriter<'_>, stats: &Stats) {
    let received = |topic: &TopicStats| {
        topic.closed_groups.received + topic.groups.iter().map(|group| group.received).sum::<u64>()
    };
    let accepted = |topic: &TopicStats| {
        topic.closed_groups.accepted + topic.groups.iter().map(|group| group.accepted).sum::<u64>()
    };
    let help = "The messages that consumer groups took into their buffers, one for each group.";
    metric.head("rxd_topic_accepted_total", "counter", help);
    for topic in &stats.topics {
        metric.line("rxd_topic_accepted_total", &[("topic", &topic.name)], accepted(topic));
    }
    metric.head("rxd_topic_received_total", "counter", "The messages that subscribers have received.");
    for topic in &stats.topics {
        metric.line("rxd_topic_received_total", &[("topic", &topic.name)], received(topic));
    }
    metric.head("rxd_topic_no_subscribers_total", "counter", "The messages published while there were no subscribers.");
    for topic in &stats.topics {
        metric.line("rxd_topic_no_subscribers_total", &[("topic", &topic.name)], topic.no_subscribers);
    }
    metric.head(
        "rxd_topic_dropped_total",
        "counter",
        "The messages that consumer groups have not received, by reason.",
    );
    for topic in &stats.topics {
        let DropCounts { oldest, newest, stalled, abandoned, discarded, .. } = topic.dropped();
        for (reason, count) in [
            ("oldest", oldest),
            ("newest", newest),
            ("stalled", stalled),
            ("abandoned", abandoned),
            ("discarded", discarded),
        ] {
            metric.line("rxd_topic_dropped_total", &[("topic", &topic.name), ("reason", reason)], count);
        }
    }
    // Private groups have no lasting name: their sum is one line.
    let of_groups = |of: fn(&GroupStats) -> u64| {
        let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for topic in &stats.topics {
            for group in &topic.groups {
                let name = if group.shared { &*group.name } else { "" };
                *sums.entry((&topic.name, name)).or_default() += of(group);
            }
        }
        sums
    };
    for (name, help, sums) in [
        ("rxd_group_members", "The subscriptions in the group.", of_groups(|group| group.members as u64)),
        ("rxd_group_queued", "The messages in the buffer of the group.", of_groups(|group| group.queued as u64)),
        ("rxd_group_capacity", "The capacity of the buffer of the group.", of_groups(|group| group.capacity as u64)),
        (
            "rxd_group_stalled",
            "Whether the group has exceeded the block timeout of the topic (1) or not (0).",
            of_groups(|group| group.stalled.into()),
        ),
        (
            "rxd_group_dropped",
            "The messages the group has not received since it exists.",
            of_groups(|group| group.dropped.total()),
        ),
    ] {
        metric.head(name, "gauge", help);
        for ((topic, group), sum) in sums {
            metric.line(name, &[("topic", topic), ("group", group)], sum);
        }
    }
}
