//! Keys of a service, also one that resembles a key of the daemon, and half of a key.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(restarts(max = 5, within = "1m"), timeout = "5s")]
struct Edge {
    health: Health,
}

fn main() {
    let _ = Edge { health: Health };
}
