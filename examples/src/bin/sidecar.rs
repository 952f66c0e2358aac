//! A sidecar: redis as a service, and a client that is in Run only while redis is.
//!
//! ```text
//! cargo run -p examples --bin sidecar -- --port 6380
//! ```
//!
//! It needs `redis-server`; `--program` takes another path.
//!
//! What to watch for: the client enters Run once redis accepts connections. What redis writes are
//! records of the service `redis`. Kill it, `pkill redis-server`: the client leaves Run, and both come
//! back. Ctrl-C ends the client first, then redis, which says goodbye.

use clap::Parser;
use rxd::process::{Process, Ready};
use rxd::{Context, Runner};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Runs `redis-server`.
#[rxd::service(name = "redis", delegate, backoff(base = "200ms", max = "5s"))]
struct Redis(Process);

impl Redis {
    fn new(program: &str, port: u16) -> Self {
        let redis = Process::new(program).args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        // It is a cache: it keeps nothing on the disk.
        let redis = redis.args(["--save", "", "--appendonly", "no"]).current_dir(std::env::temp_dir());
        Redis(redis.ready(Ready::port(port)))
    }
}

/// Counts, in redis.
#[rxd::service]
#[needs("redis")]
struct Client {
    port: u16,
    every: Duration,
}

impl Runner for Client {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut redis = cx.or_cancelled(TcpStream::connect(("127.0.0.1", self.port))).await??;
        let mut every = cx.every(self.every);
        while every.tick().await {
            redis.write_all(b"INCR visits\r\n").await?;
            let mut answer = [0; 64];
            let length = cx.or_cancelled(redis.read(&mut answer)).await??;
            if length == 0 {
                return Err("redis has closed the connection".into());
            }
            tracing::info!("visits{}", String::from_utf8_lossy(&answer[..length]).trim());
        }
        Ok(())
    }
}

#[rxd::daemon(shutdown_timeout = "10s")]
struct Sidecar {
    redis: Redis,
    client: Client,
}

/// Redis as a service, and a client of it.
#[derive(Parser)]
struct Args {
    /// The program.
    #[arg(long, default_value = "redis-server")]
    program: String,
    /// Where it listens, on 127.0.0.1.
    #[arg(long, default_value_t = 6379)]
    port: u16,
    /// How often the client counts.
    #[arg(long, value_parser = humantime::parse_duration, default_value = "1s")]
    every: Duration,
    /// Where the page and the API for operators are; by default nowhere.
    #[arg(long)]
    admin: Option<String>,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { program, port, every, admin } = Args::parse();
    examples::log_to_stderr();
    let daemon = Sidecar { redis: Redis::new(&program, port), client: Client { port, every } }.into_daemon();
    let daemon = match admin {
        Some(address) => daemon.admin(address),
        None => daemon,
    };
    daemon.run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State::{Exit, Idle, Run};
    use rxd::testing::{Behavior, FakeService, Harness};

    /// No process takes part: both services are fakes.
    #[tokio::test(start_paused = true)]
    async fn client_is_in_run_only_while_redis_is_and_ends_first() {
        let daemon =
            Sidecar { redis: Redis::new("none", 1), client: Client { port: 1, every: Duration::from_secs(1) } };
        let harness = Harness::new(daemon.into_daemon());
        let test = harness.fake("redis", FakeService::new()).fake("client", FakeService::new()).start().await;
        test.until("client", Run).await;
        test.set_behavior("redis", Behavior::Fail);
        test.until("client", Idle).await;
        test.until("client", Run).await;
        let ended = test.shutdown().await;
        ended.trace.expect("client").enters(Exit).before("redis");
    }
}
