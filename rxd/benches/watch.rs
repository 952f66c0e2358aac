//! What watches cost. `cargo bench -p rxd --bench watch`; see README.md beside this file.
#![allow(clippy::print_stdout, reason = "the figures are the program's output")]

use rxd::__private::Bench;
use rxd::{Action, Filter, State, StateEvent, Watch};
use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Instant;
use tokio::sync::watch;

/// How often each figure is measured. The median counts.
const SAMPLES: usize = 9;

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Nanoseconds of one call: the median of several samples of `count` calls.
fn each(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let sample = |_| {
        let begun = Instant::now();
        (0..count).for_each(&mut call);
        begun.elapsed().as_nanos() as f64 / count as f64
    };
    median((0..SAMPLES).map(sample).collect())
}

fn step(bench: &Bench, service: usize, nth: usize) {
    if nth % 2 == 0 { bench.enter(service) } else { bench.leave(service) }
}

fn on(bench: &Bench, service: usize) -> Watch {
    bench.watch_any(Action::Entering, State::Run, format!("s{service}")).unwrap()
}

fn main() {
    let base = cost_of_a_transition();
    many_services(base);
    conditions(base);
    parallel(base);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(notification(1, 5_000));
    runtime.block_on(notification(1_000, 50));
    streams(base);
}

/// One transition, with watches on its own service and with services beside it.
fn cost_of_a_transition() -> f64 {
    let bench = Bench::new(1, 1_024);
    let base = each(400_000, |nth| step(&bench, 0, nth));
    println!("one transition without watches: {base:.0} ns; ratios below are to this unless they say otherwise");
    let clock = each(400_000, |_| {
        black_box(tokio::time::Instant::now());
    });
    println!("  of which reading the clock: {:.2}", clock / base);
    for watchers in [1, 10, 1_000] {
        let bench = Bench::new(1, 1_024);
        let watches: Vec<_> = (0..watchers).map(|_| on(&bench, 0)).collect();
        let cost = each(400_000 / watchers, |nth| step(&bench, 0, nth));
        println!(
            "  {watchers} watches on it: {:.2}; one watch more: {:.3}",
            cost / base,
            (cost - base) / base / watchers as f64
        );
        drop(watches);
    }
    for others in [1_000, 100_000] {
        let bench = Bench::new(1 + others, 1_024);
        let watches: Vec<_> = (0..others).map(|other| on(&bench, 1 + other)).collect();
        let cost = each(400_000, |nth| step(&bench, 0, nth));
        println!("  {others} other services, each with a watch: {:.2}", cost / base);
        drop(watches);
    }
    base
}

/// Transitions of many services in turn.
fn many_services(base: f64) {
    for services in [1, 10, 1_000, 10_000, 100_000] {
        let bench = Bench::new(services, 1_024);
        let cost = each(400_000, |nth| step(&bench, nth % services, nth / services));
        println!("transitions of {services} services in turn: {:.2} ({:.1} M/s)", cost / base, 1e3 / cost);
    }
}

/// A watch over several services: what it adds to a transition of one of them.
fn conditions(base: f64) {
    for targets in [2, 8, 64] {
        let names: Vec<String> = (0..targets).map(|id| format!("s{id}")).collect();
        for all in [false, true] {
            let bench = Bench::new(64, 1_024);
            let watch = |action| {
                if all {
                    bench.watch_all(action, State::Run, &names)
                } else {
                    bench.watch_any(action, State::Run, &names)
                }
            };
            let mode = if all { "all" } else { "any" };
            let entering = watch(Action::Entering).unwrap();
            let level = each(400_000, |nth| step(&bench, nth % targets, nth / targets));
            drop(entering);
            let changing = watch(Action::Changing).unwrap();
            let edge = each(400_000, |nth| step(&bench, nth % targets, nth / targets));
            drop(changing);
            println!("{mode} of {targets}: entering {:.2}, changing {:.2}", level / base, edge / base);
        }
    }
}

