//! The longest gap between two pings of the watchdog, for daemons of different load.
//!
//! Each daemon runs in a process of its own, which is this program again, under
//! WATCHDOG_USEC=500000. No gap may exceed half of that (G29). If one does, the exit status is 1.
#![allow(clippy::print_stdout, reason = "it prints a table")]

use rxd::{Context, Daemon, Options, Runner, Service};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const SUBJECT: &str = "RXD_BENCH_SUBJECT";
const TIMEOUT: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(5);

/// Computes without ever waiting. Each poll takes this long.
struct Busy(Duration);

impl Runner for Busy {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        while !cx.is_cancelled() {
            let until = Instant::now() + self.0;
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            cx.heartbeat();
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Waits.
struct Quiet;

impl Runner for Quiet {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

fn main() -> ExitCode {
    if let Ok(text) = std::env::var(SUBJECT) {
        subject(&text);
        return ExitCode::SUCCESS;
    }
    println!(
        "{:>8} {:>6} {:>10} {:>7} {:>9} {:>9} {:>9}",
        "services", "busy", "turn", "pings", "p50", "p99", "longest"
    );
    let mut within = true;
    for (services, busy, micros) in
        [(10, 0, 0), (10_000, 0, 0), (10, 10, 1_000), (10_000, 100, 1_000), (10_000, 10_000, 10)]
    {
        let gaps = measure(services, busy, micros);
        let at = |share: f64| gaps[((gaps.len() - 1) as f64 * share) as usize];
        let (p50, p99, longest) = (at(0.5), at(0.99), at(1.0));
        within &= longest <= TIMEOUT / 2;
        let turn = Duration::from_micros(micros);
        println!("{services:>8} {busy:>6} {turn:>10?} {:>7} {p50:>9.1?} {p99:>9.1?} {longest:>9.1?}", gaps.len() + 1);
    }
    println!("no gap may be longer than {:?}", TIMEOUT / 2);
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The gaps between two pings, sorted.
fn measure(services: usize, busy: usize, micros: u64) -> Vec<Duration> {
    let path = std::env::temp_dir().join(format!("rxd-bench-{}", std::process::id()));
    let socket = UnixDatagram::bind(&path).expect("a socket for notifications");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .env(SUBJECT, format!("{services} {busy} {micros}"))
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", TIMEOUT.as_micros().to_string())
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::null())
        .spawn()
        .expect("the subject starts");
    let (mut gaps, mut ready, mut last) = (Vec::new(), None::<Instant>, None::<Instant>);
    let mut buffer = [0; 4096];
    while ready.is_none_or(|ready| ready.elapsed() < MEASURED) {
        let length = socket.recv(&mut buffer).expect("the subject sends notifications");
        let now = Instant::now();
        match &buffer[..length] {
            // From here on systemd expects pings.
            b"READY=1" => (ready, last) = (Some(now), Some(now)),
            b"WATCHDOG=1" if ready.is_some() => gaps.extend(last.replace(now).map(|last| now - last)),
            _ => {}
        }
    }
    child.kill().expect("the subject ends");
    child.wait().expect("the subject ends");
    std::fs::remove_file(&path).expect("the socket is gone");
    gaps.sort();
    gaps
}

fn subject(text: &str) {
    let mut numbers = text.split(' ').map(|number| number.parse::<u64>().expect("a number"));
    let mut number = || numbers.next().expect("three numbers");
    let (services, busy, micros) = (number(), number(), number());
    let mut daemon = Daemon::new("subject");
    for id in 0..services {
        let service = match id < busy {
            true => Service::new(format!("busy-{id}"), Busy(Duration::from_micros(micros))),
            false => Service::new(format!("quiet-{id}"), Quiet),
        };
        let options = Options::DEFAULT.heartbeat(Duration::from_secs(10));
        daemon = daemon.add(if id < busy { service.options(options) } else { service });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(daemon.run()).expect("the subject is killed");
}
