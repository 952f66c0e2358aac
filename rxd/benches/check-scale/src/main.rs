//! Generates a crate of many services, with and without a daemon, and times `cargo check` on both:
//!
//! ```text
//! cargo run --release -p check-scale -- --services 1000 --watches 3
//! ```
//!
//! The difference is what the graph costs: building it, and checking it. `--shape` says how the
//! services watch each other: `near` (each the ones just before it), `chain` (declared in the order
//! that is worst for a walk: each the ones just after it) or `far` (each some anywhere before it).

#![allow(clippy::print_stdout)]

mod generate;

use generate::{Plan, Shape};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "check-scale [--services N] [--watches K] [--shape near|chain|far] [--runs R]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("check-scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result {
    let mut plan = Plan { services: 1000, watches: 3, shape: Shape::Far };
    let mut runs = 3;
    let mut args = std::env::args().skip(1);
    while let Some(key) = args.next() {
        let value = args.next().ok_or(USAGE)?;
        match &*key {
            "--services" => plan.services = value.parse()?,
            "--watches" => plan.watches = value.parse()?,
            "--runs" => runs = value.parse()?,
            "--shape" => {
                plan.shape = match &*value {
                    "near" => Shape::Near,
                    "chain" => Shape::Chain,
                    "far" => Shape::Far,
                    _ => return Err(USAGE.into()),
                }
            }
            _ => return Err(USAGE.into()),
        }
    }
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/check-scale");
    let without = time(&room, "without", &plan.source(false), runs)?;
    let with = time(&room, "with", &plan.source(true), runs)?;
    println!(
        "{} services, {} watches each, {:?}; best of {runs} `cargo check`",
        plan.services, plan.watches, plan.shape
    );
    let share = Time {
        real: with.real.saturating_sub(without.real),
        cpu: with.cpu.zip(without.cpu).map(|(with, without)| with.saturating_sub(without)),
    };
    for (what, time) in [("without a daemon", without), ("with the daemon", with), ("the daemon's share", share)] {
        print!("  {what:18} {:6.2} s", time.real.as_secs_f64());
        match time.cpu {
            Some(cpu) => println!(", {:6.2} s of CPU", cpu.as_secs_f64()),
            None => println!(),
        }
    }
    Ok(())
}

/// What a check took.
#[derive(Clone, Copy)]
struct Time {
    real: Duration,
    /// Where the system tells: this does not depend on what else the machine does.
    cpu: Option<Duration>,
}

/// The CPU time of all children so far, from Linux's `/proc`; in its ticks, of which 100 are a second.
fn cpu_of_children() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: Option<Vec<u64>> =
        stat.rsplit_once(')')?.1.split_whitespace().skip(13).take(2).map(|field| field.parse().ok()).collect();
    Some(Duration::from_millis(10 * ticks?.iter().sum::<u64>()))
}

/// Writes a crate and gives the shortest of several times that its check took.
fn time(room: &Path, name: &str, source: &str, runs: u32) -> Result<Time> {
    let rxd = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let dir: PathBuf = room.join(name);
    std::fs::create_dir_all(dir.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"scale-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nrxd = {{ path = {:?} }}\n\n[workspace]\n",
        rxd
    );
    std::fs::write(dir.join("Cargo.toml"), manifest)?;
    std::fs::copy(rxd.join("../Cargo.lock"), dir.join("Cargo.lock"))?;
    let main = dir.join("src/main.rs");
    // The dependencies, once.
    std::fs::write(&main, "fn main() {}\n")?;
    check(&dir, room)?;
    let mut best = Time { real: Duration::MAX, cpu: None };
    for run in 0..runs {
        std::fs::write(&main, format!("// {run}\n{source}"))?;
        let time = check(&dir, room)?;
        best.real = best.real.min(time.real);
        best.cpu = [best.cpu, time.cpu].into_iter().flatten().min();
    }
    Ok(best)
}

fn check(dir: &Path, room: &Path) -> Result<Time> {
    let before = cpu_of_children();
    let begin = Instant::now();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["check", "--quiet", "--offline"])
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TARGET_DIR", room.join("target"))
        .current_dir(dir)
        .output()?;
    if output.status.success() {
        let cpu = cpu_of_children().zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(Time { real: begin.elapsed(), cpu })
    } else {
        let text = String::from_utf8_lossy(&output.stderr);
        Err(format!("the generated crate does not check:\n{}", text.chars().take(4000).collect::<String>()).into())
    }
}
