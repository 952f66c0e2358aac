//! What all of them use.

use rxd::testing::{Behavior, CallLog, FakeService, Finished, Harness, Trace};
use rxd::{Backoff, Daemon, DaemonHandle, Options, Report, Runner, Service, ServiceReport, State};
use std::time::Duration;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What became of a daemon that was judged.
pub(crate) struct Ran {
    pub(crate) trace: Trace,
    pub(crate) report: Report,
    /// How long it took from the start.
    pub(crate) took: Duration,
}

impl Ran {
    pub(crate) fn ending(&self, service: &str) -> &ServiceReport {
        self.report.services().iter().find(|ending| ending.name == service).unwrap()
    }

    /// The text of what went wrong last in this service.
    pub(crate) fn error(&self, service: &str) -> String {
        self.ending(service).error.clone().unwrap_or_default()
    }

    pub(crate) fn states(&self, service: &str) -> String {
        self.trace.states_of(service)
    }
}

/// A daemon that runs.
pub(crate) struct Running {
    pub(crate) handle: DaemonHandle,
    test: rxd::testing::Running,
}

pub(crate) async fn start(daemon: Daemon) -> Running {
    quiet();
    let test = Harness::new(daemon).start().await;
    Running { handle: test.handle().clone(), test }
}

impl Running {
    pub(crate) async fn until(&self, service: &str, state: State) {
        self.test.until(service, state).await;
    }

    pub(crate) async fn stop(self) -> Ran {
        self.handle.shutdown();
        self.end().await
    }

    /// Waits for the end, and judges.
    pub(crate) async fn end(self) -> Ran {
        let Finished { trace, report, took, .. } = self.test.wait().await;
        Ran { trace, report, took }
    }
}

/// Runs a daemon until this service is in this state, and stops it.
pub(crate) async fn run_until(daemon: Daemon, service: &str, state: State) -> Ran {
    let running = start(daemon).await;
    running.until(service, state).await;
    running.stop().await
}

/// Runs a daemon to the end that it finds by itself.
pub(crate) async fn run_out(daemon: Daemon) -> Ran {
    start(daemon).await.end().await
}

/// A service that does this in this state, and is asked to be quick about coming round.
pub(crate) fn fake(name: &'static str, state: State, acts: impl IntoIterator<Item = Behavior>) -> Service {
    Service::new(name, FakeService::new().on(state, acts)).options(brisk())
}

pub(crate) fn plain(name: impl Into<String>) -> Service {
    Service::new(name.into(), FakeService::new())
}

pub(crate) fn brisk() -> Options {
    Options::DEFAULT.backoff(Backoff::NONE)
}

pub(crate) fn daemon(services: impl IntoIterator<Item = Service>) -> Daemon {
    Daemon::new("d").add_all(services)
}

/// A service that is watched by a probe.
pub(crate) fn probed(name: &'static str, fake: FakeService, probe: &CallLog) -> Service {
    Service::new(name, fake.call_log(probe)).options(brisk())
}

/// A service made from a function.
pub(crate) struct Do<F>(pub F);

impl<F, Fut> Runner for Do<F>
where
    F: FnMut(rxd::Context) -> Fut + Send + 'static,
    Fut: Future<Output = rxd::Result> + Send + 'static,
{
    async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {
        (self.0)(cx.clone()).await
    }
}

pub(crate) const ROUND: &str = "init+ init- idle+ idle- run+ run- stop+ stop-";

/// Lets everybody run until nobody has anything left to do at this instant.
pub(crate) async fn settle() {
    tokio::time::sleep(MS).await;
}

/// The panics that fakes are told to make are not news.
///
/// Called before any daemon starts: its own hook is to be around this one.
pub(crate) fn quiet() {
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

/// A tracing layer that panics at the records and spans of rxd's that are chosen.
///
/// As with [`Heard`](crate::stall::Heard), another subscriber has to be there for callsites to ask it at all.
pub(crate) struct PanickingLayer<F> {
    chosen: F,
    _other: tracing::Dispatch,
}

/// What a layer is asked to do when it panics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Asked {
    Span,
    Event,
    Enter,
    Exit,
}

impl<F: Fn(Asked, &str) -> bool + Send + Sync + 'static> PanickingLayer<F> {
    /// Panics at what `chosen` says of what is asked, and of its target if that is known.
    pub(crate) fn new(chosen: F) -> Self {
        PanickingLayer { chosen, _other: tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new()) }
    }

    fn ask(&self, asked: Asked, target: &str) {
        if (self.chosen)(asked, target) {
            panic!("scripted panic in a layer");
        }
    }
}

impl<F: Fn(Asked, &str) -> bool + Send + Sync + 'static> tracing::Subscriber for PanickingLayer<F> {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        self.ask(Asked::Span, span.metadata().target());
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.ask(Asked::Event, event.metadata().target());
    }

    fn enter(&self, _: &tracing::span::Id) {
        self.ask(Asked::Enter, "");
    }

    fn exit(&self, _: &tracing::span::Id) {
        self.ask(Asked::Exit, "");
    }
}
