//! A schedule says when the first run is due.

use rxd::{Context, Runner};

#[rxd::service(schedule = "0 3 * * *", first = "at_once")]
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
