//! G54: no code of the user's runs under a lock of rxd's.
//!
//! Each door through which rxd calls code of the user's is opened once. Behind it, [`Door::open`] calls
//! back into rxd, to read the states, the history and the reasons, and to make and poll a watch. Under a
//! lock of the board the last would wait for itself; in debug builds it panics under any lock of rxd's
//! (`sync::assert_none_held`), which is noted here since rxd contains panics.
//!
//! The doors:
//!
//! | of | what |
//! |---|---|
//! | a method | itself, what its future holds when it is dropped, the service's value when that is dropped |
//! | an error | `Display`, `source`, `Drop` |
//! | a panic | `Drop` of its payload. Its hook runs where the panic is, which is behind one of these doors |
//! | a task | itself, and what it holds when it is aborted |
//! | a manager | `next`, `Drop` |
//! | a waker, when it is woken and when it is dropped | of a watch, a stream, `wait_for`, a context's and a token's `cancelled`, a request, the report, a subscription |
//! | a message | `Clone`, `Drop` |
//! | an argument | the text of `status` |
//! | a layer of `tracing` | a new span, entering and leaving it, a record |
//! | a prestart stage | itself |
//!
//! A waker's own `clone` cannot be written without unsafe code; where rxd clones one, it asks for the same.

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

/// What all doors lead to.
#[derive(Clone, Default)]
struct Door(Arc<Behind>);

#[derive(Default)]
struct Behind {
    handle: OnceLock<DaemonHandle>,
    topic: OnceLock<Topic<Message>>,
    opened: Mutex<BTreeSet<&'static str>>,
    faults: Mutex<BTreeSet<&'static str>>,
}

fn note(names: &Mutex<BTreeSet<&'static str>>, name: &'static str) {
    names.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
}

impl Door {
    /// Is called by the user's code of this name: calls back into rxd.
    fn open(&self, name: &'static str) {
        let (Some(handle), Some(topic)) = (self.0.handle.get(), self.0.topic.get()) else { return };
        if std::thread::panicking() {
            return;
        }
        note(&self.0.opened, name);
        let calls_back = || {
            let _ = (handle.states(), handle.history(), handle.why("a").unwrap());
            let mut watch = handle.watch_any(Action::Entering, State::Stop, "quiet").unwrap();
            let _ = pin!(watch.next()).poll(&mut TaskContext::from_waker(Waker::noop()));
            let _ = (topic.stats(), handle.intracom().stats());
        };
        if catch_unwind(AssertUnwindSafe(calls_back)).is_err() {
            note(&self.0.faults, name);
        }
    }

    fn on_drop(&self, name: &'static str) -> OnDrop {
        OnDrop(self.clone(), name)
    }

    /// A waker that opens one door when it is woken, and another when it is dropped.
    fn waker(&self, woken: &'static str, dropped: &'static str) -> Waker {
        Waker::from(Arc::new(Wakes { woken, dropped: self.on_drop(dropped) }))
    }
}

struct OnDrop(Door, &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.open(self.1);
    }
}

struct Wakes {
    woken: &'static str,
    dropped: OnDrop,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.dropped.0.open(self.woken);
    }
}

struct Message(OnDrop);

impl Clone for Message {
    fn clone(&self) -> Self {
        self.0.0.open("a message is cloned");
        Message(self.0.0.on_drop("a message is dropped"))
    }
}

struct BadError(Door, #[expect(dead_code, reason = "it is dropped")] OnDrop);

impl fmt::Debug for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadError")
    }
}

impl fmt::Display for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.open("an error is printed");
        f.write_str("scripted failure")
    }
}

impl StdError for BadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.open("an error is asked for its source");
        None
    }
}

struct Manages(Door, #[expect(dead_code, reason = "it is dropped")] OnDrop);

impl Manager for Manages {
    const TABLE: Table = rxd::manager::continuous::TABLE;

    fn next(&mut self, ended: Ended) -> State {
        self.0.open("a manager decides");
        Self::TABLE.next(ended.state, !ended.cause.is_failure())
    }
}

/// A text that opens a door when it is read.
struct Text(Door);

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.0.open("the text of a status is read");
        "at work"
    }
}

/// Fails, panics, spawns, and is then cancelled, Run by Run.
struct Wild {
    door: Door,
    runs: u32,
    _value: OnDrop,
}

