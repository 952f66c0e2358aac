//! What the tests share.

use rxd::{Context, Daemon, DaemonHandle, Family, Report, Service, State};

/// Runs until it is cancelled.
pub(crate) async fn idle_away(cx: Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

pub(crate) fn service(name: impl Into<String>) -> Service {
    Service::from_fn(name.into(), idle_away)
}

/// A family `workers` with so many members, which can grow.
pub(crate) fn workers(count: usize) -> Family {
    let worker = |_| service("worker");
    Family::new("workers", (0..count).map(worker)).made_by(worker)
}

/// A running daemon of these workers, and of `api`, which is as `api` makes it.
pub(crate) async fn daemon(count: usize, api: impl FnOnce(Service) -> Service) -> DaemonHandle {
    let daemon = Daemon::new("d").signals([]).family(workers(count)).add(api(service("api")));
    let handle = daemon.start().await.unwrap();
    settle().await;
    handle
}

/// Lets all tasks run until none has work left, in paused time.
pub(crate) async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}

pub(crate) fn is_in(handle: &DaemonHandle, service: &str, state: State) -> bool {
    handle.states().get(service).is_some_and(|service| service.is_in(state))
}

pub(crate) async fn stop(handle: &DaemonHandle) -> Report {
    handle.shutdown();
    handle.wait().await
}

/// The names of all services, sorted.
pub(crate) fn names(handle: &DaemonHandle) -> Vec<String> {
    let mut names: Vec<String> = handle.states().iter().map(|service| service.name.to_string()).collect();
    names.sort();
    names
}
