//! F40, F110: random graphs x random faults x random operators x a random stop.
//!
//! Among the faults are errors, values and a tracing layer whose own code panics (G53), requests that
//! services make of one another and of themselves (G55), pauses of the process (G57), and on real
//! threads methods and values that block theirs (G59).
//!
//! Every run is a [`Plan`] made from one number. `RXD_CHAOS_RUNS=10000` runs so many, from 0 on or from
//! `RXD_CHAOS_FROM`, `RXD_CHAOS_SEED=17` runs one; a plan that fails is made smaller until nothing can be left out,
//! and shown:
//!
//! The same plans, quicker, also run on real threads in real time. What such a run finds need not
//! come again; what a run in paused time finds does.
//!
//! ```text
//! RXD_CHAOS_SEED=17 cargo test -p rxd --release --test faults chaos
//! ```

mod deed;
mod plan;
mod run;
mod smaller;

use crate::kit::quiet;
use deed::Deed;
use plan::{Part, Plan, Tie, plan};
use run::run;
use rxd::testing::{Behavior, Trace};
use smaller::shrink;

/// How many plans are tried where nothing else is asked for: what fits a debug build's patience.
const RUNS: u64 = if cfg!(debug_assertions) { 500 } else { 10_000 };
/// As many in real time, on several threads.
const REAL_RUNS: u64 = 100;

fn try_seed(seed: u64, real: bool) {
    let plan = plan(seed, real);
    if let Err(error) = run(&plan) {
        // What depends on how threads meet need not fail again.
        let (plan, error) = if real { (plan, error) } else { shrink(plan, error, run) };
        panic!("seed {seed}\n{plan:#?}\n{error}\nagain: RXD_CHAOS_SEED={seed} cargo test -p rxd --test faults chaos");
    }
}

fn try_all(runs: u64, real: bool, threads: u64) {
    quiet();
    if let Some(seed) = number("RXD_CHAOS_SEED") {
        return try_seed(seed, real);
    }
    let from = number("RXD_CHAOS_FROM").unwrap_or(0);
    std::thread::scope(|scope| {
        for first in from..from + threads {
            scope.spawn(move || (first..from + runs).step_by(threads as usize).for_each(|seed| try_seed(seed, real)));
        }
    });
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn f40_f110_chaos() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    try_all(number("RXD_CHAOS_RUNS").unwrap_or(RUNS), false, threads as u64);
}

#[test]
fn f40_f110_chaos_on_real_threads() {
    // Most of the time they wait.
    try_all(number("RXD_CHAOS_RUNS").map_or(REAL_RUNS, |runs| runs / 20), true, 8);
}

#[test]
fn the_same_seed_is_the_same_run_to_the_last_transition() {
    quiet();
    for seed in 0..20 {
        let once = run(&plan(seed, false)).unwrap();
        let again = run(&plan(seed, false)).unwrap();
        assert_eq!(once, again, "seed {seed}");
    }
}

#[test]
fn a_plan_that_fails_is_made_as_small_as_what_it_fails_for() {
    // A fault that needs two services: one that needs another whose Stop hangs.
    let hangs = |part: &Part| part.deeds[3].iter().any(|deed| matches!(deed, Deed::Behavior(Behavior::Hang)));
    let broken = |plan: &Plan| {
        let needs_it =
            |edge: &Tie| matches!(edge, Tie::Needs(targets) if targets.iter().any(|&at| hangs(&plan.services[at])));
        match plan.services.iter().any(|part| part.edges.iter().any(needs_it)) {
            true => Err("G99: planted".to_owned()),
            false => Ok(Trace::parse("")),
        }
    };
    let found =
        (0..).map(|seed| plan(seed, false)).find(|plan| plan.services.len() > 4 && broken(plan).is_err()).unwrap();
    let (small, error) = shrink(found, "G99: planted".into(), broken);
    assert_eq!(error, "G99: planted");
    assert_eq!((small.services.len(), small.operators.len()), (2, 0), "{small:#?}");
    assert_eq!(small.services.iter().map(|part| part.edges.len()).sum::<usize>(), 1);
    let odd = small.services.iter().flat_map(|part| part.deeds.iter().flatten());
    let odd: Vec<String> = odd
        .filter(|deed| !matches!(deed, Deed::Behavior(Behavior::Ok | Behavior::UntilCancelled)))
        .map(|deed| format!("{deed:?}"))
        .collect();
    assert_eq!(odd, ["Behavior(Hang)"]);
}
