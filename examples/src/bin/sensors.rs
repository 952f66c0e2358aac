//! Readings of this machine: one service takes them, a second sums them up, a third serves them.
//!
//! What to watch for: `GET /` returns the summary, and `GET /groups` the counts of each group.
//!
//! * The aggregator needs every reading, so its group blocks the sampler when it is full.
//! * The two readers are slow on purpose, but block no publisher: a full group drops the oldest
//!   reading in one, the newest in the other. Soon the one lags behind by the size of its buffer,
//!   and the other further and further.
//!
//! ```text
//! cargo run -p examples --bin sensors -- --every 10ms
//! curl localhost:8080/groups
//! ```

use axum::{Json, Router, extract::State, routing::get};
use clap::Parser;
use rxd::http::Server;
use rxd::intracom::{Group, Intracom, Policy, StaticTopic};
use rxd::{Context, Runner};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One value of one sensor.
#[derive(Clone, Debug)]
struct Reading {
    number: u64,
    sensor: &'static str,
    value: f64,
}

/// What a sensor has read so far.
#[derive(Clone, Debug)]
struct Summary {
    readings: u64,
    least: f64,
    most: f64,
    mean: f64,
}

type Summaries = BTreeMap<&'static str, Summary>;

static READINGS: StaticTopic<Reading> = StaticTopic::new("readings");
/// Keeps its last message, so that a late subscriber gets a summary at once.
static SUMMARIES: StaticTopic<Summaries> = StaticTopic::new("summaries").keep_last();

/// Loses no reading: the sampler waits for room.
const AGGREGATOR: Group<'static> = Group::named("aggregator").capacity(64);
/// Keeps only the latest summary.
const LATEST: Group<'static> = Group::named("web").capacity(1).policy(Policy::DropOldest).replay_last();
const NEWEST: Group<'static> = Group::named("keeps-newest").capacity(8).policy(Policy::DropOldest);
const OLDEST: Group<'static> = Group::named("keeps-oldest").capacity(8).policy(Policy::DropNewest);

/// The load of the last minute, and the memory that is available, in MiB.
fn sample() -> rxd::Result<[(&'static str, f64); 2]> {
    let read = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("failed to read {path}: {error}"));
    let (load, memory) = (read("/proc/loadavg")?, read("/proc/meminfo")?);
    let load = load.split(' ').next().ok_or("/proc/loadavg is empty")?.parse()?;
    let available = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available: f64 = available.ok_or("no MemAvailable in /proc/meminfo")?.trim_end_matches("kB").trim().parse()?;
    Ok([("load", load), ("memory_available_mib", available / 1024.0)])
}

/// Publishes the readings of the sensors.
#[rxd::service(backoff(base = "1s"))]
struct Sampler {
    every: Duration,
    number: u64,
}

impl Runner for Sampler {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let readings = READINGS.open(&cx.intracom())?;
        let mut every = tokio::time::interval(self.every);
        loop {
            for (sensor, value) in sample()? {
                self.number += 1;
                let reading = Reading { number: self.number, sensor, value };
                tokio::select! {
                    delivery = readings.publish(reading) => delivery?,
                    () = cx.cancelled() => return Ok(()),
                };
            }
            tokio::select! {
                _ = every.tick() => {}
                () = cx.cancelled() => return Ok(()),
            }
        }
    }
}

/// Sums up all readings, and publishes the sums.
#[rxd::service]
struct Aggregator {
    summaries: Summaries,
}

impl Runner for Aggregator {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut readings = READINGS.subscribe(&cx.intracom(), AGGREGATOR)?;
        let topic = SUMMARIES.open(&cx.intracom())?;
        while let Some(Reading { sensor, value, .. }) = readings.recv().await {
            let new = Summary { readings: 0, least: value, most: value, mean: 0.0 };
            let summary = self.summaries.entry(sensor).or_insert(new);
            summary.readings += 1;
            summary.least = summary.least.min(value);
            summary.most = summary.most.max(value);
            summary.mean += (value - summary.mean) / summary.readings as f64;
            topic.publish(self.summaries.clone()).await?;
        }
        Ok(())
    }
}

/// Takes half a second for each reading.
#[rxd::service]
struct SlowReader {
    group: Group<'static>,
}

impl Runner for SlowReader {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut readings = READINGS.subscribe(&cx.intracom(), self.group)?;
        while let Some(reading) = readings.recv().await {
            tracing::debug!(number = reading.number, dropped = readings.stats().dropped.total(), "read");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
                () = cx.cancelled() => {}
            }
        }
        Ok(())
    }
}

/// Serves the latest summary, and the counts of each group.
#[rxd::service(backoff(base = "2s"), restarts(max = 5, within = "1m"), on_failure = "shutdown")]
struct Web {
    server: Server,
    /// What the server shows.
    latest: Arc<Mutex<Summaries>>,
}

#[derive(Clone)]
struct Shown {
    intracom: Intracom,
    latest: Arc<Mutex<Summaries>>,
}

