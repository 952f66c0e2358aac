//! Delegated methods on a thread of their own.

use rxd::{Context, Runner};

struct Probe;

impl Runner for Probe {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service(delegate, thread)]
struct Health(Probe);

#[rxd::daemon]
struct App {
    health: Health,
}

fn main() {
    let _ = App { health: Health(Probe) }.into_daemon();
}