impl Runner for Wild {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.door.open("a method runs");
        self.runs += 1;
        let _held = self.door.on_drop("what a method holds is dropped");
        match self.runs {
            1 => return Err(BadError(self.door.clone(), self.door.on_drop("an error is dropped")).into()),
            2 => panic_any(self.door.on_drop("a payload is dropped")),
            _ => {}
        }
        cx.status(Text(self.door.clone()));
        let (door, held) = (self.door.clone(), self.door.on_drop("what an aborted task holds is dropped"));
        cx.spawn("task", async move {
            door.open("a task runs");
            let _held = held;
            std::future::pending::<()>().await;
        });
        // Polled with wakers of its own, and left to them.
        let waker = self.door.waker("cancelled() wakes", "the waker of cancelled() is dropped");
        let mut cancelled = Box::pin(cx.cancelled());
        assert!(cancelled.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        let waker = self.door.waker("a token wakes", "the waker of a token is dropped");
        let token = cx.token();
        let mut by_token = Box::pin(token.cancelled());
        assert!(by_token.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        drop(waker);
        cx.cancelled().await;
        Ok(())
    }
}

/// Polls a future once with a waker that opens doors.
fn poll_once<F: Future>(future: F, waker: &Waker) -> std::pin::Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut TaskContext::from_waker(waker)).is_pending());
    future
}

async fn all_doors(door: Door) {
    let value = door.on_drop("a service is dropped");
    let wild = Wild { door: door.clone(), runs: 0, _value: value };
    let manager = Manages(door.clone(), door.on_drop("a manager is dropped"));
    let options = brisk().timeout_of(State::Stop, SECOND);
    let quiet = Service::new("quiet", rxd::testing::FakeService::new());
    let stage_door = door.clone();
    let stage = Stage::new("stage", move || {
        note(&stage_door.0.opened, "a prestart stage runs");
        async { Ok(()) }
    });
    let daemon = daemon([Service::new("a", wild).manager(manager).options(options), quiet]).prestart(stage);
    let handle = daemon.signals([]).start().await.unwrap();
    let topic: Topic<Message> = handle.intracom().topic("t").unwrap();
    door.0.handle.set(handle.clone()).unwrap();
    door.0.topic.set(topic.clone()).ok().unwrap();

    let mut watch = handle.watch_any(Action::Entering, State::Exit, "quiet").unwrap();
    let mut stream = handle.watch_states(Filter::None).unwrap();
    while std::future::poll_fn(|task| {
        // What there is by now is read first.
        std::task::Poll::Ready(pin!(stream.next()).poll(task).is_ready())
    })
    .await
    {}
    let mut sub = topic.subscribe(Group::own()).unwrap();
    let mut second = topic.subscribe(Group::own()).unwrap();
    let stopped = handle.clone();
    let futures = (
        poll_once(watch.next(), &door.waker("a watch wakes", "the waker of a watch is dropped")),
        poll_once(stream.next(), &door.waker("a stream wakes", "the waker of a stream is dropped")),
        poll_once(
            std::future::IntoFuture::into_future(handle.wait_for("quiet", State::Exit)),
            &door.waker("wait_for wakes", "the waker of wait_for is dropped"),
        ),
        poll_once(stopped.wait(), &door.waker("the report wakes", "the waker of the report is dropped")),
        poll_once(handle.stop("quiet"), &door.waker("an answer wakes", "the waker of an answer is dropped")),
        poll_once(sub.recv(), &door.waker("a subscription wakes", "the waker of a subscription is dropped")),
    );
    assert_eq!(topic.try_publish(Message(door.on_drop("a message is dropped"))).unwrap().delivered(), 2);
    drop(second.try_recv().ok().unwrap());
    // Until its third Run, and a second beyond.
    handle.wait_for("a", State::Run).await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    assert!(handle.states()["a"].is_in(State::Run));
    handle.shutdown();
    // It is not: the task was aborted, which is one of the doors.
    assert!(!handle.wait().await.is_ok());
    drop(futures);
}

/// All that the module lists.
const DOORS: &[&str] = &[
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
fn g54_x5_code_of_the_users_is_called_without_a_lock_by_every_door() {
    quiet();
    let door = Door::default();
    let behind = door.clone();
    let (done, ended) = std::sync::mpsc::channel();
    // In a thread of its own: behind a lock it would wait for ever.
    std::thread::spawn(move || {
        let opens = behind.clone();
        let layer = PanickingLayer::new(move |asked, _| {
            opens.open(match asked {
                Asked::Span => "a layer makes a span",
                Asked::Event => "a layer writes a record",
                Asked::Enter => "a layer enters a span",
                Asked::Exit => "a layer leaves a span",
            });
            false
        });
        tracing::subscriber::with_default(layer, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
            runtime.unwrap().block_on(all_doors(behind));
        });
        let _ = done.send(());
    });
    let ended = ended.recv_timeout(120 * SECOND);
    let names = |names: &Mutex<BTreeSet<&'static str>>| names.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (opened, faults) = (names(&door.0.opened), names(&door.0.faults));
    assert!(ended.is_ok(), "it panicked, or a door leads to a lock that is held; opened: {opened:?}");
    assert_eq!(faults, BTreeSet::new(), "these were opened under a lock");
    let missing: Vec<_> = DOORS.iter().filter(|door| !opened.contains(*door)).collect();
    assert!(missing.is_empty(), "these were never opened: {missing:?}");
}
