//! Random graphs x random reloads x random operators: after each reload, whatever came of it, every
//! service in Run has the value in force, and that is the new one if and only if the reload
//! succeeded.
//!
//! `RXD_CONFIG_RUNS=10000` sets the number of runs, `RXD_CONFIG_SEED=17` runs one seed.

use crate::kit::*;
use fastrand::Rng;
use rxd::testing::{Harness, Running};
use rxd::{Daemon, DaemonHandle, Service, State};
use std::time::Duration;

/// How many services a daemon has at most.
const MOST: usize = 8;

fn services(log: &Log, rng: &mut Rng) -> Vec<Service> {
    macro_rules! services {
        ($($n:literal)*) => { vec![$(worker::<$n>(log)),*] };
    }
    let mut services = services!(1 2 3 4 5 6 7 8);
    services.truncate(rng.usize(1..=MOST));
    let linked = services.into_iter().enumerate().map(|(at, service)| {
        let needed: Vec<String> = (1..=at).filter(|_| rng.usize(0..3) == 0).map(name).collect();
        if needed.is_empty() { service } else { service.needs(needed) }
    });
    linked.collect()
}

/// A few services, mostly none.
fn few(rng: &mut Rng) -> Vec<usize> {
    (1..=MOST).filter(|_| rng.usize(0..20) == 0).collect()
}

fn candidate(value: u32, rng: &mut Rng) -> Config {
    let refused_by = if rng.usize(0..4) == 0 { few(rng) } else { Vec::new() };
    let (fails_in, not_taken_back_by) = (few(rng), few(rng));
    let (hangs_in, hangs_back_in) = (few(rng), few(rng));
    Config { value, refused_by, fails_in, not_taken_back_by, hangs_back_in, hangs_in }
}

/// Acts on random services at random times of the next 30 s.
async fn operate(handle: DaemonHandle, services: usize, mut rng: Rng) {
    for _ in 0..rng.usize(0..6) {
        tokio::time::sleep(Duration::from_millis(rng.u64(0..5000))).await;
        let service = name(rng.usize(1..=services));
        let _ = match rng.usize(0..4) {
            0 => handle.stop(&service).await,
            1 => handle.start(&service).await,
            2 => handle.reload(&service).await,
            _ => handle.restart(&service).await,
        };
    }
}

/// Whether every service that runs, runs with this value.
fn all_have(test: &Running, log: &Log, services: usize, value: u32) -> Result<(), String> {
    let (states, values) = (test.handle().states(), log.values());
    let running = |at: &usize| states[&*name(*at)].is_in(State::Run);
    let wrong: Vec<usize> = (1..=services).filter(running).filter(|at| values[at - 1] != value).collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:?} run with {values:?} in place of {value}")) }
}

async fn run(seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let (source, log) = (Source::of(Config::of(1)), Log::default());
    let load = source.clone();
    let services = services(&log, &mut rng);
    let count = services.len();
    let test = Harness::new(Daemon::new("agent").add_all(services).config(move || load.load())).start().await;
    tokio::time::sleep(SECOND).await;
    let mut in_force = Config::of(1);
    for value in 2..6 {
        let next = candidate(value, &mut rng);
        source.set(next.clone());
        let operators = tokio::spawn(operate(test.handle().clone(), count, rng.fork()));
        tokio::time::sleep(Duration::from_millis(rng.u64(0..5000))).await;
        let ended = test.handle().reload_all().await;
        let refused = (1..=count).any(|at| next.refused_by.contains(&at));
        if refused && ended.is_ok() {
            return Err(format!("{value} was refused, and came into force"));
        }
        if ended.is_ok() {
            in_force = next;
        }
        operators.await.map_err(|error| error.to_string())?;
        // Longer than all limits, so that what restarts has restarted.
        tokio::time::sleep(300 * SECOND).await;
        all_have(&test, &log, count, in_force.value).map_err(|error| format!("{error} after {ended:?}"))?;
        if in_force.value == value && !(in_force.fails_in.is_empty() && in_force.hangs_in.is_empty()) {
            // Services that were in Exit may not be able to take it when they are started.
            break;
        }
    }
    test.shutdown().await;
    Ok(())
}

#[test]
fn random_reloads_leave_all_services_with_the_value_in_force() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("RXD_CONFIG_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("RXD_CONFIG_RUNS").unwrap_or(200),
    };
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let ended = runtime.block_on(run(seed));
        assert_eq!(ended, Ok(()), "to repeat: RXD_CONFIG_SEED={seed}");
    }
}
