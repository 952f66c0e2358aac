//! F16 to F18, G33: blocking code is detected and named. In real time, on real threads.

use crate::kit::*;
use rxd::prestart::Stage;
use rxd::testing::{Behavior, FakeService};
use rxd::{Cause, Context, Daemon, Service, State};
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};

/// Keeps the records at WARN and above, or of another level.
///
/// It brings a second subscriber. With only one, a callsite that is first reached by a thread
/// without it is disabled for all threads.
#[derive(Clone)]
pub(crate) struct LogCapture(
    Arc<(Mutex<Vec<String>>, Condvar)>,
    tracing::Level,
    #[expect(dead_code, reason = "its existence keeps callsites enabled")] tracing::Dispatch,
);

impl Default for LogCapture {
    fn default() -> Self {
        LogCapture::of(tracing::Level::WARN)
    }
}

impl LogCapture {
    pub(crate) fn of(level: tracing::Level) -> Self {
        LogCapture(Arc::default(), level, tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new()))
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.0.lock().unwrap().iter().any(|line| line.contains(text))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    /// Blocks until this text is logged.
    fn wait_for(&self, text: &str) {
        let lines = self.0.0.lock().unwrap();
        let is_missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(text));
        let (lines, timeout) = self.0.1.wait_timeout_while(lines, 60 * SECOND, is_missing).unwrap();
        assert!(!timeout.timed_out(), "`{text}` was not logged: {lines:?}");
    }
}

impl tracing::Subscriber for LogCapture {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= self.1
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(Vec::new());
        event.record(&mut line);
        self.0.0.lock().unwrap().push(String::from_utf8(line.0).unwrap());
        self.0.1.notify_all();
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

struct Line(Vec<u8>);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

/// Runs a daemon with a service that blocks its thread until `block` returns.
fn blocked(
    limit: Duration,
    workers: usize,
    block: impl Fn(&LogCapture) + Send + Sync + 'static,
) -> (LogCapture, rxd::Report) {
    silence_scripted_panics();
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let mut builder = match workers {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(workers.max(1)).enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let (inner, block) = (logged.clone(), Arc::new(block));
        let blocks = Behavior::call(move |cx: Context| {
            let (inner, block) = (inner.clone(), block.clone());
            async move {
                block(&inner);
                cx.cancelled().await;
                Ok(())
            }
        });
        let blocker = Service::new("blocker", FakeService::new().on(State::Run, [blocks]));
        let daemon = Daemon::new("d").signals([]).blocking_threshold(limit).add(blocker).add(plain("other"));
        let handle = daemon.start().await.unwrap();
        handle.wait_for("other", State::Run).await.unwrap();
        handle.wait_for("blocker", State::Run).await.unwrap();
        tokio::task::yield_now().await;
        handle.shutdown();
        handle.wait().await
    });
    (logged, report)
}

const NAMED: &str = "blocks its thread";

#[test]
fn f16_sleeping_thread_is_named_and_others_run() {
    let (logged, report) = blocked(500 * MS, 2, |logged| logged.wait_for(NAMED));
    assert!(logged.has("service=\"blocker\""));
    assert!(!logged.has("service=\"other\""));
    assert!(report.is_ok());
}

#[test]
fn f17_service_blocking_all_workers_is_named() {
    let (logged, report) = blocked(40 * MS, 1, |logged| logged.wait_for(NAMED));
    assert!(logged.has("service=\"blocker\""));
    assert!(report.is_ok());
    let (logged, _) = blocked(40 * MS, 0, |logged| logged.wait_for(NAMED));
    assert!(logged.has("service=\"blocker\""));
}

#[test]
fn f18_busy_loop_is_named() {
    let (logged, _) = blocked(40 * MS, 2, |logged| while !logged.has(NAMED) {});
    assert!(logged.has("state=\"run\""));
}

#[test]
fn g33_blocked_thread_is_logged_once() {
    let (logged, _) = blocked(500 * MS, 2, |logged| {
        logged.wait_for(NAMED);
        std::thread::sleep(Duration::from_millis(200));
    });
    let lines = logged.0.0.lock().unwrap();
    assert_eq!(lines.iter().filter(|line| line.contains(NAMED)).count(), 1, "{lines:?}");
}

