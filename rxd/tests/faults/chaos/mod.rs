//! F40, F110: random graphs x random faults x random operators x a random stop.
//!
//! The faults include errors, values and a tracing layer whose own code panics (G53), requests of
//! services to each other and to themselves (G55), pauses of the process (G57), and on real threads
//! methods and values that block their thread (G59).
//!
//! Every run is a [`Plan`] made from a seed. `RXD_CHAOS_RUNS=10000` sets the number of runs,
//! `RXD_CHAOS_FROM` the first seed (0 by default). `RXD_CHAOS_SEED=17` runs one seed. A plan that
//! fails is shrunk until nothing can be left out, and printed.
//!
//! The same plans, with shorter times, also run on real threads in real time. A failure there may
//! not repeat; one in paused time always does.
//!
//! ```text
//! RXD_CHAOS_SEED=17 cargo test -p rxd --release --test faults chaos
//! ```

mod plan;
mod run;
mod scripted;
mod shrink;

use crate::kit::silence_scripted_panics;
use plan::{EdgePlan, Plan, ServicePlan, plan};
use run::run;
use rxd::testing::{Behavior, Trace};
use scripted::ScriptedCall;
use shrink::shrink;

/// The default number of plans. A debug build runs fewer.
const RUNS: u64 = if cfg!(debug_assertions) { 500 } else { 10_000 };
/// The default number of plans in real time, on several threads.
const REAL_RUNS: u64 = 100;

fn try_seed(seed: u64, real: bool) {
    let plan = plan(seed, real);
    if let Err(error) = run(&plan) {
        // A failure that depends on the threads may not repeat, so it cannot be shrunk.
        let (plan, error) = if real { (plan, error) } else { shrink(plan, error, run) };
        panic!(
            "seed {seed}\n{plan:#?}\n{error}\nto repeat: RXD_CHAOS_SEED={seed} cargo test -p rxd --test faults chaos"
        );
    }
}

fn try_all(runs: u64, real: bool, threads: u64) {
    silence_scripted_panics();
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
fn f40_f110_chaos_in_paused_time_breaks_no_guarantee() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    try_all(number("RXD_CHAOS_RUNS").unwrap_or(RUNS), false, threads as u64);
}

#[test]
fn f40_f110_chaos_on_real_threads_breaks_no_guarantee() {
    // Many at once, since they mostly wait.
    try_all(number("RXD_CHAOS_RUNS").map_or(REAL_RUNS, |runs| runs / 20), true, 8);
}

#[test]
fn chaos_with_the_same_seed_makes_the_same_trace() {
    silence_scripted_panics();
    for seed in 0..20 {
        let once = run(&plan(seed, false)).unwrap();
        let again = run(&plan(seed, false)).unwrap();
        assert_eq!(once, again, "seed {seed}");
    }
}

#[test]
fn chaos_plan_that_fails_is_shrunk_to_its_fault() {
    // A planted fault of two services: one needs another, whose Stop hangs.
    let hangs =
        |part: &ServicePlan| part.calls[3].iter().any(|call| matches!(call, ScriptedCall::Behavior(Behavior::Hang)));
    let broken = |plan: &Plan| {
        let needs_it = |edge: &EdgePlan| matches!(edge, EdgePlan::Needs(targets) if targets.iter().any(|&at| hangs(&plan.services[at])));
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
    let odd = small.services.iter().flat_map(|part| part.calls.iter().flatten());
    let odd: Vec<String> = odd
        .filter(|call| !matches!(call, ScriptedCall::Behavior(Behavior::Ok | Behavior::UntilCancelled)))
        .map(|call| format!("{call:?}"))
        .collect();
    assert_eq!(odd, ["Behavior(Hang)"]);
}
