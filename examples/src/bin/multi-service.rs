//! Three services that watch one another: an HTTP API, a health check on it, and a poller.
//!
//! What to watch for: the lifecycle *is* the health signal. `health` sends requests to the API and
//! is in Run only while it answers. `poller` needs `health`: it waits in Idle until `health` is in
//! Run, and leaves Run when `health` does. Try
//!
//! ```text
//! RUST_LOG=info,rxd=debug cargo run -p examples --bin multi-service -- --fail-after 5s
//! ```
//!
//! The API fails once after five seconds, `health` fails with it, `poller` leaves Run, and all
//! three enter Run again without help. Ctrl-C stops `poller`, then `health`, then `api`: the order
//! is read off the attributes. `--graph` prints the graph that the compiler has checked,
//! `--graph=dot` and `--graph=json` print it for other programs.
#![allow(clippy::print_stdout, reason = "the answers that the poller gets are the program's output")]

use axum::{Json, Router, routing::get};
use clap::{Parser, ValueEnum};
use examples::Http;
use rxd::http::Server;
use rxd::{Context, Runner};
use serde_json::json;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

/// Serves `GET /api`. The server does the work; this adds a failure to it.
#[rxd::service(backoff(base = "2s"), restarts(max = 5, within = "1m"), on_failure = "shutdown")]
struct Api {
    server: Server,
    /// How long the first Run lasts.
    fail_after: Option<Duration>,
}

impl Api {
    fn new(addr: SocketAddr, fail_after: Option<Duration>) -> Self {
        let routes = Router::new().route("/api", get(async || Json(json!({ "hello": "world" }))));
        Api { server: Server::new(routes).listen(addr.to_string()), fail_after }
    }
}

impl Runner for Api {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.server.init(cx).await
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let serving = self.server.run(cx);
        match self.fail_after.take() {
            Some(limit) => tokio::time::timeout(limit, serving).await.map_err(|_| "failed because of --fail-after")?,
            None => serving.await,
        }
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        self.server.stop(cx).await
    }
}

/// In Run while the API answers.
#[rxd::service(backoff(base = "200ms", max = "2s"))]
#[watch(any, entering, Run, "api")]
struct Health {
    api: Http,
}

impl Runner for Health {
    /// Not healthy yet: sends requests until the API answers.
    async fn idle(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(Duration::from_millis(500));
        while every.tick().await && cx.or_cancelled(self.api.get("/api")).await?.is_err() {}
        Ok(())
    }

    /// Healthy: sends requests until the API does not answer.
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(Duration::from_millis(500));
        while every.tick().await {
            cx.or_cancelled(self.api.get("/api")).await??;
        }
        Ok(())
    }
}

/// Prints the answers of the API while it is healthy.
///
/// An API that is not in Run within a minute is a failure. `run` also logs the transitions of the
/// API.
#[rxd::service]
#[needs("health")]
#[watch(any, entering, Run, "api", within = "1m")]
#[watch(any, changing, Run, "api", stream(api_changes))]
struct Poller {
    api: Http,
}

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(Duration::from_secs(1));
        let mut changes = Self::api_changes(cx);
        loop {
            tokio::select! {
                true = every.tick() => match cx.or_cancelled(self.api.get("/api")).await? {
                    Ok(answer) => println!("{answer}"),
                    // `health` decides whether this service stays in Run.
                    Err(error) => tracing::warn!("{error}"),
                },
                Some(change) = changes.next() => {
                    let api = &change.services[0];
                    tracing::info!("the api has made a transition: {} {}", api.transition, api.state);
                }
                else => return Ok(()), // cancelled
            }
        }
    }
}

#[rxd::daemon(shutdown_timeout = "10s")]
struct MultiService {
    api: Api,
    health: Health,
    poller: Poller,
}

/// An HTTP API, a health check on it, and a poller that runs while it is healthy.
#[derive(Parser)]
struct Args {
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,
    /// Make the API fail once, this long after its start: 10s.
    #[arg(long, value_parser = humantime::parse_duration)]
    fail_after: Option<Duration>,
    /// Print the service graph, as Mermaid unless another format is named, and exit.
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "mermaid")]
    graph: Option<Format>,
}

#[derive(Clone, ValueEnum)]
enum Format {
    Mermaid,
    Dot,
    Json,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let args = Args::parse();
    if let Some(format) = args.graph {
        match format {
            Format::Mermaid => print!("{}", MultiService::GRAPH.to_mermaid()),
            Format::Dot => print!("{}", MultiService::GRAPH.to_dot()),
            Format::Json => println!("{}", MultiService::GRAPH.to_json()),
        }
        for advice in MultiService::GRAPH.advice() {
            writeln!(std::io::stderr(), "advice: {advice}").ok();
        }
        return Ok(());
    }
    examples::log_to_stderr();
    let api = Http::new(args.addr);
    MultiService {
        api: Api::new(args.addr, args.fail_after),
        health: Health { api: api.clone() },
        poller: Poller { api },
    }
    .run()
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State::{Exit, Idle, Run};
    use rxd::testing::{Behavior, Explorer, FakeService, Harness};

    /// The daemon with fakes for all services but the poller. No server listens at the address.
    fn daemon() -> Harness {
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let api = Http::new(addr);
        let daemon =
            MultiService { api: Api::new(addr, None), health: Health { api: api.clone() }, poller: Poller { api } };
        Harness::new(daemon.into_daemon()).fake_all_except("poller")
    }

    #[tokio::test(start_paused = true)]
    async fn poller_whose_health_fails_leaves_run_and_enters_it_again() {
        let test = daemon().start().await;
        test.until("poller", Run).await;
        test.set_behavior("health", Behavior::Fail);
        test.until("poller", Idle).await;
        test.until("poller", Run).await;
        let ended = test.shutdown().await;
        ended.trace.expect("poller").enters(Run).while_in("health", Run).times(2);
        ended.trace.expect("poller").enters(Exit).before("health");
        ended.trace.expect("health").enters(Exit).before("api");
    }

    /// Whatever the API and the health check do, in any order.
    #[test]
    fn poller_without_health_never_stays_in_run() {
        let explored = Explorer::new(|| daemon().fake("poller", FakeService::new()), ["api", "health"])
            .never_when_settled("the poller is in Run, and health is not", |at| {
                at.is_in("poller", Run) && !at.is_in("health", Run)
            })
            .steps(6)
            .run();
        explored.assert();
        assert!(explored.points > 20, "{explored:?}");
    }
}
