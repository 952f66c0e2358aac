//! Random graphs that the check accepts, each run for ten minutes of paused time, in which every
//! service fails once. A graph in which services evict each other without end, or in which one never
//! gets to Run, must have got advice; and a graph that runs well should have got none.
//!
//! `RXD_GRAPHS=100000` sets the number of graphs, `RXD_GRAPHS_FROM` the first seed (0 by default).
//! `RXD_GRAPHS_SEED=17` runs one graph, and shows it with its timeline:
//!
//! ```text
//! RXD_GRAPHS_SEED=17 cargo test -p rxd --release --test random_graphs -- --nocapture
//! ```

#![allow(clippy::print_stdout, reason = "the figures are the output of the longer run")]

mod plan;
mod run;
mod verdict;

use plan::{is_plain, plan};
use run::{Outcome, run};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use verdict::Verdict;

/// How many graphs are run by default.
const GRAPHS: u64 = 2_000;
/// How many of the graphs that run well may have got advice, in percent.
const MOST_FALSE_ADVICE: usize = 5;
/// How many graphs may have a service that never runs, and no advice, in a thousand. Most of them
/// have a standby that is never needed, or that two others would have to leave Run for at once.
const MOST_SILENT: usize = 10;
/// How many graphs may have services that evict each other for ever, and no advice, in a thousand.
const MOST_RESTLESS: usize = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What came of many graphs of one kind.
#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    /// For each verdict, the seeds of the graphs without advice, and how many had some.
    verdicts: BTreeMap<Verdict, (Vec<u64>, usize)>,
    /// The graphs that run well and got this advice.
    false_advice: BTreeMap<&'static str, Vec<u64>>,
}

impl Tally {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        let (silent, advised) = self.verdicts.entry(outcome.verdict).or_default();
        match outcome.advice.is_empty() {
            true => silent.push(seed),
            false => *advised += 1,
        }
        if outcome.verdict == Verdict::Well {
            for advice in &outcome.advice {
                self.false_advice.entry(advice.rule.as_str()).or_default().push(seed);
            }
        }
    }

    /// How many graphs with this verdict there are, and how many of them got no advice.
    fn count(&self, verdict: Verdict) -> (usize, usize) {
        self.verdicts.get(&verdict).map_or((0, 0), |(silent, advised)| (silent.len() + advised, silent.len()))
    }

    fn print(&self, kind: &str) {
        println!("{kind} graphs: {} refused", self.refused);
        for (verdict, (silent, advised)) in &self.verdicts {
            let seeds: Vec<String> = silent.iter().take(12).map(u64::to_string).collect();
            let seeds = if *verdict == Verdict::Well { String::new() } else { format!(": {}", seeds.join(" ")) };
            println!("  {verdict:?}: {advised} with advice, {} without{seeds}", silent.len());
        }
        for (rule, seeds) in &self.false_advice {
            println!("  {rule} on graphs that run well: {}: {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
        }
    }
}

/// Runs so many graphs. Returns what came of the plain ones, and of the others.
fn run_all(graphs: u64) -> [Tally; 2] {
    let from = number("RXD_GRAPHS_FROM").unwrap_or(0);
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64).min(8);
    let (next, left) = (AtomicU64::new(from), AtomicU64::new(graphs));
    let tallies = Mutex::new([Tally::default(), Tally::default()]);
    let run_some = || {
        while left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            loop {
                let seed = next.fetch_add(1, SeqCst);
                let outcome = std::panic::catch_unwind(|| run(&plan(seed)));
                let outcome = outcome.unwrap_or_else(|_| panic!("RXD_GRAPHS_SEED={seed} shows it"));
                let tally = &mut tallies.lock().unwrap()[usize::from(!is_plain(seed))];
                match outcome {
                    Some(outcome) => break tally.add(seed, &outcome),
                    // Another graph takes its place.
                    None => tally.refused += 1,
                }
            }
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(run_some))));
    tallies.into_inner().unwrap()
}

#[test]
fn random_graph_that_does_not_run_well_has_advice() {
    if let Some(seed) = number("RXD_GRAPHS_SEED") {
        let plan = plan(seed);
        println!("{plan}");
        match run(&plan) {
            None => println!("refused: {}", plan.daemon().check().unwrap_err()),
            Some(outcome) => {
                println!("{:?}\n{}", outcome.verdict, outcome.trace.timeline());
                outcome.advice.iter().for_each(|advice| println!("{}: {advice}", advice.rule));
            }
        }
        return;
    }
    let tallies = run_all(number("RXD_GRAPHS").unwrap_or(GRAPHS));
    tallies[0].print("plain");
    tallies[1].print("odd");
    let count = |verdict| {
        let [plain, odd] = [0, 1].map(|kind: usize| tallies[kind].count(verdict));
        (plain.0 + odd.0, plain.1 + odd.1)
    };
    let all: usize = Verdict::ALL.iter().map(|&verdict| count(verdict).0).sum();
    let ((well, silent), (_, never), (_, restless)) =
        (count(Verdict::Well), count(Verdict::NeverRuns), count(Verdict::Restless));
    let advised = well - silent;
    println!(
        "of {all} graphs {well} run well, {advised} of them with advice; without advice {never} never run, {restless} are restless"
    );
    assert_eq!(count(Verdict::Livelock).0, 0, "a livelock");
    assert!(restless * 1000 <= all * MOST_RESTLESS, "services evict each other, and there is no advice");
    assert!(never * 1000 <= all * MOST_SILENT, "services never run, and there is no advice");
    assert!(advised * 100 <= well * MOST_FALSE_ADVICE, "too much advice on graphs that run well");
}
