//! The core paths.

use rxd::__private::Bench;
use rxd::intracom::{Group, Intracom};
use rxd::log::{Level, LevelHandle};
use rxd::{Action, Backoff, Context, Daemon, DaemonHandle, Options, Runner, Service, State};
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Waker};
use tokio::sync::Notify;
use tracing_subscriber::prelude::*;

/// Each path, and how many times the first process runs it.
pub(crate) const ALL: [(&str, usize); 10] = [
    ("check-a-level", 10_000),
    ("publish", 2_000),
    ("restart", 1_000),
    ("start", 1_000),
    ("start-and-stop", 1_000),
    ("transition", 10_000),
    ("transition-others", 10_000),
    ("transition-watched", 10_000),
    ("transition-watched-all-of-100", 10_000),
    ("transition-received", 10_000),
];

/// Runs a path `times` times.
pub(crate) fn run(path: &str, times: usize) -> crate::Result {
    match path {
        "transition" => steps(&Bench::new(1, 1024), times),
        // With watches on other services.
        "transition-others" => {
            let bench = Bench::new(101, 1024);
            let watches: Vec<_> = (1..101).map(|id| watch(&bench, &[id])).collect();
            steps(&bench, times);
            drop(watches);
        }
        "transition-watched" => {
            let bench = Bench::new(1, 1024);
            let watch = watch(&bench, &[0]);
            steps(&bench, times);
            drop(watch);
        }
        "transition-watched-all-of-100" => {
            let bench = Bench::new(100, 1024);
            let watch = watch(&bench, &(0..100).collect::<Vec<_>>());
            steps(&bench, times);
            drop(watch);
        }
        // With a task that waits for the transition, is woken, and reads the event.
        "transition-received" => {
            let bench = Bench::new(1, 1024);
            let mut watch = watch(&bench, &[0]);
            let mut task = TaskContext::from_waker(Waker::noop());
            for nth in 0..times {
                step(&bench, nth);
                black_box(pin!(watch.next()).poll(&mut task).is_ready());
            }
        }
        "check-a-level" => check_a_level(times),
        "publish" => block_on(publish(times)),
        "start" => {
            let handle = block_on(start(times));
            // The stop is another path.
            std::mem::forget(handle);
            std::process::exit(0);
        }
        "start-and-stop" => block_on(async { stop(start(times).await).await }),
        "restart" => block_on(restart(times)),
        other => return Err(format!("there is no path `{other}`").into()),
    }
    Ok(())
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn step(bench: &Bench, nth: usize) {
    if nth % 2 == 0 { bench.enter(0) } else { bench.leave(0) }
}

fn steps(bench: &Bench, times: usize) {
    (0..times).for_each(|nth| step(bench, nth));
}

fn watch(bench: &Bench, ids: &[usize]) -> rxd::Watch {
    let names: Vec<String> = ids.iter().map(|id| format!("s{id}")).collect();
    bench.watch_all(Action::Entering, State::Run, &names).expect("it knows them")
}

/// A disabled record in the span of a service, with a level for a hundred others.
fn check_a_level(times: usize) {
    let levels = LevelHandle::new(Level::Info);
    (0..100).for_each(|n| levels.set(format!("service-{n}"), Level::Debug));
    let _guard = tracing_subscriber::registry().with(levels.filter()).set_default();
    let service = tracing::error_span!(target: "rxd", "service", service = "api");
    service.in_scope(|| (0..times).for_each(|n| tracing::debug!(n = black_box(n), "disabled")));
}

/// From one publisher to one subscriber.
async fn publish(times: usize) {
    let topic = Intracom::new().topic::<usize>("bench").expect("a topic");
    let mut subscription = topic.subscribe(Group::named("g")).expect("a subscription");
    for nth in 0..times {
        topic.publish(nth).await.expect("it is open");
        black_box(subscription.recv().await);
    }
}

#[derive(Clone)]
struct Gate(Arc<(AtomicUsize, Notify)>);

impl Gate {
    fn new(times: usize) -> Self {
        Gate(Arc::new((AtomicUsize::new(times), Notify::new())))
    }

    /// Whether this was the last arrival.
    fn arrive(&self) -> bool {
        let last = self.0.0.fetch_sub(1, Ordering::Relaxed) == 1;
        if last {
            self.0.1.notify_one();
        }
        last
    }
}

/// Runs until it is cancelled.
struct Body(Gate);

impl Runner for Body {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0.arrive();
        cx.cancelled().await;
        Ok(())
    }
}

/// Ends at once, until it has run often enough.
struct Brief(Gate);

impl Runner for Brief {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        if self.0.arrive() {
            cx.cancelled().await;
        }
        Ok(())
    }
}

fn daemon() -> Daemon {
    // Without the monitor, whose thread would be counted, too.
    Daemon::new("bench").signals([]).blocking_threshold(None)
}

async fn start(services: usize) -> DaemonHandle {
    let gate = Gate::new(services);
    let names: String = (0..services).map(|nth| format!("s{nth:07}")).collect();
    let names: &'static str = names.leak();
    let services = (0..services).map(|nth| Service::new(&names[nth * 8..nth * 8 + 8], Body(gate.clone())));
    let handle = daemon().add_all(services).start().await.expect("it starts");
    gate.0.1.notified().await;
    handle
}

async fn stop(handle: DaemonHandle) {
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

async fn restart(times: usize) {
    let gate = Gate::new(times);
    let service = Service::new("brief", Brief(gate.clone())).options(Options::DEFAULT.backoff(Backoff::NONE));
    let handle = daemon().add(service).start().await.expect("it starts");
    gate.0.1.notified().await;
    stop(handle).await;
}
