//! A soak test: a daemon of two hundred services under every kind of load. `just soak 4h` runs it.
//!
//! The daemon runs in a process of its own, which is this program again:
//!
//! * Its services fail, panic, ignore cancellation and reach their restart limits at random
//!   ([`subject`]).
//! * Watches start and end within it and over HTTP.
//! * Operators stop, start, restart and reload random services, and change levels ([`operators`]).
//! * SIGHUP arrives every minute.
//! * A socket in systemd's place counts the pings of a watchdog of one second ([`manager`]).
//!
//! The test passes if no ping was missing, every reload was answered, the trace read from `/events`
//! breaks no promise, and SIGTERM then ends the daemon with status 0. Every minute it prints a line
//! with memory, threads, files, and how late watchers were.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]

mod client;
mod manager;
mod operators;
mod subject;

use client::Follower;
use manager::Manager;
use rxd::testing::{DeclaredRules, check_invariants};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SUBJECT: &str = "RXD_SOAK_SUBJECT";
const MINUTE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if let Ok(seed) = std::env::var(SUBJECT) {
        return subject::run(seed.parse().expect("a number"));
    }
    let asked = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let lasts = asked.as_deref().map_or(Some(MINUTE), duration).expect("a duration is `90s`, `45m` or `4h`");
    let seed = std::env::var("RXD_SOAK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    println!("seed {seed}, {lasts:?}");
    let wrong = soak(seed, lasts);
    wrong.iter().for_each(|wrong| println!("{wrong}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.len().checked_sub(1)?);
    let seconds = [("s", 1), ("m", 60), ("h", 3600)].into_iter().find(|known| known.0 == unit)?.1;
    Some(Duration::from_secs(number.parse::<u64>().ok()? * seconds))
}

/// Runs the test, and returns every violation.
fn soak(seed: u64, lasts: Duration) -> Vec<String> {
    let manager = Manager::start();
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .env(SUBJECT, seed.to_string())
        .env("NOTIFY_SOCKET", manager.path())
        .env("WATCHDOG_USEC", manager::TIMEOUT.as_micros().to_string())
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the subject starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let address = lines.next().expect("the subject prints its address");
    let late = Arc::new(Mutex::new(String::new()));
    let last_line = late.clone();
    let reader = std::thread::spawn(move || lines.for_each(|line| *last_line.lock().expect("no thread panics") = line));

    let over = Arc::new(AtomicBool::new(false));
    let follower = Follower::start(&address);
    let operators = operators::start(&address, seed, &over);
    let began = Instant::now();
    let (mut hangups, mut minute) = (0, 0);
    println!(
        "{:>7} {:>9} {:>7} {:>9} {:>6} {:>11}  how late watchers were",
        "minute", "resident", "threads", "pings", "files", "longest gap"
    );
    while began.elapsed() < lasts {
        minute += 1;
        std::thread::sleep((MINUTE * minute).min(lasts).saturating_sub(began.elapsed()));
        let (pings, longest) = manager.pings();
        let (resident, threads, files) = held(&child);
        let late = late.lock().expect("no thread panics").clone();
        println!("{minute:>7} {resident:>6} kB {threads:>7} {pings:>9} {files:>6} {longest:>11.1?}  {late}");
        if began.elapsed() < lasts {
            signal(&child, "HUP");
            hangups += 1;
        }
    }
    over.store(true, Ordering::Relaxed);
    let summary = operators.join();
    signal(&child, "TERM");
    let status = child.wait().expect("it ends");
    reader.join().expect("no thread panics");
    let trace = follower.join();
    let mut wrong = manager.wrong(hangups);
    println!("{} transitions, {} requests, {hangups} reloads", trace.steps.len(), summary.requests);
    if !status.success() {
        wrong.push(format!("it ended with {status}"));
    }
    wrong.extend(summary.wrong);
    let rules = DeclaredRules::of(&subject::daemon(seed));
    let rules = summary.operated.iter().fold(rules, |rules, (service, times)| rules.operator(service, *times));
    for violation in check_invariants(&trace, &rules).iter().take(5) {
        wrong.push(format!("{violation}\n{}", trace.around(violation.seq)));
    }
    wrong
}

fn signal(child: &Child, signal: &str) {
    let kill = format!("kill -s {signal} {}", child.id());
    assert!(Command::new("/bin/sh").args(["-c", &kill]).status().expect("a shell").success());
}

/// Resident kilobytes, threads, and open files.
fn held(child: &Child) -> (u64, usize, usize) {
    let of = |path| format!("/proc/{}/{path}", child.id());
    let status = std::fs::read_to_string(of("status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    let count = |path| std::fs::read_dir(of(path)).map_or(0, Iterator::count);
    (resident.unwrap_or(0), count("task"), count("fd"))
}
