//! What the tests of watches have in common.

use rxd::testing::{Behavior, CallLog, FakeService};
use rxd::{Backoff, Context, Daemon, DaemonHandle, Options, Runner, Service, State};

/// A fake whose methods of these states return once they are cancelled, and its call log, which
/// sets its behavior.
pub(crate) fn fake(stays_in: &[State]) -> (CallLog, FakeService) {
    let log = CallLog::new();
    let methods = [State::Init, State::Idle, State::Run, State::Stop].into_iter();
    let fake = methods.fold(FakeService::new().call_log(&log), |fake, state| {
        fake.on(state, [if stays_in.contains(&state) { Behavior::UntilCancelled } else { Behavior::Ok }])
    });
    (log, fake)
}

/// Ends its Run at once so many times, and then stays in Run.
pub(crate) struct Restarting(pub u32);

impl Runner for Restarting {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => cx.cancelled().await,
        }
        Ok(())
    }
}

/// How many transitions a [`Restarting`] has made when it stays in Run.
pub(crate) fn transitions(restarts: u32) -> u64 {
    u64::from(restarts) * 8 + 5
}

/// A service without back-off.
pub(crate) fn service(name: &str, runner: impl Runner) -> Service {
    Service::new(name.to_owned(), runner).options(Options::DEFAULT.backoff(Backoff::NONE))
}

/// Starts a daemon of these services.
pub(crate) async fn start(services: impl IntoIterator<Item = Service>) -> DaemonHandle {
    start_with(Daemon::new("d"), services).await
}

pub(crate) async fn start_with(daemon: Daemon, services: impl IntoIterator<Item = Service>) -> DaemonHandle {
    daemon.signals([]).add_all(services).start().await.unwrap()
}

pub(crate) async fn end(handle: &DaemonHandle) {
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
