//! Many threads that add and remove while the others cycle, and a shutdown at any time.
//!
//! `RXD_DYNAMIC_ADDS` sets how many services are added, `RXD_DYNAMIC_DECLARED` beside how many others,
//! `RXD_DYNAMIC_SEED` the seed.

use crate::kit::idle_away;
use rxd::{Context, Daemon, DaemonHandle, Service, State};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

/// How many services the daemon starts with.
fn declared() -> usize {
    static DECLARED: LazyLock<usize> = LazyLock::new(|| variable("RXD_DYNAMIC_DECLARED", 60) as usize);
    *DECLARED
}

const TASKS: usize = 8;

/// What owners were refused without a reason.
static REFUSED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A small generator (xorshift): the same numbers for the same seed.
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

/// Ends its Run soon, so that it is restarted. Some own another service in each Run, which others
/// may need.
fn cycling(number: usize) -> Service {
    let options = rxd::Options::DEFAULT
        .backoff(rxd::Backoff::DEFAULT.base(Duration::from_millis(1)).max(Duration::from_millis(5)));
    let service = Service::from_fn(format!("d{number}"), move |cx: Context| async move {
        if number % 4 == 1 {
            let owned = Service::from_fn(format!("owned-{number}"), idle_away).needs(["d0"]);
            match cx.spawn_service(owned).await {
                Err(error) if !ends(&error) && !error.to_string().contains("has ended") => {
                    REFUSED.lock().unwrap().push(error.to_string());
                }
                _ => {}
            }
        }
        tokio::select! {
            () = cx.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(2)) => {}
        }
        Ok(())
    });
    service.options(options)
}

/// Whether it says that the daemon stops.
fn ends(error: &rxd::Error) -> bool {
    ["is stopping", "has ended"].iter().any(|text| error.to_string().contains(text))
}

/// Whether it says that another task was first.
fn is_by_others(error: &rxd::Error) -> bool {
    let known = ["has no service", "is being removed", "two services", "requested before", "names it", "is unknown"];
    known.iter().any(|text| error.to_string().contains(text)) || error.is_graph()
}

/// Adds and removes services until it has added enough, or the daemon stops. Returns how many.
async fn come_and_go(handle: DaemonHandle, task: usize, seed: u64, budget: Arc<AtomicUsize>) -> usize {
    let mut random = Random(seed ^ (task as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut mine: Vec<String> = Vec::new();
    let mut added = 0;
    while budget.fetch_sub(1, Ordering::Relaxed) as isize > 0 {
        let name = format!("t{task}-n{added}");
        let mut needs = vec![format!("d{}", random.below(declared()))];
        if let Some(own) = mine.get(random.below(mine.len().max(1))) {
            needs.push(own.clone());
        }
        if random.below(4) == 0 {
            needs.push(format!("owned-{}", 4 * random.below(declared() / 4) + 1));
        }
        // All tasks add and remove the hubs, with all that name them.
        let hub = format!("hub-{}", random.below(3));
        if random.below(4) == 0 {
            needs.push(hub.clone());
        }
        let services =
            [Service::from_fn(name.clone(), idle_away).needs(needs), Service::from_fn(hub.clone(), idle_away)];
        for (nth, service) in services.into_iter().enumerate().take(if random.below(4) == 0 { 2 } else { 1 }) {
            match handle.add(service).await {
                Ok(()) if nth == 0 => (mine.push(name.clone()), added += 1).1,
                Ok(()) => added += 1,
                Err(error) if ends(&error) => return added,
                Err(error) => assert!(is_by_others(&error), "{error}"),
            }
        }
        let removed = match random.below(8) {
            0 => hub,
            1 | 2 if !mine.is_empty() => mine[random.below(mine.len())].clone(),
            _ if mine.len() > 20 => mine[0].clone(),
            _ => continue,
        };
        // Others may need it: they go, too.
        match handle.remove_with_dependents(&removed).await {
            Ok(()) => assert!(removed.starts_with("hub") || handle.states().get(&removed).is_none(), "it is gone"),
            Err(error) if ends(&error) => return added,
            Err(error) => assert!(is_by_others(&error), "{error}"),
        }
        let states = handle.states();
        mine.retain(|name| states.get(name).is_some());
        tokio::task::yield_now().await;
    }
    added
}

async fn run(seed: u64, adds: usize) {
    let mut random = Random(seed | 1);
    let services = (0..declared()).map(|n| {
        let service = cycling(n);
        if n > 0 && n % 3 == 0 { service.needs([format!("d{}", n / 2)]) } else { service }
    });
    let handle = Daemon::new("d").signals([]).add_all(services).start().await.unwrap();
    let budget = Arc::new(AtomicUsize::new(adds));
    let tasks: Vec<_> =
        (0..TASKS).map(|task| tokio::spawn(come_and_go(handle.clone(), task, seed, budget.clone()))).collect();
    // At a random instant, or when all were added.
    let at = random.below(2 * adds);
    while (budget.load(Ordering::Relaxed) as isize) > at as isize {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if at < adds {
        handle.shutdown();
    }
    let mut added = 0;
    for task in tasks {
        added += task.await.unwrap();
    }
    let states = handle.states();
    let mut names: HashMap<String, u32> = HashMap::new();
    for service in &states {
        *names.entry(service.name.to_string()).or_default() += 1;
        assert_ne!(service.name, "(removed)");
    }
    assert!(names.values().all(|&times| times == 1), "names are distinct");
    handle.shutdown();
    let report = tokio::time::timeout(Duration::from_secs(60), handle.wait()).await.expect("it ends");
    assert!(report.is_ok(), "seed {seed}: {report}");
    assert!(handle.states().iter().all(|service| service.state == State::Exit));
    assert_eq!(*REFUSED.lock().unwrap(), [""; 0], "seed {seed}: a name is free once its service has ended");
    assert!(added > 0, "seed {seed}: some were added");
}

#[test]
fn d20_services_come_and_go_on_many_threads_until_a_shutdown_at_any_instant() {
    let adds = variable("RXD_DYNAMIC_ADDS", 3_000) as usize;
    let seed = variable("RXD_DYNAMIC_SEED", 1);
    for seed in seed..seed + 4 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(run(seed.wrapping_mul(0x2545_f491_4f6c_dd1d), adds));
    }
}
