//! A schedule for a day that its month has not.

use rxd::{Context, Runner};

#[rxd::service(schedule = "0 0 31 2 *")]
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
