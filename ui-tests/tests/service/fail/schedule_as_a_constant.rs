//! A schedule is read before constants are evaluated.

use rxd::{Context, Runner};

#[rxd::service(schedule = NIGHTLY)]
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
