//! The first example of the README, with a letter too few.
use rxd::{Context, Runner};
use std::time::Duration;

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await; // in Run until cancelled
        Ok(())
    }
}

#[rxd::service(backoff(base = "200ms", max = "5s"), restarts(max = 5, within = "1m"))]
#[watch(any, entering, Run, "helth")]             // hold me in Idle until health is in Run
#[watch(any, exited, Run, "health", then(stop))]   // take me out of Run when health leaves it
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(Duration::from_secs(1));
        while every.tick().await {
            println!("polling"); // on an error the service restarts, with growing delays
        }
        Ok(()) // cancelled
    }
}

#[rxd::daemon(shutdown_timeout = "10s")]
struct EdgeAgent {
    health: Health,
    poller: Poller,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let _log = rxd::log::init()?;
    EdgeAgent { health: Health, poller: Poller }.run().await?; // signals, start, wait, ordered stop, exit status
    Ok(())
}
