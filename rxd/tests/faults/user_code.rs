//! G54: no user code runs under a lock of rxd.
//!
//! Every place where rxd calls user code is reached once. There [`Callback::enter`] calls back into
//! rxd: it reads the states, the history and the reasons, and makes and polls a watch. Under the
//! lock of the board this would deadlock. In debug builds it panics under any lock of rxd
//! (`sync::assert_none_held`); the test records the panic, since rxd contains it.
//!
//! The places:
//!
//! | of | what |
//! |---|---|
//! | a method | itself, what its future holds when it is dropped, the service's value when that is dropped |
//! | an error | `Display`, `source`, `Drop` |
//! | a panic | `Drop` of its payload. Its hook runs where the panic is, which is one of these places |
//! | a task | itself, and what it holds when it is aborted |
//! | a manager | `next`, `Drop` |
//! | a waker, when it is woken and when it is dropped | of a watch, a stream, `wait_for`, a context's and a token's `cancelled`, a request, the report, a subscription |
//! | a message | `Clone`, `Drop` |
//! | an argument | the text of `status` |
//! | a layer of `tracing` | a new span, entering and leaving it, a record |
//! | a prestart stage | itself |
//!
//! A waker's own `clone` cannot be written without unsafe code, so it is not tested.

use crate::kit::*;
use rxd::intracom::{Group, Topic};
use rxd::manager::{Ended, Table};
use rxd::prestart::Stage;
use rxd::{Action, Context, DaemonHandle, Filter, Manager, Runner, Service, State};
use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context as TaskContext, Wake, Waker};

/// What all user code here calls.
#[derive(Clone, Default)]
struct Callback(Arc<Shared>);

#[derive(Default)]
struct Shared {
    handle: OnceLock<DaemonHandle>,
    topic: OnceLock<Topic<Message>>,
    entered: Mutex<BTreeSet<&'static str>>,
    faults: Mutex<BTreeSet<&'static str>>,
}

fn record(names: &Mutex<BTreeSet<&'static str>>, name: &'static str) {
    names.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
}

impl Callback {
    /// Called by the user code of this name: calls back into rxd.
    fn enter(&self, name: &'static str) {
        let (Some(handle), Some(topic)) = (self.0.handle.get(), self.0.topic.get()) else { return };
        if std::thread::panicking() {
            return;
        }
        record(&self.0.entered, name);
        let calls_back = || {
            let _ = (handle.states(), handle.history(), handle.why("a").unwrap());
            let mut watch = handle.watch_any(Action::Entering, State::Stop, "quiet").unwrap();
            let _ = pin!(watch.next()).poll(&mut TaskContext::from_waker(Waker::noop()));
            let _ = (topic.stats(), handle.intracom().stats());
        };
        if catch_unwind(AssertUnwindSafe(calls_back)).is_err() {
            record(&self.0.faults, name);
        }
    }

    fn on_drop(&self, name: &'static str) -> OnDrop {
        OnDrop(self.clone(), name)
    }

    /// A waker that calls back when it is woken, and when it is dropped.
    fn waker(&self, woken: &'static str, dropped: &'static str) -> Waker {
        Waker::from(Arc::new(Wakes { woken, dropped: self.on_drop(dropped) }))
    }
}

struct OnDrop(Callback, &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.enter(self.1);
    }
}

struct Wakes {
    woken: &'static str,
    dropped: OnDrop,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.dropped.0.enter(self.woken);
    }
}

struct Message(OnDrop);

impl Clone for Message {
    fn clone(&self) -> Self {
        self.0.0.enter("a message is cloned");
        Message(self.0.0.on_drop("a message is dropped"))
    }
}

struct BadError(Callback, #[expect(dead_code, reason = "it is dropped")] OnDrop);

impl fmt::Debug for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadError")
    }
}

impl fmt::Display for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.enter("an error is printed");
        f.write_str("scripted failure")
    }
}

impl StdError for BadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.enter("an error is asked for its source");
        None
    }
}

struct Manages(Callback, #[expect(dead_code, reason = "it is dropped")] OnDrop);

impl Manager for Manages {
    const TABLE: Table = rxd::manager::continuous::TABLE;

    fn next(&mut self, ended: Ended) -> State {
        self.0.enter("a manager decides");
        Self::TABLE.next(ended.state, !ended.cause.is_failure())
    }
}

/// A text that calls back when it is read.
struct Text(Callback);

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.0.enter("the text of a status is read");
        "at work"
    }
}

/// Fails in its first Run, panics in the second, and spawns a task and is cancelled in the third.
struct Wild {
    callback: Callback,
    runs: u32,
    _value: OnDrop,
}

impl Runner for Wild {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.callback.enter("a method runs");
        self.runs += 1;
        let _held = self.callback.on_drop("what a method holds is dropped");
        match self.runs {
            1 => return Err(BadError(self.callback.clone(), self.callback.on_drop("an error is dropped")).into()),
            2 => panic_any(self.callback.on_drop("a payload is dropped")),
            _ => {}
        }
        cx.status(Text(self.callback.clone()));
        let (callback, held) = (self.callback.clone(), self.callback.on_drop("what an aborted task holds is dropped"));
        cx.spawn("task", async move {
            callback.enter("a task runs");
            let _held = held;
            std::future::pending::<()>().await;
        });
        // Polled once with its own waker.
        let waker = self.callback.waker("cancelled() wakes", "the waker of cancelled() is dropped");
        let mut cancelled = Box::pin(cx.cancelled());
        assert!(cancelled.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        let waker = self.callback.waker("a token wakes", "the waker of a token is dropped");
        let token = cx.token();
        let mut by_token = Box::pin(token.cancelled());
        assert!(by_token.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        drop(waker);
        cx.cancelled().await;
        Ok(())
    }
}

/// Polls a future once, which is pending.
fn poll_once<F: Future>(future: F, waker: &Waker) -> std::pin::Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut TaskContext::from_waker(waker)).is_pending());
    future
}

