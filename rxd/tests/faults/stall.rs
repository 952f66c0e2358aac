//! F16 to F18, G33: code that blocks is found and named. Real time, and real threads.

use crate::kit::*;
use rxd::prestart::Stage;
use rxd::testing::{Behavior, FakeService};
use rxd::{Cause, Context, Daemon, Service, State};
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};

/// Notes what is said at WARN and above, or at another level.
///
/// It comes with another subscriber: where there is only one, a callsite that a thread without it comes upon first is
/// taken to be of interest to nobody.
#[derive(Clone)]
pub(crate) struct Heard(
    Arc<(Mutex<Vec<String>>, Condvar)>,
    tracing::Level,
    #[expect(dead_code, reason = "it is there to be there")] tracing::Dispatch,
);

impl Default for Heard {
    fn default() -> Self {
        Heard::of(tracing::Level::WARN)
    }
}

impl Heard {
    pub(crate) fn of(level: tracing::Level) -> Self {
        Heard(Arc::default(), level, tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new()))
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.0.lock().unwrap().iter().any(|line| line.contains(text))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    /// Blocks until it was said.
    fn wait_for(&self, text: &str) {
        let lines = self.0.0.lock().unwrap();
        let said = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(text));
        let (lines, timeout) = self.0.1.wait_timeout_while(lines, 60 * SECOND, said).unwrap();
        assert!(!timeout.timed_out(), "`{text}` was not said: {lines:?}");
    }
}

impl tracing::Subscriber for Heard {
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

/// A daemon with a service that blocks its thread until it is heard of.
fn blocked(limit: Duration, workers: usize, block: impl Fn(&Heard) + Send + Sync + 'static) -> (Heard, rxd::Report) {
    quiet();
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let mut builder = match workers {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(workers.max(1)).enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let (inner, block) = (heard.clone(), Arc::new(block));
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
    (heard, report)
}

const NAMED: &str = "blocks its thread";

#[test]
fn f16_a_sleeping_thread_is_named_and_others_go_on() {
    let (heard, report) = blocked(500 * MS, 2, |heard| heard.wait_for(NAMED));
    assert!(heard.has("service=\"blocker\""));
    assert!(!heard.has("service=\"other\""));
    assert!(report.is_ok());
}

#[test]
fn f17_all_workers_are_blocked() {
    let (heard, report) = blocked(40 * MS, 1, |heard| heard.wait_for(NAMED));
    assert!(heard.has("service=\"blocker\""));
    assert!(report.is_ok());
    let (heard, _) = blocked(40 * MS, 0, |heard| heard.wait_for(NAMED));
    assert!(heard.has("service=\"blocker\""));
}

#[test]
fn f18_a_busy_loop_is_named() {
    let (heard, _) = blocked(40 * MS, 2, |heard| while !heard.has(NAMED) {});
    assert!(heard.has("state=\"run\""));
}

#[test]
fn g33_it_is_said_once_and_again_when_it_is_over() {
    let (heard, _) = blocked(500 * MS, 2, |heard| {
        heard.wait_for(NAMED);
        std::thread::sleep(Duration::from_millis(200));
    });
    let lines = heard.0.0.lock().unwrap();
    assert_eq!(lines.iter().filter(|line| line.contains(NAMED)).count(), 1, "{lines:?}");
}

#[test]
fn g33_nobody_is_named_who_only_waits_or_works_in_small_pieces() {
    let (heard, _) = blocked(10 * SECOND, 2, |_| {});
    assert!(!heard.has(NAMED));
}

#[test]
fn a_blocked_service_is_abandoned_and_named() {
    quiet();
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
    // That the one below it is not is asked where time is paused, in `g14_what_cannot_even_be_dropped_..`: here a
    // busy machine may leave it no turn within what is left of a tenth of a second.
    let blocker = report.abandoned().find(|ending| ending.name == "blocker").expect("it is abandoned");
    assert_eq!((blocker.cause, blocker.abandoned_in), (Cause::Abandoned, Some(State::Run)));
    drop(release);
}

#[test]
fn f16_a_task_that_blocks_its_thread_is_named() {
    quiet();
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let inner = heard.clone();
    let report = runtime.block_on(async {
        let run = Behavior::call(move |cx: Context| {
            let heard = inner.clone();
            async move {
                cx.spawn("quiet", std::future::ready(()));
                cx.spawn("worker", async move { heard.wait_for(NAMED) });
                cx.cancelled().await;
                Ok(())
            }
        });
        let service = Service::new("blocker", FakeService::new().on(State::Run, [run]));
        let handle = Daemon::new("d").signals([]).blocking_threshold(500 * MS).add(service).start().await.unwrap();
        handle.wait_for("blocker", State::Run).await.unwrap();
        heard.wait_for(NAMED);
        handle.shutdown();
        handle.wait().await
    });
    assert!(heard.has("service=\"blocker\" task=\"worker\""), "{:?}", heard.0.0.lock().unwrap());
    assert!(!heard.has("task=\"quiet\""));
    assert!(report.is_ok(), "{report}");
}

#[test]
fn f16_a_stage_that_blocks_its_thread_is_named() {
    quiet();
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let inner = heard.clone();
    let report = runtime.block_on(async {
        let blocks = Stage::new("port", move || {
            let heard = inner.clone();
            async move {
                heard.wait_for(NAMED);
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
    let lines = heard.0.0.lock().unwrap();
    let line = lines.iter().find(|line| line.contains(NAMED)).unwrap();
    assert!(line.contains("stage=\"port\"") && !line.contains("service="), "{line}");
    assert!(report.is_ok(), "{report}");
}

/// Waits until it is heard of, when it is dropped.
struct BlocksInDrop(Heard);

impl Drop for BlocksInDrop {
    fn drop(&mut self) {
        self.0.wait_for(NAMED);
    }
}

#[test]
fn f16_what_blocks_when_it_is_dropped_is_named() {
    quiet();
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let inner = heard.clone();
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
    assert!(heard.has("service=\"blocker\""));
}

#[test]
fn g4_the_next_round_waits_for_a_task_that_cannot_be_dropped() {
    quiet();
    let heard = Heard::default();
    let listens = heard.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || std::mem::forget(tracing::subscriber::set_default(listens.clone())))
        .build()
        .unwrap();
    let (inner, ended) = (heard.clone(), Arc::new(Mutex::new(false)));
    let report = runtime.block_on(async {
        let noted = ended.clone();
        let run = Behavior::call(move |cx: Context| {
            let (heard, ended) = (inner.clone(), noted.clone());
            async move {
                cx.spawn("worker", async move {
                    // Until it is to be dropped, which it cannot be.
                    heard.wait_for("aborted: `worker`");
                    *ended.lock().unwrap() = true;
                });
                cx.cancelled().await;
                Ok(())
            }
        });
        let noted = ended.clone();
        let again = Behavior::call(move |_| {
            let ended = *noted.lock().unwrap();
            async move { if ended { Ok(()) } else { Err("the last round has not ended".into()) } }
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
