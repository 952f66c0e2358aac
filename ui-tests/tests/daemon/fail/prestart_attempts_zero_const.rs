//! A constant: a stage with no attempts.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

const MOST: u32 = 0;

#[rxd::daemon(prestart(check_disk(retry = "1s", attempts = MOST)))]
struct Edge {
    health: Health,
}

async fn check_disk() -> rxd::Result {
    Ok(())
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
