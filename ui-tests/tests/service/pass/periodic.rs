//! A periodic service: a struct, a function, a generic type; literals and constants.

use rxd::{Context, Runner, Service, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const PERIOD: Duration = Duration::from_secs(300);

#[rxd::service(every = "5m", jitter = "10s", within = "30s", first = "at_once", missed = "skip", manager = "continuous")]
struct Sweep(Arc<AtomicU32>);

impl Runner for Sweep {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[rxd::service(every = PERIOD, jitter = PERIOD.checked_div(30).unwrap(), within = PERIOD, first(after_period), missed(run_once))]
async fn report(_: &Context, runs: &Arc<AtomicU32>) -> rxd::Result {
    runs.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

#[rxd::service(every = "1s")]
struct Of<T>(T);

impl<T: Send + 'static> Runner for Of<T> {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    sweep: Sweep,
    report: Report,
    of: Of<u8>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    let runs = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
    let [sweep, report] = runs.clone();
    let edge = Edge { sweep: Sweep(sweep), report: Report::new(report), of: Of(1) };
    let handle = edge.into_daemon().signals([]).start().await?;
    for service in ["sweep", "report", "of"] {
        handle.wait_for(service, State::Run).await?;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let why = ["sweep", "report", "of"].map(|service| handle.why(service).unwrap().to_string());
    assert!(why.iter().all(|why| why.contains("in Run: next run in ")), "{why:?}");
    assert_eq!(runs.each_ref().map(|runs| runs.load(Ordering::Relaxed)), [1, 0]);
    handle.shutdown();
    handle.wait().await.into_result()?;

    // Without a daemon of its own, and as another name.
    let service = Service::declared(Sweep(runs[0].clone())).named("other");
    let handle = rxd::Daemon::new("edge").add(service).signals([]).start().await?;
    handle.wait_for("other", State::Run).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(handle.why("other").unwrap().to_string().contains("next run in "));
    handle.shutdown();
    let _ = handle.wait().await;
    Ok(())
}
