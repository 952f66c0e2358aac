//! The daemon of the soak test.

use rxd::admin::AdminStatus;
use rxd::{
    Action, Backoff, Context, Daemon, DaemonHandle, Effect, Filter, OnFailure, Options, Runner, Service, State,
    StateEvent, When,
};
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(crate) const SERVICES: usize = 200;
/// No service depends on those from here on, so they may reach their restart limit.
const FIRST_LIMITED: usize = 180;
/// How many tasks start and drop watches.
const WATCHERS: usize = 30;
const HEARTBEAT: Duration = Duration::from_secs(10);

pub(crate) fn name(at: usize) -> String {
    format!("s{at}")
}

fn millis(range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(fastrand::u64(range))
}

/// Fails, panics and takes its time at random.
struct Unreliable {
    has_heartbeat: bool,
}

impl Unreliable {
    /// A little work that sometimes fails.
    async fn step(&self, most: u64, one_in: u32) -> rxd::Result {
        tokio::time::sleep(millis(0..most)).await;
        match fastrand::u32(0..2 * one_in) {
            0 => Err("random failure".into()),
            1 => panic!("random panic"),
            _ => Ok(()),
        }
    }
}

impl Runner for Unreliable {
    async fn init(&mut self, _: &Context) -> rxd::Result {
        self.step(50, 20).await
    }

    async fn idle(&mut self, _: &Context) -> rxd::Result {
        self.step(10, 50).await
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let until = Instant::now() + millis(0..60_000);
        let inner = cx.clone();
        cx.spawn("task", async move {
            let seen = inner.watch_states(Filter::None);
            if let Ok(mut states) = seen {
                // Slow, so that the stream lags at times.
                let reads = async {
                    while states.next().await.is_some() {
                        tokio::time::sleep(millis(0..200)).await;
                    }
                };
                tokio::select! {
                    () = reads => {}
                    () = inner.cancelled() => {}
                }
            }
        });
        while Instant::now() < until {
            if self.has_heartbeat {
                cx.heartbeat();
            }
            tokio::select! {
                () = cx.cancelled() => return self.step(20, 20).await,
                () = tokio::time::sleep(millis(100..2_000)) => {}
            }
        }
        self.step(1, 2).await
    }

    async fn stop(&mut self, _: &Context) -> rxd::Result {
        self.step(50, 20).await
    }

    async fn reload(&mut self, _: &Context) -> rxd::Result {
        self.step(50, 10).await
    }
}

/// Makes the daemon of this seed.
pub(crate) fn daemon(seed: u64) -> Daemon {
    let mut random = fastrand::Rng::with_seed(seed);
    let services = (0..SERVICES).map(|at| {
        let has_heartbeat = random.u32(0..4) == 0;
        let backoff = Backoff::DEFAULT.base(Duration::from_millis(200)).max(Duration::from_secs(5));
        let mut options = Options::DEFAULT.backoff(backoff);
        options = match at < FIRST_LIMITED {
            true => options,
            false => options.restarts(2, Duration::from_secs(60)).on_failure(OnFailure::Ignore),
        };
        if has_heartbeat {
            options = options.heartbeat(HEARTBEAT);
        }
        let mut service = Service::new(name(at), Unreliable { has_heartbeat }).options(options);
        if at > 1 {
            let known = at.min(FIRST_LIMITED);
            let one = random.usize(0..known);
            let (other, next) = (|| name(one), name((one + 1) % known));
            service = match at % 5 {
                0 | 1 => service.needs([other()]),
                2 => service.watch(When::any(Action::Entering, State::Run, [other(), next])),
                3 => service.watch(When::any(Action::Exited, State::Run, [other()]).then(Effect::Stop)),
                _ => service,
            };
        }
        service
    });
    Daemon::new("soaked").history(1 << 14).add_all(services).admin("127.0.0.1:0")
}

pub(crate) fn run(seed: u64) -> ExitCode {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // Do not print the panics that this program makes on purpose.
        if info.payload().downcast_ref() != Some(&"random panic") {
            before(info);
        }
    }));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let handle = daemon(seed).start().await.unwrap_or_else(|error| panic!("{error}"));
        let AdminStatus::On(address) = handle.admin() else { panic!("it does not listen") };
        println!("{address}");
        tokio::spawn(times(handle.watch_states(Filter::None).expect("a stream")));
        let watchers: Vec<_> = (0..WATCHERS).map(|_| tokio::spawn(watches(handle.clone()))).collect();
        let report = handle.wait().await;
        watchers.iter().for_each(|watcher| watcher.abort());
        eprintln!("{report}");
        ExitCode::from(report.exit_code())
    })
}

/// Starts watches of all kinds, one after another, and drops each at a random time.
async fn watches(handle: DaemonHandle) {
    while !handle.has_ended() {
        // A watch that can never fire ends at once; without this delay the loop would spin.
        tokio::time::sleep(millis(1..100)).await;
        let (a, b) = (name(fastrand::usize(0..SERVICES)), name(fastrand::usize(0..SERVICES)));
        let state = [State::Init, State::Run, State::Stop][fastrand::usize(0..3)];
        let stays = millis(1..3_000);
        let _ = match fastrand::u32(0..3) {
            0 => tokio::time::timeout(stays, handle.wait_for(a, state)).await.map(drop),
            1 => {
                let mut watch = handle.watch_any(Action::Changing, state, [a, b]).expect("names that are known");
                tokio::time::timeout(stays, async { while watch.next().await.is_some() {} }).await
            }
            _ => {
                let mut states = handle.watch_states(Filter::include([a, b])).expect("names that are known");
                tokio::time::timeout(stays, async { while states.next().await.is_some() {} }).await
            }
        };
    }
}

/// Prints every ten seconds how late a watcher was. The least delay so far counts as no delay.
async fn times(mut states: rxd::StateStream) {
    let began = Instant::now();
    let (mut least, mut delays, mut printed) = (f64::MAX, Vec::new(), Instant::now());
    while let Some(event) = states.next().await {
        if let StateEvent::Changed(change) = event {
            let delay = began.elapsed().as_secs_f64() - change.at.as_secs_f64();
            least = least.min(delay);
            delays.push(delay);
        }
        if printed.elapsed() > Duration::from_secs(10) && !delays.is_empty() {
            delays.sort_by(f64::total_cmp);
            let at = |share: f64| Duration::from_secs_f64(delays[((delays.len() - 1) as f64 * share) as usize] - least);
            println!("p50 {:.1?}, p99 {:.1?}, most {:.1?} of {}", at(0.5), at(0.99), at(1.0), delays.len());
            (delays, printed) = (Vec::new(), Instant::now());
        }
    }
}
