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
    drain = "5s",
    signals(interrupt, user1),
    prestart(
        check_disk,
        stages::reach_db,
        stages::reach_db(),
        reach_db(retry = "1s", attempts = 3, timeout = "5s"),
        restart = "10s"
    ),
    exit_code = 3,
    blocking_threshold = "1s",
    watchdog_interval = "5s",
    on_stale(restart),
    history = 4096
)]
struct Edge {
    job: Job,
}

const CODE: u8 = 4;
const LIMIT: std::time::Duration = std::time::Duration::from_secs(2);

#[rxd::daemon(
    name = env!("CARGO_PKG_NAME"),
    shutdown_timeout = LIMIT,
    drain = LIMIT,
    prestart(check_disk(retry = LIMIT), restart = LIMIT),
    exit_code = CODE,
    blocking_threshold = None,
    watchdog_interval = LIMIT,
    on_stale = "stop_pinging",
    history = 2 * 512,
    crate = "rxd"
)]
struct Expressions {
    job: Job,
}

const MOST: u32 = 1;
const LEAST: std::time::Duration = std::time::Duration::from_nanos(1);
const MAYBE: Option<std::time::Duration> = Some(LEAST);

/// The smallest and the largest value of each key.
#[rxd::daemon(
    name = concat!("lim", "its"),
    shutdown_timeout = std::time::Duration::MAX,
    drain = "0s",
    signals(),
    prestart(check_disk(retry = "0s", attempts = MOST, timeout = std::time::Duration::MAX), reach_db(attempts = MOST)),
    exit_code = Self::CODE,
    blocking_threshold = MAYBE,
    watchdog_interval = "0s",
    history = u32::MAX as usize,
)]
struct Limits {
    job: Job,
}

impl Limits {
    const CODE: u8 = u8::MAX;
}

#[rxd::daemon(shutdown_timeout = "213503982334601d", exit_code = 255, blocking_threshold = LEAST, history = 1)]
struct Literals {
    job: Job,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    Limits { job: Job }.run().await?;
    Literals { job: Job }.run().await?;
    Expressions { job: Job }.run().await?;
    Edge { job: Job }.run().await?;
    Ok(())
}
