//! Generates a crate of many services, with and without a daemon, and times `cargo check` on both:
//!
//! ```text
//! cargo run --release -p check-scale -- --services 1000 --watches 3
//! ```
//!
//! The difference is what the graph costs: building it, and checking it. `--shape` chooses which
//! services each service watches:
//!
//! * `near`: those just before it;
//! * `chain`: those just after it, which is the worst order for a walk;
//! * `far`: some anywhere before it.
//!
//! With `--by-hand` it compares one annotated service with the same service written on bare tokio:
//! expanded lines, `cargo check` and `cargo build`, each as the share of one service among many.

#![allow(clippy::print_stdout)]

mod by_hand;
mod crates;
mod generate;

use crates::{Generated, Time};
use generate::{Plan, Shape};
use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "check-scale [--services N] [--watches K] [--shape near|chain|far] [--runs R] [--by-hand]";

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
    let (mut runs, mut by_hand) = (3, false);
    let mut args = std::env::args().skip(1);
    while let Some(key) = args.next() {
        if key == "--by-hand" {
            by_hand = true;
            continue;
        }
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
    if by_hand { one_service(plan.services.min(100), runs) } else { graph(&plan, runs) }
}

/// What the graph costs.
fn graph(plan: &Plan, runs: u32) -> Result {
    let without = Generated::new("without")?.time("check", &plan.source(false), runs)?;
    let with = Generated::new("with")?.time("check", &plan.source(true), runs)?;
    println!(
        "{} services, {} watches each, {:?}; best of {runs} `cargo check`",
        plan.services, plan.watches, plan.shape
    );
    let share = with.less(without);
    for (what, time) in [("without a daemon", without), ("with the daemon", with), ("the daemon's share", share)] {
        print!("  {what:18} {:6.2} s", time.real.as_secs_f64());
        match time.cpu {
            Some(cpu) => println!(", {:6.2} s of CPU", cpu.as_secs_f64()),
            None => println!(),
        }
    }
    Ok(())
}

/// What one service costs, as the share of one among `count`.
fn one_service(count: usize, runs: u32) -> Result {
    println!("one service among {count}; best of {runs}, CPU time if the system reports it");
    for (name, source) in [("annotated", by_hand::annotated as fn(usize) -> String), ("by-hand", by_hand::by_hand)] {
        let generated = Generated::new(name)?;
        let (few, many) = (source(1), source(count + 1));
        let each = |more: f64, less: f64| (more - less) / count as f64;
        let share = |command: &str| -> Result<f64> {
            let (more, less) = (generated.time(command, &many, runs)?, generated.time(command, &few, runs)?);
            let millis = |time: Time| time.best().as_secs_f64() * 1e3;
            Ok(each(millis(more), millis(less)))
        };
        let (check, build) = (share("check")?, share("build")?);
        let written = each(many.lines().count() as f64, few.lines().count() as f64);
        let expanded = each(generated.expanded_lines(&many)? as f64, generated.expanded_lines(&few)? as f64);
        println!(
            "  {name:10} {written:4.0} lines, {expanded:4.0} expanded; check {check:6.2} ms, build {build:6.2} ms"
        );
    }
    Ok(())
}
