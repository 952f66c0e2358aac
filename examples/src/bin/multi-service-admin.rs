//! The three services of `multi-service`, with an admin route: a page, `curl`, `rxdctl`,
//! Prometheus.
//!
//! ```text
//! cargo run -p examples --bin multi-service-admin -- --fail-every 20s
//! ```
//!
//! What to watch for: open <http://127.0.0.1:1337/>. It shows the graph that the compiler has
//! checked. Every 20 s the API fails, `health` fails with it, `poller` leaves Run, and all three
//! enter Run again. Then try
//!
//! ```text
//! curl 127.0.0.1:1337/services/poller/why
//! curl -X PUT -d 'debug for 1m' 127.0.0.1:1337/services/health/log-level
//! cargo run -p rxdctl -- status --watch
//! ```
//!
//! With `--journald` records go to the journal, with their fields:
//! `journalctl -t multi-service-admin SERVICE=health -o verbose`.

use axum::{Json, Router, routing::get};
use clap::Parser;
use examples::Http;
use rxd::admin::Admin;
use rxd::http::Server;
use rxd::{Context, Runner};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;

/// Serves `GET /api`, and fails at intervals if `--fail-every` is set.
#[rxd::service(backoff(base = "2s", max = "2s"))]
struct Api {
    server: Server,
    fail_every: Option<Duration>,
}

impl Api {
    fn new(addr: SocketAddr, fail_every: Option<Duration>) -> Self {
        let answer = async || {
            tracing::debug!("request answered");
            Json(json!({ "hello": "world" }))
        };
        Api { server: Server::new(Router::new().route("/api", get(answer))).listen(addr.to_string()), fail_every }
    }
}

impl Runner for Api {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.server.init(cx).await
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let serving = self.server.run(cx);
        match self.fail_every {
            Some(time) => tokio::time::timeout(time, serving).await.map_err(|_| "failed because of --fail-every")?,
            None => serving.await,
        }
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        self.server.stop(cx).await
    }

    /// There is nothing to reload: this only shows how it is called. The server's connections stay.
    async fn reload(&mut self, cx: &Context) -> rxd::Result {
        tracing::info!(service = cx.name(), "reloaded");
        Ok(())
    }
}

/// In Run while the API answers.
#[rxd::service(backoff(base = "200ms", max = "2s"))]
#[watch(any, entering, Run, "api")]
struct Health {
    api: Http,
}

impl Runner for Health {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(Duration::from_millis(500));
        while every.tick().await {
            cx.or_cancelled(self.api.get("/api")).await??;
            tracing::debug!("healthy");
        }
        Ok(())
    }
}

/// Logs the answers of the API while it is healthy.
#[rxd::service]
#[watch(any, entering, Run, "health")]
#[watch(any, exited, Run, "health", then(stop))]
struct Poller {
    api: Http,
}

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut every = cx.every(Duration::from_secs(5));
        while every.tick().await {
            match cx.or_cancelled(self.api.get("/api")).await? {
                Ok(answer) => tracing::info!("{answer}"),
                Err(error) => tracing::warn!("{error}"),
            }
        }
        Ok(())
    }
}

#[rxd::daemon(name = "multi-service", shutdown_timeout = "10s")]
struct MultiService {
    api: Api,
    health: Health,
    poller: Poller,
}

/// Three services that watch one another, and an admin route.
#[derive(Parser)]
struct Args {
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,
    /// Where the admin route listens: 127.0.0.1:1337, or unix:/run/my-app.sock.
    #[arg(long, default_value = "127.0.0.1:1337")]
    admin: String,
    /// The token that requests must have. Any address but loopback requires one.
    #[arg(long)]
    token: Option<String>,
    /// Make the API fail this long after each start: 20s.
    #[arg(long, value_parser = humantime::parse_duration)]
    fail_every: Option<Duration>,
    /// Log to the journal.
    #[arg(long)]
    journald: bool,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let args = Args::parse();
    // Records to standard output, warnings and errors to standard error.
    let logs = rxd::log::builder().split_stdout(true);
    let _log = if args.journald { logs.console(false).journald().init()? } else { logs.init()? };
    let api = Http::new(args.addr);
    let admin = match args.token {
        Some(token) => Admin::new(args.admin).token(token),
        None => Admin::new(args.admin),
    };
    MultiService {
        api: Api::new(args.addr, args.fail_every),
        health: Health { api: api.clone() },
        poller: Poller { api },
    }
    .into_daemon()
    .admin(admin)
    .run()
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State::Run;
    use rxd::testing::{Behavior, Harness};

    #[tokio::test(start_paused = true)]
    async fn poller_without_health_is_explained_by_why() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let api = Http::new(addr);
        let daemon =
            MultiService { api: Api::new(addr, None), health: Health { api: api.clone() }, poller: Poller { api } };
        let test = Harness::new(daemon.into_daemon()).fake_all_except("poller").start().await;
        test.until("poller", Run).await;
        test.handle().stop("health").await.unwrap();
        test.until("poller", rxd::State::Idle).await;
        test.settle().await;
        assert_eq!(
            test.handle().why("poller").unwrap().to_string(),
            "poller in Idle: waits for health entering Run; health in Exit (operator)"
        );
        test.handle().start("health").await.unwrap();
        test.until("poller", Run).await;
        test.set_behavior("api", Behavior::Fail);
        test.until("api", Run).await;
        assert!(test.shutdown().await.report.is_ok());
    }
}