#[test]
fn g33_service_that_only_waits_is_not_named() {
    let (logged, _) = blocked(10 * SECOND, 2, |_| {});
    assert!(!logged.has(NAMED));
}

/// Blocks its own thread for ten times the threshold.
struct BlocksItsOwn;

impl rxd::BlockingRunner for BlocksItsOwn {
    fn run(&mut self, cx: &rxd::BlockingContext) -> rxd::Result {
        std::thread::sleep(400 * MS);
        cx.daemon().shutdown();
        Ok(())
    }
}

#[test]
fn g33_service_blocking_a_thread_of_its_own_is_not_named() {
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let daemon = Daemon::new("d").signals([]).blocking_threshold(40 * MS);
        daemon.add(Service::blocking("own", BlocksItsOwn)).start().await.unwrap().wait().await
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(logged.lines(), [""; 0]);
}

#[test]
fn blocked_service_at_the_deadline_is_abandoned() {
    silence_scripted_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let report = runtime.block_on(async {
        let blocks = Behavior::call(move |_| {
            let held = held.clone();
            async move {
                let _ = held.lock().unwrap().recv();
                Ok(())
            }
        });
        let daemon = Daemon::new("d")
            .signals([])
            .shutdown_timeout(50 * MS)
            .add(plain("below"))
            .add(Service::new("blocker", FakeService::new().on(State::Run, [blocks])).needs(["below"]));
        let handle = daemon.start().await.unwrap();
        handle.wait_for("blocker", State::Run).await.unwrap();
        handle.shutdown();
        handle.wait().await
    });
    // Whether its dependency is abandoned as well is tested in paused time, by
    // `g14_task_that_cannot_be_dropped_..`: on a busy machine 100 ms may be too short for it.
    let blocker = report.abandoned().find(|service| service.name == "blocker").expect("`blocker` is abandoned");
    assert_eq!((blocker.cause, blocker.abandoned_in), (Cause::Abandoned, Some(State::Run)));
    drop(release);
}

#[test]
fn f16_task_blocking_its_thread_is_named() {
    silence_scripted_panics();
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let inner = logged.clone();
    let report = runtime.block_on(async {
        let run = Behavior::call(move |cx: Context| {
            let logged = inner.clone();
            async move {
                cx.spawn("quiet", std::future::ready(()));
                cx.spawn("worker", async move { logged.wait_for(NAMED) });
                cx.cancelled().await;
                Ok(())
            }
        });
        let service = Service::new("blocker", FakeService::new().on(State::Run, [run]));
        let handle = Daemon::new("d").signals([]).blocking_threshold(500 * MS).add(service).start().await.unwrap();
        handle.wait_for("blocker", State::Run).await.unwrap();
        logged.wait_for(NAMED);
        handle.shutdown();
        handle.wait().await
    });
    assert!(logged.has("service=\"blocker\" task=\"worker\""), "{:?}", logged.0.0.lock().unwrap());
    assert!(!logged.has("task=\"quiet\""));
    assert!(report.is_ok(), "{report}");
}

#[test]
fn f16_stage_blocking_its_thread_is_named() {
    silence_scripted_panics();
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let inner = logged.clone();
    let report = runtime.block_on(async {
        let blocks = Stage::new("port", move || {
            let logged = inner.clone();
            async move {
                logged.wait_for(NAMED);
                Ok(())
            }
        });
        let daemon = Daemon::new("d").signals([]).blocking_threshold(40 * MS);
        let daemon = daemon.prestart(Stage::new("directory", async || Ok(()))).prestart(blocks).add(plain("a"));
        let handle = daemon.start().await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        handle.shutdown();
        handle.wait().await
    });
    let lines = logged.0.0.lock().unwrap();
    let line = lines.iter().find(|line| line.contains(NAMED)).unwrap();
    assert!(line.contains("stage=\"port\"") && !line.contains("service="), "{line}");
    assert!(report.is_ok(), "{report}");
}

