//! A zone of a service without a schedule.

use rxd::{Context, Runner};

#[rxd::service(every = "5m", zone = "Europe/Berlin")]
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
