//! The services, and what each of them needs.

use crate::config::Config;
use rxd::{Context, Runner};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The time between two checks of the upstream.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// In Run while the upstream can be reached. Other services watch this as a signal.
#[rxd::service(backoff(base = "100ms", max = "2s"))]
pub struct Upstream {
    addr: SocketAddr,
}

impl Upstream {
    async fn check(&self) -> rxd::Result {
        let connected = timeout(Duration::from_secs(2), TcpStream::connect(self.addr)).await;
        let connected = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        connected.map(drop).map_err(|error| format!("failed to reach {}: {error}", self.addr).into())
    }
}

impl Runner for Upstream {
    /// Not reachable yet: the service restarts, with growing delays, until it is.
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        cx.or_cancelled(self.check()).await?
    }

    /// Reachable, until a check fails.
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(CHECK_INTERVAL);
        while every.tick().await {
            cx.or_cancelled(self.check()).await??;
        }
        Ok(())
    }
}

/// Does the work while the upstream can be reached. It stops within half of the shutdown timeout.
#[rxd::service(heartbeat = "1m", timeouts(Stop = "5s"))]
#[needs("upstream")]
pub struct Worker {
    every: Duration,
    /// Where to read `every` again.
    file: Option<PathBuf>,
    done: u64,
}

impl Runner for Worker {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(self.every);
        while every.tick().await {
            // Await the work in `cx.or_cancelled(..)`, and give it a limit.
            self.done += 1;
            cx.heartbeat();
            cx.status(format!("{} pieces of work, one every {:?}", self.done, self.every));
            tracing::info!(done = self.done, "worked");
        }
        Ok(())
    }

    /// SIGHUP: called between two calls of `run`. An error changes nothing.
    async fn reload(&mut self, _cx: &Context) -> rxd::Result {
        self.every = Config::read(self.file.as_deref())?.every;
        tracing::info!(every = ?self.every, "reloaded");
        Ok(())
    }
}

/// The daemon.
#[rxd::daemon(shutdown_timeout = "10s")]
pub struct Template {
    upstream: Upstream,
    worker: Worker,
}

impl Template {
    /// The daemon with this configuration, which was read from this file.
    pub fn new(config: &Config, file: Option<PathBuf>) -> Self {
        Template { upstream: Upstream { addr: config.upstream }, worker: Worker { every: config.every, file, done: 0 } }
    }
}

#[cfg(test)]
#[allow(clippy::result_large_err, reason = "it is figment's")]
mod tests {
    use super::*;
    use figment::Jail;
    use rxd::State::{Idle, Run};
    use rxd::testing::{Behavior, Harness};

    /// The worker under test, with a fake for the upstream.
    fn harness() -> Harness {
        let config = Config { every: Duration::from_secs(10), ..Config::default() };
        Harness::new(Template::new(&config, None).into_daemon()).fake_all_except("worker")
    }

    #[tokio::test(start_paused = true)]
    async fn worker_whose_upstream_fails_leaves_run_and_enters_it_again() {
        let test = harness().start().await;
        test.until("worker", Run).await;
        test.set_behavior("upstream", Behavior::Fail);
        test.until("worker", Idle).await;
        test.until("worker", Run).await;
        let ended = test.shutdown().await;
        assert!(ended.report.is_ok());
        ended.trace.expect("worker").enters(Run).while_in("upstream", Run).times(2);
        ended.trace.expect("worker").enters(rxd::State::Exit).before("upstream");
    }

    #[test]
    fn worker_that_reloads_stays_in_run() {
        // A reload reads the environment, which the tests of the configuration change in a `Jail`.
        Jail::expect_with(|_| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().start_paused(true).build().unwrap().block_on(async {
                let test = harness().start().await;
                test.until("worker", Run).await;
                test.handle().reload("worker").await.unwrap();
                let ended = test.shutdown().await;
                ended.trace.expect("worker").enters(Run).times(1);
            });
            Ok(())
        });
    }
}
