//! Probes of real targets: ones that are there, refuse, hang, and come back.

#[cfg(unix)]
mod command;
mod http;
mod tcp;

use rxd::{Backoff, Daemon, DaemonHandle, Options, Runner, Service, State};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// Starts a daemon with this probe, and one service that needs it.
async fn start(probe: impl Runner) -> DaemonHandle {
    struct Api;
    impl Runner for Api {
        async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }
    let options = Options::DEFAULT.backoff(Backoff::fixed(10 * MS));
    let daemon = Daemon::new("d")
        .add(Service::new("health", probe).options(options))
        .add(Service::new("api", Api).needs(["health"]).options(options));
    daemon.signals([]).start().await.unwrap()
}

/// Waits until this is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(5 * MS).await;
    }
}

/// Waits until the service has left Run for this reason.
async fn until_failed(handle: &DaemonHandle, says: &str) {
    let error = || handle.states()["health"].last_error.clone().unwrap_or_default();
    until("it fails", || !error().is_empty()).await;
    assert!(error().starts_with(says), "{}", error());
}

/// Waits until the service checks in Idle, which has not passed.
async fn until_idle(handle: &DaemonHandle) {
    until("it is in idle", || {
        handle.states()["health"].is_in(State::Idle) && handle.why("health").unwrap().to_string().contains("own `idle`")
    })
    .await;
}

/// Stops the daemon, which must not wait for a check.
async fn stop(handle: DaemonHandle) {
    let begun = Instant::now();
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn value_of_zero_is_refused_where_it_is_set() {
    let refused = |set: fn() -> rxd::probe::Tcp| {
        let payload = std::panic::catch_unwind(set).unwrap_err();
        payload.downcast_ref::<&str>().map(ToString::to_string).or(payload.downcast_ref::<String>().cloned()).unwrap()
    };
    let tcp = || rxd::probe::Tcp::new("127.0.0.1:1");
    assert_eq!(tcp().period(MS).failures(1).successes(2).timeout(MS).failures(3).period(MS), {
        tcp().failures(3).successes(2).timeout(MS).period(MS)
    });
    for (set, key) in [
        ((|| rxd::probe::Tcp::new("a:1").period(Duration::ZERO)) as fn() -> rxd::probe::Tcp, "`period` cannot be zero"),
        (|| rxd::probe::Tcp::new("a:1").timeout(Duration::ZERO), "`timeout` cannot be zero"),
        (|| rxd::probe::Tcp::new("a:1").failures(0), "`failures` cannot be 0"),
        (|| rxd::probe::Tcp::new("a:1").successes(0), "`successes` cannot be 0"),
    ] {
        assert!(refused(set).starts_with(key), "{key}");
    }
}
