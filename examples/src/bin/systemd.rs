//! A daemon whose watchdog depends on heartbeats, and a unit that agrees with it.
//!
//! What to watch for: what systemd sees of the daemon.
//!
//! * `systemctl start` returns when both services are in Run, not before.
//! * `systemctl status` shows what they are doing.
//! * `kill -USR1` wedges the worker. It has declared a heartbeat, so systemd notices, although the
//!   process continues and the API still answers.
//!
//! ```text
//! cargo build -p examples --bin systemd
//! sudo install target/debug/systemd /usr/local/bin/jobs
//! jobs --unit | sudo tee /etc/systemd/system/jobs.service
//! sudo systemctl daemon-reload && sudo systemctl start jobs && systemctl status jobs
//! sudo systemctl kill -s USR1 jobs && sleep 5 && journalctl -u jobs -n 20
//! ```
//!
//! With `--rescue` the daemon restarts the worker first, and systemd does not restart the daemon.
//! systemd keeps the listener of the API, so a restart of the daemon refuses no connection. The
//! listener may also come from a socket unit with `FileDescriptorName=api`.
#![allow(clippy::print_stdout, reason = "--unit is output")]

use axum::{Router, routing::get};
use clap::Parser;
use rxd::{Context, OnStale, Runner};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Serves `GET /`: the number of jobs done.
#[rxd::service(timeouts(Init = "5s", Idle = "1s", Stop = "5s"))]
struct Api {
    addr: SocketAddr,
    /// The listener that systemd opened, or kept from the last start.
    passed: Option<std::net::TcpListener>,
    jobs: Arc<AtomicU64>,
}

impl Runner for Api {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        if self.passed.is_none() {
            let listener = std::net::TcpListener::bind(self.addr)
                .map_err(|error| format!("failed to listen on {}: {error}; choose another with --addr", self.addr))?;
            listener.set_nonblocking(true)?;
            // A listener that systemd passed is stored already.
            system::keep("api", &listener)?;
            self.passed = Some(listener);
        }
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        // Use a copy, because the listener outlives this Run.
        let listener = self.passed.as_ref().ok_or("run without init")?.try_clone()?;
        tracing::info!("listening on http://{}/", listener.local_addr()?);
        let jobs = self.jobs.clone();
        let count = move || async move { format!("{} jobs\n", jobs.load(Ordering::Relaxed)) };
        let listener = tokio::net::TcpListener::from_std(listener)?;
        examples::serve(cx, listener, Router::new().route("/", get(count))).await
    }
}

/// Does a job at intervals, and reports progress.
#[rxd::service(heartbeat = "2s", timeouts(Init = "5s", Idle = "1s", Stop = "5s"))]
#[needs("api")]
struct Worker {
    /// A file with the time between two jobs: `500ms`.
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
            return Err(format!("the pace is {pace:?}; it must be greater than 0 and at most 1s").into());
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
        let mut wedged = std::pin::pin!(system::wedged());
        let mut every = tokio::time::interval(self.pace);
        loop {
            tokio::select! {
                _ = every.tick() => {
                    let jobs = self.jobs.fetch_add(1, Ordering::Relaxed) + 1;
                    cx.heartbeat();
                    cx.status(format!("{jobs} jobs, one every {:?}", self.pace));
                }
                signal = &mut wedged => {
                    signal?;
                    tracing::warn!("wedged by SIGUSR1: no more jobs, and no more heartbeat");
                    std::future::pending::<()>().await;
                }
                () = cx.cancelled() => return Ok(()),
            }
        }
    }

    /// SIGHUP: reads the file again. An invalid value changes nothing.
    async fn reload(&mut self, _cx: &Context) -> rxd::Result {
        self.pace = self.configured().await?;
        Ok(())
    }
}

/// The sockets that systemd passes and keeps, and SIGUSR1.
#[cfg(unix)]
mod system {
    use std::net::TcpListener;
    use tokio::signal::unix::{SignalKind, signal};

    pub(super) fn passed(name: &str) -> rxd::Result<Option<TcpListener>> {
        Ok(rxd::systemd::Sockets::take()?.tcp_listener(name)?)
    }

    pub(super) fn keep(name: &str, listener: &TcpListener) -> std::io::Result<bool> {
        rxd::systemd::store(name, listener)
    }

    pub(super) async fn wedged() -> std::io::Result<()> {
        signal(SignalKind::user_defined1())?.recv().await;
        Ok(())
    }
}

/// Other systems have neither.
#[cfg(not(unix))]
mod system {
    use std::net::TcpListener;

    pub(super) fn passed(_: &str) -> rxd::Result<Option<TcpListener>> {
        Ok(None)
    }

    pub(super) fn keep(_: &str, _: &TcpListener) -> std::io::Result<bool> {
        Ok(false)
    }

    pub(super) async fn wedged() -> std::io::Result<()> {
        std::future::pending().await
    }
}

#[rxd::daemon(shutdown_timeout = "15s")]
struct Jobs {
    api: Api,
    worker: Worker,
}

/// A daemon under systemd: readiness, status, reload, and a watchdog that depends on heartbeats.
#[derive(Parser)]
struct Args {
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,
    /// A file with the time between two jobs: 500ms. SIGHUP reads it again.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Restart a wedged worker before leaving it to systemd.
    #[arg(long)]
    rescue: bool,
    /// Print the systemd unit of this daemon with these arguments, and exit.
    #[arg(long)]
    unit: bool,
    /// The version of systemd that the unit is for.
    #[arg(long, value_name = "VERSION", default_value_t = 253)]
    systemd: u32,
}

/// Not `#[tokio::main]`: the passed sockets must be taken before there is another thread.
fn main() -> rxd::Result {
    let args = Args::parse();
    let passed = system::passed("api")?;
    let jobs = Arc::<AtomicU64>::default();
    let daemon = Jobs {
        api: Api { addr: args.addr, passed, jobs: jobs.clone() },
        worker: Worker { config: args.config.clone(), pace: Duration::from_millis(500), jobs },
    };
    let on_stale = if args.rescue { OnStale::Restart } else { OnStale::StopPinging };
    let daemon = daemon.into_daemon().watchdog_interval(Duration::from_secs(1)).on_stale(on_stale);
    if args.unit {
        // With the arguments of this call, except those about the unit.
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
    async fn worker_that_reloads_keeps_its_pace_and_stays_in_run() {
        let jobs = Arc::<AtomicU64>::default();
        let daemon = Jobs {
            api: Api { addr: ([127, 0, 0, 1], 0).into(), passed: None, jobs: jobs.clone() },
            worker: Worker { config: None, pace: Duration::from_millis(500), jobs: jobs.clone() },
        };
        let test = Harness::new(daemon.into_daemon()).fake_all_except("worker").start().await;
        test.until("worker", Run).await;
        tokio::time::sleep(Duration::from_millis(2250)).await;
        assert_eq!(jobs.load(Ordering::Relaxed), 5);
        // A reload does not leave Run.
        test.handle().reload("worker").await.unwrap();
        let ended = test.shutdown().await;
        ended.trace.expect("worker").enters(Run).times(1).while_in("api", Run);
    }
}