async fn run_all_callbacks(callback: Callback) {
    let value = callback.on_drop("a service is dropped");
    let wild = Wild { callback: callback.clone(), runs: 0, _value: value };
    let manager = Manages(callback.clone(), callback.on_drop("a manager is dropped"));
    let options = no_backoff().timeout_of(State::Stop, SECOND);
    let quiet = Service::new("quiet", rxd::testing::FakeService::new());
    let stage_callback = callback.clone();
    let stage = Stage::new("stage", move || {
        record(&stage_callback.0.entered, "a prestart stage runs");
        async { Ok(()) }
    });
    let daemon = daemon([Service::new("a", wild).manager(manager).options(options), quiet]).prestart(stage);
    let handle = daemon.signals([]).start().await.unwrap();
    let topic: Topic<Message> = handle.intracom().topic("t").unwrap();
    callback.0.handle.set(handle.clone()).unwrap();
    callback.0.topic.set(topic.clone()).ok().unwrap();

    let mut watch = handle.watch_any(Action::Entering, State::Exit, "quiet").unwrap();
    let mut stream = handle.watch_states(Filter::None).unwrap();
    while std::future::poll_fn(|task| {
        // All events up to now are read first.
        std::task::Poll::Ready(pin!(stream.next()).poll(task).is_ready())
    })
    .await
    {}
    let mut sub = topic.subscribe(Group::private()).unwrap();
    let mut second = topic.subscribe(Group::private()).unwrap();
    let stopped = handle.clone();
    let futures = (
        poll_once(watch.next(), &callback.waker("a watch wakes", "the waker of a watch is dropped")),
        poll_once(stream.next(), &callback.waker("a stream wakes", "the waker of a stream is dropped")),
        poll_once(
            std::future::IntoFuture::into_future(handle.wait_for("quiet", State::Exit)),
            &callback.waker("wait_for wakes", "the waker of wait_for is dropped"),
        ),
        poll_once(stopped.wait(), &callback.waker("the report wakes", "the waker of the report is dropped")),
        poll_once(handle.stop("quiet"), &callback.waker("an answer wakes", "the waker of an answer is dropped")),
        poll_once(sub.recv(), &callback.waker("a subscription wakes", "the waker of a subscription is dropped")),
    );
    assert_eq!(topic.try_publish(Message(callback.on_drop("a message is dropped"))).unwrap().delivered(), 2);
    drop(second.try_recv().ok().unwrap());
    // Long enough for its third Run.
    handle.wait_for("a", State::Run).await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    assert!(handle.states()["a"].is_in(State::Run));
    handle.shutdown();
    // The report has a failure: the task was aborted, which is one of the places.
    assert!(!handle.wait().await.is_ok());
    drop(futures);
}

/// All places that the module lists.
const CALLBACKS: &[&str] = &[
    "a layer enters a span",
    "a layer leaves a span",
    "a layer writes a record",
    "a manager decides",
    "a manager is dropped",
    "a message is cloned",
    "a message is dropped",
    "a method runs",
    "a payload is dropped",
    "a prestart stage runs",
    "a service is dropped",
    "a stream wakes",
    "a subscription wakes",
    "a task runs",
    "a token wakes",
    "a watch wakes",
    "an answer wakes",
    "an error is asked for its source",
    "an error is dropped",
    "an error is printed",
    "cancelled() wakes",
    "the report wakes",
    "the text of a status is read",
    "the waker of a stream is dropped",
    "the waker of a subscription is dropped",
    "the waker of a token is dropped",
    "the waker of a watch is dropped",
    "the waker of an answer is dropped",
    "the waker of cancelled() is dropped",
    "the waker of the report is dropped",
    "the waker of wait_for is dropped",
    "wait_for wakes",
    "what a method holds is dropped",
    "what an aborted task holds is dropped",
];

#[test]
fn g54_x5_user_code_is_called_without_a_lock_held() {
    silence_scripted_panics();
    let callback = Callback::default();
    let behind = callback.clone();
    let (done, ended) = std::sync::mpsc::channel();
    // In its own thread, since a deadlock would never end.
    std::thread::spawn(move || {
        let opens = behind.clone();
        let layer = PanickingLayer::new(move |call, _| {
            opens.enter(match call {
                LayerCall::Span => "a layer makes a span",
                LayerCall::Event => "a layer writes a record",
                LayerCall::Enter => "a layer enters a span",
                LayerCall::Exit => "a layer leaves a span",
            });
            false
        });
        tracing::subscriber::with_default(layer, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
            runtime.unwrap().block_on(run_all_callbacks(behind));
        });
        let _ = done.send(());
    });
    let ended = ended.recv_timeout(120 * SECOND);
    let names = |names: &Mutex<BTreeSet<&'static str>>| names.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (entered, faults) = (names(&callback.0.entered), names(&callback.0.faults));
    assert!(ended.is_ok(), "user code panicked or ran under a lock that it needs; reached: {entered:?}");
    assert_eq!(faults, BTreeSet::new(), "these ran under a lock");
    let missing: Vec<_> = CALLBACKS.iter().filter(|callback| !entered.contains(*callback)).collect();
    assert!(missing.is_empty(), "these were never reached: {missing:?}");
}
