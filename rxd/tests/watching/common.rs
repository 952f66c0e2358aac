//! What these tests have in common.

use rxd::testing::{Behavior, CallLog, FakeService};
use rxd::{Backoff, Context, Daemon, DaemonHandle, Options, Runner, Service, State};

/// A fake that stays in these states until it is told to leave, and what tells it.
pub(crate) fn fake(stays_in: &[State]) -> (CallLog, FakeService) {
    let probe = CallLog::new();
    let methods = [State::Init, State::Idle, State::Run, State::Stop].into_iter();
    let fake = methods.fold(FakeService::new().call_log(&probe), |fake, state| {
        fake.on(state, [if stays_in.contains(&state) { Behavior::UntilCancelled } else { Behavior::Ok }])
    });
    (probe, fake)
}

/// Comes round so many times at once, and then stays in Run.
pub(crate) struct Spinner(pub u32);

impl Runner for Spinner {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => cx.cancelled().await,
        }
        Ok(())
    }
}

/// How many transitions a spinner has made when it stays in Run.
pub(crate) fn transitions(rounds: u32) -> u64 {
    u64::from(rounds) * 8 + 5
}

/// A service without any pauses.
pub(crate) fn brisk(name: &str, runner: impl Runner) -> Service {
    Service::new(name.to_owned(), runner).options(Options::DEFAULT.backoff(Backoff::NONE))
}

/// A daemon of these services, started.
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
