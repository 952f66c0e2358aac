//! What the tests share.

use rxd::{Context, Daemon, DaemonHandle, Report, Service, State, StateEvent, StateStream, Transition};

/// Runs until it is cancelled.
pub(crate) async fn idle_away(cx: Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

pub(crate) fn service(name: impl Into<String>) -> Service {
    Service::from_fn(name.into(), idle_away)
}

/// A running daemon of the services `db` and `cache`.
pub(crate) async fn daemon() -> DaemonHandle {
    let handle = Daemon::new("d").signals([]).add(service("db")).add(service("cache")).start().await.unwrap();
    handle.wait_for(["db", "cache"], State::Run).await.unwrap();
    handle
}

pub(crate) async fn stop(handle: &DaemonHandle) -> Report {
    handle.shutdown();
    handle.wait().await
}

/// The message of an error, on one line.
pub(crate) fn text(result: Result<(), rxd::Error>) -> String {
    result.unwrap_err().to_string()
}

/// The transitions that a stream has ready, as `api run+`.
pub(crate) async fn ready(states: &mut StateStream) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(Some(event)) = futures_util::FutureExt::now_or_never(states.next()) {
        if let StateEvent::Changed(service) = event {
            let sign = if service.transition == Transition::Entering { '+' } else { '-' };
            seen.push(format!("{} {}{sign}", service.name, service.state));
        }
    }
    seen
}
