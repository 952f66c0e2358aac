//! A whole daemon.

use rxd::{Context, Runner};
use std::time::Duration;

#[rxd::service]
struct Health {
    target: String,
}

impl Runner for Health {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let _ = (cx, &self.target);
        Ok(())
    }
}

#[rxd::service(name = "poller", manager = "until_success", startup_delay = "100ms")]
#[watch(any, entering, Run, "health")]
#[watch(any, exited, Run, "health", then(stop))]
#[watch(all, changing, rxd::State::Run, Health, stream(changes))]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        let _watch: rxd::Watch = Self::changes(cx);
        Ok(())
    }

    async fn run(&mut self, _: &Context) -> rxd::Result {
        let _ = self.client;
        Ok(())
    }
}

const LIMIT: Duration = Duration::from_secs(3);

#[rxd::service(
    manager(until_success),
    delay = LIMIT,
    delays(Run = "1s", Stop = LIMIT),
    timeouts(Init = "5s"),
    backoff(base = "1s", factor = 2, max = "1m30s", jitter = 0.5, reset = "1h"),
    restarts(max = 5, within = "1m"),
    on_failure = "ignore",
    heartbeat = "2s"
)]
#[needs(Health, within = "30s")]
#[after("poller")]
enum Either {
    Left,
}

impl Runner for Either {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[after("either")]
struct Pool<T: Send + 'static> {
    items: Vec<T>,
}

impl<T: Send + 'static> Runner for Pool<T> {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        self.items.clear();
        Ok(())
    }
}

#[rxd::daemon(name = "edge-agent", shutdown_timeout = "30s", signals(interrupt, terminate))]
struct EdgeAgent {
    health: Health,
    poller: Poller,
    either: Option<Either>,
    #[cfg(unix)]
    pool: Pool<String>,
    #[service(name = "worker-2")]
    second: Pool<u8>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    let daemon = EdgeAgent {
        health: Health { target: String::new() },
        poller: Poller { client: 1 },
        either: Some(Either::Left),
        pool: Pool { items: Vec::new() },
        second: Pool { items: Vec::new() },
    };
    assert_eq!(EdgeAgent::GRAPH.nodes.len(), 5);
    let names: Vec<_> = EdgeAgent::GRAPH.nodes.iter().map(|node| node.name).collect();
    assert_eq!(names, ["health", "poller", "either", "pool", "worker-2"]);
    assert!(EdgeAgent::GRAPH.nodes[2].optional);
    if std::env::args().count() > 7 {
        return Ok(daemon.run().await?);
    }
    let handle = daemon.start().await?;
    let _ = handle.states();
    Ok(())
}