/// Blocks in `drop` until that is logged.
struct BlocksInDrop(LogCapture);

impl Drop for BlocksInDrop {
    fn drop(&mut self) {
        self.0.wait_for(NAMED);
    }
}

#[test]
fn f16_drop_blocking_its_thread_is_named() {
    silence_scripted_panics();
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let inner = logged.clone();
    runtime.block_on(async {
        let run = Behavior::call(move |_| {
            let held = BlocksInDrop(inner.clone());
            async move {
                let _held = held;
                std::future::pending().await
            }
        });
        let options = rxd::Options::DEFAULT.timeout_of(State::Run, 10 * MS);
        let service = Service::new("blocker", FakeService::new().on(State::Run, [run, Behavior::UntilCancelled]))
            .options(options);
        let handle = Daemon::new("d").signals([]).blocking_threshold(500 * MS).add(service).start().await.unwrap();
        handle.watch_any(rxd::Action::Exited, State::Run, "blocker").unwrap().next().await.unwrap();
        handle.shutdown();
        let _ = handle.wait().await;
    });
    assert!(logged.has("service=\"blocker\""));
}

#[test]
fn g4_incarnation_after_an_undroppable_task_waits_for_it() {
    silence_scripted_panics();
    let logged = LogCapture::default();
    let listens = logged.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || std::mem::forget(tracing::subscriber::set_default(listens.clone())))
        .build()
        .unwrap();
    let (inner, ended) = (logged.clone(), Arc::new(Mutex::new(false)));
    let report = runtime.block_on(async {
        let shared = ended.clone();
        let run = Behavior::call(move |cx: Context| {
            let (logged, ended) = (inner.clone(), shared.clone());
            async move {
                cx.spawn("worker", async move {
                    // Blocks until the engine tries to drop it.
                    logged.wait_for("aborted: `worker`");
                    *ended.lock().unwrap() = true;
                });
                cx.cancelled().await;
                Ok(())
            }
        });
        let shared = ended.clone();
        let again = Behavior::call(move |_| {
            let ended = *shared.lock().unwrap();
            async move { if ended { Ok(()) } else { Err("the last incarnation has not ended".into()) } }
        });
        let fake =
            FakeService::new().on(State::Init, [Behavior::Ok, again]).on(State::Run, [run, Behavior::UntilCancelled]);
        let options = rxd::Options::DEFAULT.timeout_of(State::Stop, 10 * MS);
        let handle = Daemon::new("d").signals([]).add(Service::new("a", fake).options(options)).start().await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        handle.restart("a").await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        let error = handle.states()["a"].last_error.clone();
        assert_eq!(error, None);
        handle.shutdown();
        handle.wait().await
    });
    assert!(report.is_ok(), "{report}");
}

/// Blocks while it is dropped, until this is received.
struct WedgedInDrop(std::sync::mpsc::Receiver<()>);

impl rxd::BlockingRunner for WedgedInDrop {
    fn run(&mut self, cx: &rxd::BlockingContext) -> rxd::Result {
        cx.sleep(3600 * SECOND)?;
        Ok(())
    }
}

impl Drop for WedgedInDrop {
    fn drop(&mut self) {
        let _ = self.0.recv();
    }
}

/// Of a value whose drop never returns, nobody else is blamed.
#[tokio::test]
async fn g59_service_that_blocks_its_own_thread_in_drop_is_blamed_alone() {
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let (go_on, blocks) = std::sync::mpsc::channel();
    let service = Service::blocking("wedged", WedgedInDrop(blocks));
    let daemon = Daemon::new("d").add(service).signals([]).shutdown_timeout(300 * MS);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("wedged", State::Run).await.unwrap();
    handle.shutdown();
    let report = handle.wait().await;
    go_on.send(()).unwrap();
    assert_eq!(report.abandoned().count(), 1, "{report}");
    let errors = logged.lines();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("abandoned: dropping its value blocks its thread"), "{errors:?}");
}
