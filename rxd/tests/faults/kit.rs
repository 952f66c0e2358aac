//! What the tests of faults have in common.

use rxd::testing::{Behavior, CallLog, FakeService, Finished, Harness, Trace};
use rxd::{Backoff, Daemon, DaemonHandle, Options, Report, Runner, Service, ServiceReport, State};
use std::time::Duration;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The result of a run whose trace broke no guarantee.
pub(crate) struct Outcome {
    pub(crate) trace: Trace,
    pub(crate) report: Report,
    /// How long the daemon ran.
    pub(crate) took: Duration,
}

impl Outcome {
    pub(crate) fn service_report(&self, service: &str) -> &ServiceReport {
        self.report.services().iter().find(|report| report.name == service).unwrap()
    }

    /// The last error of this service.
    pub(crate) fn error(&self, service: &str) -> String {
        self.service_report(service).error.clone().unwrap_or_default()
    }

    pub(crate) fn states(&self, service: &str) -> String {
        self.trace.states_of(service)
    }
}

/// A running daemon.
pub(crate) struct Running {
    pub(crate) handle: DaemonHandle,
    test: rxd::testing::Running,
}

pub(crate) async fn start(daemon: Daemon) -> Running {
    silence_scripted_panics();
    let test = Harness::new(daemon).start().await;
    Running { handle: test.handle().clone(), test }
}

impl Running {
    pub(crate) async fn until(&self, service: &str, state: State) {
        self.test.until(service, state).await;
    }

    pub(crate) async fn stop(self) -> Outcome {
        self.handle.shutdown();
        self.end().await
    }

    /// Waits for the end, and checks the trace.
    pub(crate) async fn end(self) -> Outcome {
        let Finished { trace, report, took, .. } = self.test.wait().await;
        Outcome { trace, report, took }
    }
}

/// Runs a daemon until this service is in this state, and stops it.
pub(crate) async fn run_until(daemon: Daemon, service: &str, state: State) -> Outcome {
    let running = start(daemon).await;
    running.until(service, state).await;
    running.stop().await
}

/// Runs a daemon until it ends by itself.
pub(crate) async fn run_to_end(daemon: Daemon) -> Outcome {
    start(daemon).await.end().await
}

/// A service whose method of this state behaves like this, without back-off.
pub(crate) fn fake(name: &'static str, state: State, behaviors: impl IntoIterator<Item = Behavior>) -> Service {
    Service::new(name, FakeService::new().on(state, behaviors)).options(no_backoff())
}

pub(crate) fn plain(name: impl Into<String>) -> Service {
    Service::new(name.into(), FakeService::new())
}

pub(crate) fn no_backoff() -> Options {
    Options::DEFAULT.backoff(Backoff::NONE)
}

pub(crate) fn daemon(services: impl IntoIterator<Item = Service>) -> Daemon {
    Daemon::new("d").add_all(services)
}

/// A service whose calls are recorded, without back-off.
pub(crate) fn with_call_log(name: &'static str, fake: FakeService, call_log: &CallLog) -> Service {
    Service::new(name, fake.call_log(call_log)).options(no_backoff())
}

/// A service made from a function.
pub(crate) struct RunFn<F>(pub F);

impl<F, Fut> Runner for RunFn<F>
where
    F: FnMut(rxd::Context) -> Fut + Send + 'static,
    Fut: Future<Output = rxd::Result> + Send + 'static,
{
    async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {
        (self.0)(cx.clone()).await
    }
}

pub(crate) const INCARNATION: &str = "init+ init- idle+ idle- run+ run- stop+ stop-";

/// Waits until no task has work left at this instant.
pub(crate) async fn settle() {
    tokio::time::sleep(MS).await;
}

/// Hides the messages of scripted panics.
///
/// Call it before any daemon starts, so that rxd's panic hook wraps this one.
pub(crate) fn silence_scripted_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let string = payload.downcast_ref::<String>().map(String::as_str);
            let text = payload.downcast_ref::<&str>().copied().or(string);
            if !text.unwrap_or("scripted").starts_with("scripted") {
                before(info);
            }
        }));
    });
}

/// A tracing layer that panics at chosen records and spans of rxd.
///
/// As with [`LogCapture`](crate::stall::LogCapture), a second subscriber must exist, or this one is
/// not called at each callsite.
pub(crate) struct PanickingLayer<F> {
    chosen: F,
    _other: tracing::Dispatch,
}

/// The call at which a layer panics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LayerCall {
    Span,
    Event,
    Enter,
    Exit,
}

impl<F: Fn(LayerCall, &str) -> bool + Send + Sync + 'static> PanickingLayer<F> {
    /// Panics where `chosen` returns true for the call and its target (empty if unknown).
    pub(crate) fn new(chosen: F) -> Self {
        PanickingLayer { chosen, _other: tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new()) }
    }

    fn panic_if_chosen(&self, call: LayerCall, target: &str) {
        if (self.chosen)(call, target) {
            panic!("scripted panic in a layer");
        }
    }
}

impl<F: Fn(LayerCall, &str) -> bool + Send + Sync + 'static> tracing::Subscriber for PanickingLayer<F> {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        self.panic_if_chosen(LayerCall::Span, span.metadata().target());
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.panic_if_chosen(LayerCall::Event, event.metadata().target());
    }

    fn enter(&self, _: &tracing::span::Id) {
        self.panic_if_chosen(LayerCall::Enter, "");
    }

    fn exit(&self, _: &tracing::span::Id) {
        self.panic_if_chosen(LayerCall::Exit, "");
    }
}
