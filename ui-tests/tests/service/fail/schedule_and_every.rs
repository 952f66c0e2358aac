//! Two keys that say when a service runs.

use rxd::{Context, Runner};

#[rxd::service(every = "5m", schedule = "0 3 * * *")]
struct Backup;

impl Runner for Backup {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    backup: Backup,
}

fn main() {
    let _ = Edge { backup: Backup }.into_daemon();
}
