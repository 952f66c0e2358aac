//! rxd: the whole lifecycle. Every transition is published, numbered and kept.

use super::{ComeAndGo, DEADLINE, Names, Subject, Wedged};
use crate::gate::{Change, Gate};
use rxd::{Action, Backoff, Context, Daemon, DaemonHandle, Options, Runner, Service, State, manager};
use std::time::Instant;

#[derive(Debug)]
pub struct Rxd;

/// Arrives, and waits for its cancellation.
pub struct Body(pub Gate);

impl Runner for Body {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0.arrive();
        cx.cancelled().await;
        self.0.leave();
        Ok(())
    }
}

/// Ends at once, until it has run often enough.
struct Brief(Gate);

impl Runner for Brief {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        if !self.0.arrive_timed() {
            cx.cancelled().await;
        }
        Ok(())
    }
}

/// As [`Body`] or [`Brief`], but implements every method.
struct All<R>(R);

impl<R: Runner> Runner for All<R> {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }

    async fn idle(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0.run(cx).await
    }

    async fn stop(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }
}

struct Unresponsive(Gate);

impl Runner for Unresponsive {
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        super::ignore(&self.0).await;
        Ok(())
    }
}

/// Leaves Run whenever the driver requests a change.
struct Changing(Change);

impl Runner for Changing {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        tokio::select! {
            biased;
            () = cx.cancelled() => {}
            () = self.0.turn() => {}
        }
        Ok(())
    }
}

/// A daemon without signal handlers, since the other subjects have none.
pub fn daemon() -> Daemon {
    Daemon::new("bench").signals([])
}

const AT_ONCE: Options = Options::DEFAULT.backoff(Backoff::NONE);

async fn run(daemon: Daemon, gate: &Gate) -> DaemonHandle {
    let handle = daemon.start().await.unwrap();
    gate.all().await;
    handle
}

impl Subject for Rxd {
    type Running = DaemonHandle;

    async fn start(names: Names, gate: Gate) -> Self::Running {
        let services = names.iter().map(|&name| Service::new(name, Body(gate.clone())));
        run(daemon().add_all(services), &gate).await
    }

    async fn stop(handle: Self::Running) {
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    }

    async fn restart(gate: Gate) {
        let service = Service::new("brief", Brief(gate.clone())).options(AT_ONCE);
        let handle = run(daemon().add(service), &gate).await;
        Self::stop(handle).await;
    }

    async fn wedge(names: Names, gate: Gate) -> Wedged {
        let services = names[1..].iter().map(|&name| Service::new(name, Body(gate.clone())));
        let unresponsive = Service::new(names[0], Unresponsive(gate.clone()));
        let handle = run(daemon().shutdown_timeout(DEADLINE).add(unresponsive).add_all(services), &gate).await;
        handle.shutdown();
        Wedged { message: handle.wait().await.into_result().err().map(|error| error.to_string()).unwrap_or_default() }
    }
}

/// The same with services that have all four methods.
#[derive(Debug)]
pub struct Four;

impl Subject for Four {
    type Running = DaemonHandle;

    async fn start(names: Names, gate: Gate) -> Self::Running {
        let services = names.iter().map(|&name| Service::new(name, All(Body(gate.clone()))));
        run(daemon().add_all(services), &gate).await
    }

    async fn stop(handle: Self::Running) {
        Rxd::stop(handle).await;
    }

    async fn restart(gate: Gate) {
        let service = Service::new("brief", All(Brief(gate.clone()))).options(AT_ONCE);
        let handle = run(daemon().add(service), &gate).await;
        Self::stop(handle).await;
    }

    async fn wedge(names: Names, gate: Gate) -> Wedged {
        Rxd::wedge(names, gate).await
    }
}

/// A service that leaves Run, watched by tasks outside the daemon.
pub async fn observe(change: Change, observers: usize, times: usize) -> Vec<u64> {
    let service = Service::new("changing", Changing(change.clone())).options(AT_ONCE);
    let handle = daemon().add(service).start().await.unwrap();
    handle.wait_for("changing", State::Run).await.unwrap();
    for _ in 0..observers {
        let mut watch = handle.watch_any(Action::Exited, State::Run, "changing").unwrap();
        let change = change.clone();
        tokio::spawn(async move {
            while watch.next().await.is_some() {
                change.observed();
            }
        });
    }
    let samples = crate::sample::repeat(&change, times).await;
    Rxd::stop(handle).await;
    samples
}

/// Restarts one service `restarts` times. Returns the live bytes early on and at the end.
pub async fn flat(restarts: usize) -> (u64, u64) {
    let heap = || crate::count::Heap::now().bytes;
    let (early, late) = (Gate::new(restarts / 100), Gate::new(restarts));
    struct Both(Gate, Gate);
    impl Runner for Both {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            self.0.arrive();
            if !self.1.arrive() {
                cx.cancelled().await;
            }
            Ok(())
        }
    }
    let service = Service::new("flat", Both(early.clone(), late.clone())).options(AT_ONCE);
    let handle = daemon().add(service.manager(manager::continuous)).start().await.unwrap();
    early.all().await;
    let before = heap();
    late.all().await;
    let after = heap();
    Rxd::stop(handle).await;
    (before, after)
}

impl ComeAndGo for Rxd {
    async fn come_and_go(names: Names, gate: Gate) -> [Instant; 3] {
        let handle = daemon().add(Service::new("stays", Body(Gate::new(1)))).start().await.unwrap();
        let begun = Instant::now();
        for &name in names {
            handle.add(Service::new(name, Body(gate.clone()))).await.unwrap();
        }
        gate.all().await;
        let all_run = Instant::now();
        for name in names {
            handle.remove(name).await.unwrap();
        }
        let gone = Instant::now();
        Self::stop(handle).await;
        [begun, all_run, gone]
    }
}
