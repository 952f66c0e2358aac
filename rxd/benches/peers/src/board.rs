//! What a transition of rxd costs by itself, on its board without engines.

use crate::count::Heap;
use crate::gate::Change;
use crate::sample::say;
use rxd::__private::Bench;
use rxd::{Action, State, Watch};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Instant;
use tokio::sync::watch;

const COUNT: usize = 400_000;
const HISTORY: usize = 1_024;

fn step(bench: &Bench, service: usize, nth: usize) {
    if nth % 2 == 0 { bench.enter(service) } else { bench.leave(service) }
}

/// Nanoseconds of one call, measured over `count` calls.
fn each(count: usize, mut call: impl FnMut(usize)) -> f64 {
    (0..count / 10).map(|nth| nth / 2 * 2 + nth % 2).for_each(&mut call);
    let begun = Instant::now();
    (0..count).for_each(call);
    begun.elapsed().as_nanos() as f64 / count as f64
}

fn watch(bench: &Bench, service: usize) -> Watch {
    bench.watch_any(Action::Entering, State::Run, format!("s{service}")).unwrap()
}

/// Takes one sample of a case whose name begins with `board-`.
pub async fn sample(case: &str, subject: &str, n: usize) {
    match case {
        // One transition with n watches on its service.
        "board-watches" => {
            let bench = Bench::new(1, HISTORY);
            let watches: Vec<_> = (0..n).map(|_| watch(&bench, 0)).collect();
            say("ns", each(COUNT / n.max(1), |nth| step(&bench, 0, nth)));
            drop(watches);
        }
        // The same with n other services, each with a watch on it.
        "board-others" => {
            let bench = Bench::new(1 + n, HISTORY);
            let watches: Vec<_> = (0..n).map(|other| watch(&bench, 1 + other)).collect();
            say("ns", each(COUNT, |nth| step(&bench, 0, nth)));
            drop(watches);
        }
        // Transitions of n services in turn.
        "board-services" => {
            let bench = Bench::new(n, HISTORY);
            say("ns", each(COUNT, |nth| step(&bench, nth % n, nth / n)));
        }
        // Two threads at once, n services.
        "board-threads" => {
            let bench = Bench::new(n, HISTORY);
            let begun = Instant::now();
            std::thread::scope(|scope| {
                for half in 0..2 {
                    let bench = &bench;
                    let own = move |nth: usize| half * n / 2 + nth % (n / 2).max(1);
                    scope.spawn(move || (0..COUNT * 4).for_each(|nth| step(bench, own(nth), nth)));
                }
            });
            say("per_s", (COUNT * 8) as f64 / begun.elapsed().as_secs_f64());
        }
        // A watch over n services, all and any, of which one makes transitions.
        "board-all" | "board-any" => conditions(case == "board-all", subject, n).await,
        // 10^7 transitions: the live bytes early on, and at the end.
        "board-flat" => {
            let bench = Bench::new(n, HISTORY);
            let watches: Vec<_> = (0..n).map(|id| watch(&bench, id)).collect();
            (0..100_000).for_each(|nth| step(&bench, nth % n, nth / n));
            let before = Heap::now();
            (0..10_000_000).for_each(|nth| step(&bench, nth % n, nth / n));
            let after = Heap::now();
            say("grown_bytes", after.bytes as f64 - before.bytes as f64);
            say("calls", (after.calls - before.calls) as f64);
            drop(watches);
        }
        other => panic!("there is no case {other}"),
    }
}

/// Measures as the floor does, with a transition in place of the change of a value: the cost of a
/// watch without the end of a service.
pub async fn observe(change: Change, observers: usize, times: usize) -> Vec<u64> {
    let bench = Bench::new(1, HISTORY);
    for _ in 0..observers {
        let mut watch = bench.watch_any(Action::Changing, State::Run, "s0").unwrap();
        let change = change.clone();
        tokio::spawn(async move {
            while watch.next().await.is_some() {
                change.observed();
            }
        });
    }
    let changes = change.clone();
    tokio::spawn(async move {
        for nth in 0.. {
            changes.turn().await;
            step(&bench, 0, nth);
        }
    });
    crate::sample::repeat(&change, times).await
}

/// A task that waits for any or all of n services; by hand it holds n receivers of
/// `tokio::sync::watch`.
async fn conditions(all: bool, subject: &str, n: usize) {
    let mut task = Context::from_waker(Waker::noop());
    if subject == "rxd" {
        let bench = Bench::new(n, HISTORY);
        let names: Vec<String> = (0..n).map(|id| format!("s{id}")).collect();
        let make = |mode: bool| match mode {
            true => bench.watch_all(Action::Entering, State::Run, &names).unwrap(),
            false => bench.watch_any(Action::Entering, State::Run, &names).unwrap(),
        };
        let mut watch = make(all);
        let mut look = || drop(pin!(watch.next()).poll(&mut task));
        // All but the first are in Run for `all`, none is for `any`: each second step makes it
        // true.
        (1..if all { n } else { 1 }).for_each(|id| bench.enter(id));
        say(
            "ns",
            each((COUNT / 4 / n).max(100), |nth| {
                step(&bench, 0, nth);
                look();
            }),
        );
        return;
    }
    let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..n).map(|_| watch::channel(all)).unzip();
    senders[0].send_replace(false);
    let mut holds = || {
        // Ask each receiver, so that each holds a waker.
        for receiver in &mut receivers {
            while pin!(receiver.changed()).poll(&mut task).is_ready() {}
        }
        let mut values = receivers.iter().map(|receiver| *receiver.borrow());
        if all { values.all(|value| value) } else { values.any(|value| value) }
    };
    let count = (COUNT / n).max(100);
    say(
        "ns",
        each(count, |nth| {
            senders[0].send_replace(nth % 2 == 0);
            std::hint::black_box(holds());
        }),
    );
}
