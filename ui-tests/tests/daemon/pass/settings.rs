//! Every key of a daemon.

use rxd::{Context, Runner};

#[rxd::service(manager = "until_success")]
struct Job;

impl Runner for Job {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

async fn check_disk() -> rxd::Result {
    Ok(())
}

mod stages {
    pub async fn reach_db() -> rxd::Result {
        Ok(())
    }
}

use stages::reach_db;

#[rxd::daemon(
    name = "edge",
    shutdown_timeout = "30s",
    signals(interrupt, user1),
    prestart(check_disk, stages::reach_db, reach_db(retry = "1s", attempts = 3, timeout = "5s")),
    exit_code = 3,
    stall_limit = "1s",
    report_alive = "5s"
)]
struct Edge {
    job: Job,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    Edge { job: Job }.run().await
}
