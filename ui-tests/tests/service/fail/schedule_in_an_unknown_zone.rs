//! A schedule in a zone that does not exist.

use rxd::{Context, Runner};

#[rxd::service(schedule = "0 3 * * *", zone = "Europe/Berln")]
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
