//! A daemon that earns its watchdog, and a unit that agrees with it.
//!
//! What to watch for: `systemctl start` returns when both services are in Run, not before;
//! `systemctl status` shows what they are doing; `kill -USR1` wedges the worker, and since it has
//! declared a heartbeat, systemd notices, although the process goes on and the API still answers.
//!
//! ```text
//! cargo build -p examples --bin systemd
//! sudo install target/debug/systemd /usr/local/bin/jobs
//! jobs --unit | sudo tee /etc/systemd/system/jobs.service
//! sudo systemctl daemon-reload && sudo systemctl start jobs && systemctl status jobs
//! sudo systemctl kill -s USR1 jobs && sleep 5 && journalctl -u jobs -n 20
//! ```
//!
//! `--rescue` has the worker restarted first: then nobody but the log notices. The API's listener
//! is kept by systemd meanwhile, so that a restart of the daemon refuses no connection; it may
//! also come from a socket unit with `FileDescriptorName=api`.
#![allow(clippy::print_stdout, reason = "--unit is output")]

use axum::{Router, routing::get};
use clap::Parser;
use rxd::systemd::Sockets;
use rxd::{Context, OnStale, Runner};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Serves `GET /`: how many jobs were done.
#[rxd::service(timeouts(Init = "5s", Idle = "1s", Stop = "5s"))]
struct Api {
    addr: SocketAddr,
    /// What systemd opened, or kept from the last time.
    passed: Option<std::net::TcpListener>,
    jobs: Arc<AtomicU64>,
}

impl Runner for Api {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        if self.passed.is_none() {
            let listener = std::net::TcpListener::bind(self.addr)
                .map_err(|error| format!("failed to listen on {}: {error}; choose another with --addr", self.addr))?;
            listener.set_nonblocking(true)?;
            // What was passed is kept already.
            rxd::systemd::store("api", &listener)?;
            self.passed = Some(listener);
        }
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        // A copy: the listener outlives this Run.
        let listener = self.passed.as_ref().ok_or("run without init")?.try_clone()?;
        tracing::info!("listening on http://{}/", listener.local_addr()?);
        let jobs = self.jobs.clone();
        let count = move || async move { format!("{} jobs\n", jobs.load(Ordering::Relaxed)) };
        let listener = tokio::net::TcpListener::from_std(listener)?;
        examples::serve(cx, listener, Router::new().route("/", get(count))).await
    }
}

/// Does a job now and then, and says so.
#[rxd::service(heartbeat = "2s", timeouts(Init = "5s", Idle = "1s", Stop = "5s"))]
#[needs("api")]
struct Worker {
    /// A file that says how long to wait between two jobs: `500ms`.
    config: Option<PathBuf>,
    pace: Duration,
    jobs: Arc<AtomicU64>,
}

impl Worker {
    async fn configured(&self) -> rxd::Result<Duration> {
        let Some(path) = &self.config else { return Ok(self.pace) };
        let text = tokio::fs::read_to_string(path).await?;
        let pace = humantime::parse_duration(text.trim())?;
        if pace.is_zero() || pace > Duration::from_secs(1) {
            return Err(format!("a pace of {pace:?} is not between 0 and 1s").into());
        }
        Ok(pace)
    }
}

impl Runner for Worker {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        self.pace = self.configured().await?;
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut wedge = signal(SignalKind::user_defined1())?;
        let mut every = tokio::time::interval(self.pace);
        loop {
            tokio::select! {
                _ = every.tick() => {
                    let jobs = self.jobs.fetch_add(1, Ordering::Relaxed) + 1;
                    cx.heartbeat();
                    cx.status(format!("{jobs} jobs, one every {:?}", self.pace));
                }
                _ = wedge.recv() => {
                    tracing::warn!("wedged by SIGUSR1: no more jobs, and no more heartbeat");
                    std::future::pending::<()>().await;
                }
                () = cx.cancelled() => return Ok(()),
            }
        }
    }

    /// SIGHUP: what the file says now, if that is sound.
    async fn reload(&mut self, _cx: &Context) -> rxd::Result {
        self.pace = self.configured().await?;
        Ok(())
    }
}

#[rxd::daemon(shutdown_timeout = "15s")]
struct Jobs {
    api: Api,
    worker: Worker,
}

/// A daemon under systemd: readiness, status, reload, and a watchdog that is earned.
#[derive(Parser)]
struct Args {
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,
    /// A file that says how long to wait between two jobs: 500ms. SIGHUP has it read again.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Restart a wedged worker before it is left to systemd.
    #[arg(long)]
    rescue: bool,
    /// Print the systemd unit of this daemon with these arguments, and exit.
    #[arg(long)]
    unit: bool,
    /// The version of systemd the unit is for.
    #[arg(long, value_name = "VERSION", default_value_t = 253)]
    systemd: u32,
}

/// Not `#[tokio::main]`: what systemd passes is taken before there is any other thread.
fn main() -> rxd::Result {
    let args = Args::parse();
    let mut sockets = Sockets::take()?;
    let jobs = Arc::<AtomicU64>::default();
    let daemon = Jobs {
        api: Api { addr: args.addr, passed: sockets.tcp_listener("api")?, jobs: jobs.clone() },
        worker: Worker { config: args.config.clone(), pace: Duration::from_millis(500), jobs },
    };
    let on_stale = if args.rescue { OnStale::Restart } else { OnStale::StopPinging };
    let daemon = daemon.into_daemon().watchdog_interval(Duration::from_secs(1)).on_stale(on_stale);
    if args.unit {
        // As it was called, but for what is about the unit.
        let mut unit = daemon.unit().exec(std::env::current_exe()?).fd_store(1).systemd(args.systemd);
        if args.addr.to_string() != "127.0.0.1:8000" {
            unit = unit.arg(format!("--addr={}", args.addr));
        }
        if let Some(config) = &args.config {
            unit = unit.arg(format!("--config={}", config.display()));
        }
        if args.rescue {
            unit = unit.arg("--rescue");
        }
        print!("{unit}");
        return Ok(());
    }
    examples::log_to_stderr();
    tokio::runtime::Runtime::new()?.block_on(daemon.run())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State::Run;
    use rxd::testing::Harness;

    #[tokio::test(start_paused = true)]
    async fn the_worker_works_at_its_pace_while_there_is_an_api() {
        let jobs = Arc::<AtomicU64>::default();
        let daemon = Jobs {
            api: Api { addr: ([127, 0, 0, 1], 0).into(), passed: None, jobs: jobs.clone() },
            worker: Worker { config: None, pace: Duration::from_millis(500), jobs: jobs.clone() },
        };
        let test = Harness::new(daemon.into_daemon()).fake_all_except("worker").start().await;
        test.until("worker", Run).await;
        tokio::time::sleep(Duration::from_millis(2250)).await;
        assert_eq!(jobs.load(Ordering::Relaxed), 5);
        // Nothing has changed, and nothing is missed: it stays in Run.
        test.handle().reload("worker").await.unwrap();
        let ended = test.shutdown().await;
        ended.trace.expect("worker").enters(Run).times(1).while_in("api", Run);
    }
}