async fn summary(State(shown): State<Shown>) -> Json<Value> {
    let latest = shown.latest.lock().unwrap_or_else(PoisonError::into_inner);
    let one = |Summary { readings, least, most, mean }: &Summary| json!({ "readings": readings, "least": least, "most": most, "mean": mean });
    Json(latest.iter().map(|(sensor, summary)| (sensor.to_string(), one(summary))).collect())
}

async fn groups(State(shown): State<Shown>) -> Json<Value> {
    let stats = shown.intracom.stats();
    let groups = stats.topics.iter().flat_map(|topic| topic.groups.iter().map(move |group| (topic, group)));
    let one = |(topic, group): (&rxd::intracom::TopicStats, &rxd::intracom::GroupStats)| {
        json!({
            "topic": topic.name,
            "group": group.name,
            "policy": group.policy.to_string(),
            "capacity": group.capacity,
            "received": group.received,
            "queued": group.queued,
            "dropped": { "oldest": group.dropped.oldest, "newest": group.dropped.newest },
        })
    };
    Json(groups.map(one).collect())
}

impl Web {
    fn new(addr: SocketAddr) -> Self {
        let latest = Arc::<Mutex<Summaries>>::default();
        let served = latest.clone();
        let server = Server::with(move |cx| {
            let shown = Shown { intracom: cx.intracom(), latest: served.clone() };
            Ok(Router::new().route("/", get(summary)).route("/groups", get(groups)).with_state(shown))
        });
        Web { server: server.listen(addr.to_string()), latest }
    }
}

impl Runner for Web {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.server.init(cx).await
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut summaries = SUMMARIES.subscribe(&cx.intracom(), LATEST)?;
        let follow = async {
            while let Some(summaries) = summaries.recv().await {
                *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = summaries;
            }
        };
        let (served, ()) = tokio::join!(self.server.run(cx), follow);
        served
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        self.server.stop(cx).await
    }
}

#[rxd::daemon(shutdown_timeout = "10s")]
struct Sensors {
    sampler: Sampler,
    aggregator: Aggregator,
    #[service(name = "keeps-newest")]
    newest: SlowReader,
    #[service(name = "keeps-oldest")]
    oldest: SlowReader,
    web: Web,
}

/// Three services that sample this machine, sum up the readings, and serve them.
#[derive(Parser)]
struct Args {
    /// The address that serves the summary.
    #[arg(long, default_value = "127.0.0.1:8080")]
    addr: SocketAddr,
    /// How often the sensors are read.
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    every: Duration,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { addr, every } = Args::parse();
    if every.is_zero() {
        return Err("--every must be greater than zero".into());
    }
    examples::log_to_stderr();
    Sensors {
        sampler: Sampler { every, number: 0 },
        aggregator: Aggregator { summaries: Summaries::new() },
        newest: SlowReader { group: NEWEST },
        oldest: SlowReader { group: OLDEST },
        web: Web::new(addr),
    }
    .run()
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::testing::{Behavior, Harness, Inbox};

    /// The aggregator between a scripted sampler and an inbox.
    #[tokio::test(start_paused = true)]
    async fn aggregator_with_three_readings_publishes_three_summaries() {
        let daemon = Sensors {
            sampler: Sampler { every: Duration::from_secs(1), number: 0 },
            aggregator: Aggregator { summaries: Summaries::new() },
            newest: SlowReader { group: NEWEST },
            oldest: SlowReader { group: OLDEST },
            web: Web::new(([127, 0, 0, 1], 0).into()),
        };
        let readings = [1.0, 3.0, 2.0].map(|value| Reading { number: 0, sensor: "load", value });
        let inbox = Inbox::new();
        let test = Harness::new(daemon.into_daemon())
            .fake_all_except("aggregator")
            .fake("web", inbox.subscriber(SUMMARIES, Group::named("web")))
            .start()
            .await;
        test.until("aggregator", rxd::State::Run).await;
        test.settle().await;
        test.set_behavior("sampler", Behavior::publish(READINGS, readings));
        test.settle().await;
        let summaries: Vec<Summaries> = inbox.messages();
        assert_eq!(summaries.len(), 3);
        let Summary { readings, least, most, mean } = summaries[2]["load"];
        assert_eq!((readings, least, most, mean), (3, 1.0, 3.0, 2.0));
        assert!(test.shutdown().await.report.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_reader_with_a_full_group_does_not_block_the_publisher() {
        let reader = Harness::isolated(rxd::Service::declared(SlowReader { group: NEWEST })).start().await;
        reader.until("slow-reader", rxd::State::Run).await;
        reader.settle().await;
        let topic = READINGS.open(&reader.handle().intracom()).unwrap();
        for number in 0..100 {
            topic.publish(Reading { number, sensor: "load", value: 0.0 }).await.unwrap();
        }
        assert!(topic.stats().groups[0].dropped.oldest >= 90);
        reader.shutdown().await;
    }
}