/// Two threads at once, each with services of its own.
fn parallel(base: f64) {
    const COUNT: usize = 1_000_000;
    for services in [2, 10, 1_000, 10_000] {
        let sample = |_| {
            let bench = Bench::new(services, 1_024);
            let begun = Instant::now();
            std::thread::scope(|scope| {
                for half in 0..2 {
                    let bench = &bench;
                    scope.spawn(move || {
                        (0..COUNT).for_each(|nth| step(bench, half * services / 2 + nth % (services / 2), nth))
                    });
                }
            });
            begun.elapsed().as_nanos() as f64 / (2 * COUNT) as f64
        };
        let cost = median((0..5).map(sample).collect());
        println!("two threads, {services} services: {:.2} a transition ({:.1} M/s)", cost / base, 1e3 / cost);
    }
}

/// How many changes each reader has observed.
#[derive(Clone, Debug)]
struct Observed(Arc<[AtomicUsize]>);

impl Observed {
    fn new(readers: usize) -> Self {
        Observed((0..readers).map(|_| AtomicUsize::new(0)).collect())
    }

    fn note(&self, reader: usize) {
        self.0[reader].fetch_add(1, Ordering::Release);
    }

    async fn all(&self, count: usize) {
        for reader in self.0.iter() {
            while reader.load(Ordering::Acquire) < count {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Median nanoseconds from a call of `change` until the last reader has observed it.
async fn until_observed(count: usize, observed: Observed, change: impl Fn(usize) + Send + 'static) -> f64 {
    let driver = tokio::spawn(async move {
        let mut samples = Vec::with_capacity(count);
        for nth in 0..count {
            let begun = Instant::now();
            change(nth);
            observed.all(nth + 1).await;
            samples.push(begun.elapsed().as_nanos() as f64);
        }
        median(samples)
    });
    driver.await.unwrap()
}

/// From a transition to the tasks that wait for it, beside tokio's own `watch` in the same run.
async fn notification(readers: usize, count: usize) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let bench = Bench::new(1, 1_024);
        let observed = Observed::new(readers);
        let tasks: Vec<_> = (0..readers)
            .map(|reader| {
                let mut watch = bench.watch_any(Action::Changing, State::Run, "s0").unwrap();
                let observed = observed.clone();
                tokio::spawn(async move {
                    while watch.next().await.is_some() {
                        observed.note(reader);
                    }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        ours.push(until_observed(count, observed, move |nth| step(&bench, 0, nth)).await);
        tasks.iter().for_each(tokio::task::JoinHandle::abort);

        let (sender, receiver) = watch::channel(0);
        let observed = Observed::new(readers);
        for reader in 0..readers {
            let (mut receiver, observed) = (receiver.clone(), observed.clone());
            tokio::spawn(async move {
                while receiver.changed().await.is_ok() {
                    receiver.borrow_and_update();
                    observed.note(reader);
                }
            });
        }
        tokio::task::yield_now().await;
        theirs.push(until_observed(count, observed, move |nth| sender.send(nth).unwrap()).await);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("transition to {readers} watchers: {:.2} of tokio::sync::watch ({theirs:.0} ns)", ours / theirs);
}

/// A stream that keeps up, and one without a reader.
fn streams(base: f64) {
    let bench = Bench::new(1, 1_024);
    let unread = bench.watch_states(&Filter::None).unwrap();
    let cost = each(400_000, |nth| step(&bench, 0, nth));
    println!("a stream of all services that is not read: {:.2}", cost / base);
    drop(unread);
    let mut stream = bench.watch_states(&Filter::None).unwrap();
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let cost = each(4_000, |nth| {
        (0..100).for_each(|more| step(&bench, 0, nth + more));
        loop {
            let next = std::pin::pin!(stream.next()).poll(&mut task);
            match next {
                Poll::Ready(Some(StateEvent::Lagged { .. })) => panic!("it keeps up"),
                Poll::Ready(event) => drop(black_box(event)),
                Poll::Pending => break,
            }
        }
    });
    println!("a transition and reading it from a stream: {:.2}", cost / 100.0 / base);
}
