//! one
use rxd::{Context, Runner};

#[rxd::service]
struct Health;
impl Runner for Health {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service(name = "poller", manager = "until_success", startup_delay = "100ms")]
#[watch(any, entering, Run, "health")]
#[watch(any, exited, Run, "health", then(stop))]
struct Poller;
impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon(name = "edge-agent", shutdown_timeout = "30s", signals(interrupt, user1))]
struct EdgeAgent {
    health: Health,
    poller: Option<Poller>,
}

#[tokio::main]
async fn main() -> rxd::Result {
    EdgeAgent { health: Health, poller: Some(Poller) }.run().await
}
