//! Families that are scaled at random while their members and the others cycle.
//!
//! `RXD_FAMILIES_SEED` sets the first seed, `RXD_FAMILIES_RUNS` how many there are.

use crate::kit::service;
use rxd::{Action, Context, Daemon, DaemonHandle, Effect, Family, Service, State, When};
use std::time::Duration;

/// A small generator (xorshift): the same numbers for the same seed.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Ends its Run after some milliseconds, well or with an error, so that it is restarted.
fn cycling(name: &str, seed: u64) -> Service {
    let mut random = Random(seed | 1);
    let options = rxd::Options::DEFAULT
        .backoff(rxd::Backoff::DEFAULT.base(Duration::from_millis(1)).max(Duration::from_millis(5)));
    let service = Service::from_fn(name.to_owned(), move |cx: Context| {
        let (time, fails) = (random.below(30) as u64, random.below(3) == 0);
        async move {
            tokio::select! {
                () = cx.cancelled() => {}
                () = tokio::time::sleep(Duration::from_millis(time)) => {}
            }
            if fails { Err("scripted".into()) } else { Ok(()) }
        }
    });
    service.options(options)
}

/// A random watch on a family, other than a gate that may keep the service from running.
fn watch(random: &mut Random, family: &str) -> When {
    let action = [Action::Entering, Action::Exited, Action::NotIn, Action::Changing][random.below(4)];
    let state = [State::Run, State::Init, State::Idle][random.below(3)];
    let when = match random.below(2) {
        0 => When::any(action, state, [family.to_owned()]),
        _ => When::all(action, state, [family.to_owned()]),
    };
    let when = if random.below(2) == 0 { when.then(Effect::Stop) } else { when };
    match random.below(4) {
        0 if action != Action::Changing => when.lasts(Duration::from_millis(random.below(20) as u64 + 1)),
        _ => when,
    }
}

fn daemon(random: &mut Random) -> Daemon {
    loop {
        let seed = random.below(1 << 30) as u64;
        let job = move |index| cycling("job", seed + index as u64).needs(["db"]);
        let worker = move |index: usize| cycling("worker", seed ^ index as u64).needs(["jobs"]);
        let (jobs, workers) = (random.below(4), random.below(4) + 1);
        let mut daemon = Daemon::new("d")
            .signals([])
            .history(100_000)
            .add(cycling("db", seed))
            .family(Family::new("jobs", (0..jobs.max(1)).map(job)).made_by(job))
            .family(Family::new("workers", (0..workers).map(worker)).made_by(worker));
        for n in 0..4 {
            let family = ["jobs", "workers"][random.below(2)];
            let client = match random.below(3) {
                0 => service(format!("client{n}")).needs([family]),
                1 => service(format!("client{n}")).needs_with_grace([family], Duration::from_millis(10)),
                _ => service(format!("client{n}")),
            };
            let watched = ["jobs", "workers"][random.below(2)];
            daemon = daemon.add(client.watch(watch(random, watched)));
        }
        if daemon.check().is_ok() {
            return daemon;
        }
    }
}

async fn scale_at_random(handle: DaemonHandle, mut random: Random, calls: usize) {
    for _ in 0..calls {
        let family = ["jobs", "workers"][random.below(2)];
        let count = random.below(6);
        let scaled = handle.scale(family, count);
        let result = match random.below(4) {
            // Some calls are dropped.
            0 => tokio::time::timeout(Duration::from_millis(1), scaled).await.unwrap_or(Ok(())),
            _ => scaled.await,
        };
        if let Err(error) = result {
            let error = error.to_string();
            assert!(error.contains("is stopping") || error.contains("has ended"), "{error}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(random.below(40) as u64)).await;
    }
}

async fn run(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    let handle = daemon(&mut random).start().await.unwrap();
    let tasks: Vec<_> =
        (0..3).map(|task| tokio::spawn(scale_at_random(handle.clone(), Random(random.0 ^ (task + 1)), 20))).collect();
    if random.below(3) == 0 {
        tokio::time::sleep(Duration::from_millis(random.below(300) as u64)).await;
        handle.shutdown();
    }
    for task in tasks {
        task.await.unwrap();
    }
    handle.shutdown();
    let report = tokio::time::timeout(Duration::from_secs(60), handle.wait()).await.expect("it ends");
    assert!(handle.states().iter().all(|service| service.state == State::Exit), "seed {seed}: {report}");
}

#[test]
fn f60_families_are_scaled_at_random_and_no_guarantee_is_broken() {
    let (first, runs) = (variable("RXD_FAMILIES_SEED", 1), variable("RXD_FAMILIES_RUNS", 60));
    for seed in first..first + runs {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(seed));
    }
}

#[test]
fn f61_families_are_scaled_at_random_on_several_threads() {
    let first = variable("RXD_FAMILIES_SEED", 1);
    for seed in first..first + 3 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(run(seed));
    }
}
