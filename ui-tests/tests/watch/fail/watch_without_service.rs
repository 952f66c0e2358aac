//! `#[watch]` without `#[rxd::service]`.

use rxd::{Context, Runner};

#[rxd::service(name = "health")]
struct Other;

impl Runner for Other {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::watch(any, entering, Run, "health")]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    other: Other,
    poller: Poller,
}

fn main() {
    let edge = Edge { other: Other, poller: Poller { client: 1 } };
    let _ = edge.into_daemon();
}
