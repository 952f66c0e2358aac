//! Services on a thread of their own. In real time, since their threads have it.

use rxd::testing::Harness;
use rxd::{Action, Backoff, BlockingContext, BlockingRunner, Cause, Context, Daemon, DaemonHandle, LocalRunner};
use rxd::{Options, Report, Service, State};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(20);

type Seen = Arc<Mutex<Vec<(String, ThreadId)>>>;

fn note(seen: &Seen, what: impl Into<String>) {
    seen.lock().unwrap().push((what.into(), thread::current().id()));
}

fn names(seen: &Seen) -> Vec<String> {
    seen.lock().unwrap().iter().map(|(what, _)| what.clone()).collect()
}

async fn start(services: impl IntoIterator<Item = Service>) -> DaemonHandle {
    Daemon::new("d").add_all(services).signals([]).shutdown_timeout(2 * SECOND).start().await.unwrap()
}

async fn stop(handle: DaemonHandle) -> Report {
    handle.shutdown();
    handle.wait().await
}

fn no_backoff() -> Options {
    Options::DEFAULT.backoff(Backoff::NONE)
}

fn until_cancelled(name: &'static str) -> Service {
    Service::from_fn(name, |cx: Context| async move {
        cx.cancelled().await;
        Ok(())
    })
}

/// Notes each of its methods, and its drop.
struct Local {
    seen: Seen,
    /// Neither `Send` nor `Sync`.
    runs: Rc<RefCell<u32>>,
}

impl LocalRunner for Local {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        assert_eq!((cx.name(), thread::current().name()), ("a", Some("a")));
        note(&self.seen, "init");
        Ok(())
    }
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let runs = self.runs.clone();
        // A task, a timer and a task of the service, all on this thread.
        let here = thread::current().id();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(MS).await;
            *runs.borrow_mut() += 1;
        })
        .await?;
        assert_eq!(cx.spawn("task", async { thread::current().id() }).await?, here);
        note(&self.seen, format!("run {}", self.runs.borrow()));
        cx.cancelled().await;
        note(&self.seen, format!("left: {}", cx.cause().unwrap()));
        Ok(())
    }
    async fn stop(&mut self, _: &Context) -> rxd::Result {
        note(&self.seen, "stop");
        Ok(())
    }
    async fn reload(&mut self, _: &Context) -> rxd::Result {
        note(&self.seen, "reload");
        Ok(())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        note(&self.seen, "drop");
    }
}

#[tokio::test]
async fn local_service_lives_on_one_thread_for_all_incarnations() {
    let seen = Seen::default();
    let made = seen.clone();
    let a = Service::local("a", move || {
        note(&made, "new");
        Local { seen: made.clone(), runs: Rc::default() }
    });
    let handle = start([a.needs(["b"]), until_cancelled("b")]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    handle.reload("a").await.unwrap();
    handle.restart("a").await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    while !names(&seen).contains(&"run 3".to_owned()) {
        tokio::time::sleep(MS).await;
    }
    let report = stop(handle).await;
    assert!(report.is_ok(), "{report}");
    let expected = [
        "new",
        "init",
        "run 1",
        "left: reload",
        "reload",
        "run 2",
        "left: operator",
        "stop", //
        "init",
        "run 3",
        "left: shutdown",
        "stop",
        "drop",
    ];
    assert_eq!(names(&seen), expected);
    let threads: Vec<ThreadId> = seen.lock().unwrap().iter().map(|(_, thread)| *thread).collect();
    assert!(threads.iter().all(|thread| *thread == threads[0] && *thread != thread::current().id()));
}

#[derive(Clone, Default)]
struct Blocking {
    seen: Seen,
    runs: u32,
}

impl BlockingRunner for Blocking {
    fn init(&mut self, cx: &BlockingContext) -> rxd::Result {
        assert_eq!((cx.name(), thread::current().name()), ("a", Some("a")));
        note(&self.seen, "init");
        Ok(())
    }
    fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
        self.runs += 1;
        cx.heartbeat();
        cx.status("polls");
        note(&self.seen, format!("run {}", self.runs));
        assert!(cx.states()["a"].is_in(State::Run));
        // A timer of the daemon's runtime, and an answer about the service itself.
        cx.block_on(async { tokio::time::sleep(MS).await });
        let _ = cx.block_on(cx.daemon().wait_for("b", State::Run));
        while cx.sleep(MS).is_ok() {}
        assert!(cx.or_cancelled(std::future::pending::<()>()).is_err());
        note(&self.seen, format!("left: {}", cx.cause().unwrap()));
        Ok(())
    }
    fn stop(&mut self, cx: &BlockingContext) -> rxd::Result {
        assert!(!cx.is_cancelled() && cx.time_left().is_some());
        note(&self.seen, "stop");
        Ok(())
    }
}

#[tokio::test]
async fn blocking_service_lives_on_one_thread_for_all_incarnations() {
    let blocking = Blocking::default();
    let seen = blocking.seen.clone();
    let a = Service::blocking("a", blocking);
    let handle = start([a.needs(["b"]), until_cancelled("b")]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    handle.restart("a").await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    let report = stop(handle).await;
    assert!(report.is_ok(), "{report}");
    let expected = ["init", "run 1", "left: operator", "stop", "init", "run 2", "left: shutdown", "stop"];
    assert_eq!(names(&seen), expected);
    let threads: Vec<ThreadId> = seen.lock().unwrap().iter().map(|(_, thread)| *thread).collect();
    assert!(threads.iter().all(|thread| *thread == threads[0] && *thread != thread::current().id()));
}

/// Blocks threads until it is opened.
#[derive(Clone, Default)]
struct Barrier(Arc<(Mutex<bool>, Condvar)>);

impl Barrier {
    /// Blocks this thread; at most for [`LONG`].
    fn block(&self) {
        let _ = self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), LONG, |open| !*open).unwrap();
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// Blocks its thread in this state, also after it was cancelled.
struct Wedged(Barrier, State);

impl Wedged {
    fn in_state(&self, state: State) -> rxd::Result {
        if self.1 == state {
            self.0.block();
        }
        Ok(())
    }
}

impl BlockingRunner for Wedged {
    fn init(&mut self, _: &BlockingContext) -> rxd::Result {
        self.in_state(State::Init)
    }
    fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
        self.in_state(State::Run)?;
        while cx.sleep(MS).is_ok() {}
        Ok(())
    }
    fn stop(&mut self, _: &BlockingContext) -> rxd::Result {
        self.in_state(State::Stop)
    }
}

impl LocalRunner for Wedged {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.in_state(State::Run)?;
        cx.cancelled().await;
        Ok(())
    }
}

impl Drop for Wedged {
    fn drop(&mut self) {
        let _ = self.in_state(State::Exit);
    }
}

fn wedged(barrier: &Barrier, state: State, is_local: bool) -> Service {
    let wedged = Wedged(barrier.clone(), state);
    match is_local {
        true => Service::local("wedged", move || wedged),
        false => Service::blocking("wedged", wedged),
    }
}

#[test]
fn g59_service_blocking_its_own_thread_delays_no_tick_on_one_worker_and_is_blamed() {
    for is_local in [false, true] {
        let (barrier, began) = (Barrier::default(), Instant::now());
        let late = Arc::new(AtomicU32::new(0));
        let ticks = Arc::new(AtomicU32::new(0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let report = runtime.block_on(async {
            let counts = (late.clone(), ticks.clone());
            let tick = Service::from_fn_with("tick", counts, |cx: Context, (late, ticks)| async move {
                let mut last = Instant::now();
                while cx.sleep(MS).await.is_ok() {
                    late.fetch_add(u32::from(last.elapsed() > 20 * MS), Ordering::Relaxed);
                    ticks.fetch_add(1, Ordering::Relaxed);
                    last = Instant::now();
                }
                Ok(())
            });
            let options = Options::DEFAULT.timeout_of(State::Stop, 200 * MS);
            let handle = start([wedged(&barrier, State::Run, is_local).options(options), tick]).await;
            handle.wait_for("wedged", State::Run).await.unwrap();
            tokio::time::sleep(SECOND).await;
            stop(handle).await
        });
        barrier.open();
        // The deadline is two seconds.
        assert!(began.elapsed() < 8 * SECOND, "{:?}", began.elapsed());
        let abandoned: Vec<_> = report.abandoned().map(|service| (&*service.name, service.abandoned_in)).collect();
        assert_eq!(abandoned, [("wedged", Some(State::Run))], "{report}");
        let text = report.to_string();
        assert!(text.ends_with("service `wedged` was abandoned: it blocks its thread in run"), "{text}");
        let (late, ticks) = (late.load(Ordering::Relaxed), ticks.load(Ordering::Relaxed));
        // The machine itself may be late now and then.
        assert!(ticks > 50 && late * 5 < ticks, "{late} of {ticks} ticks were late");
    }
}

#[tokio::test]
async fn g59_thread_blocked_in_any_method_or_in_drop_is_blamed() {
    let cases = [
        (State::Init, "it blocks its thread in init"),
        (State::Run, "it blocks its thread in run"),
        (State::Stop, "it blocks its thread in stop"),
        (State::Exit, "dropping its value blocks its thread"),
    ];
    for (state, blame) in cases {
        let barrier = Barrier::default();
        let options = Options::DEFAULT.timeout_of(State::Stop, 100 * MS);
        let services = [wedged(&barrier, state, false).options(options), until_cancelled("other")];
        let daemon = Daemon::new("d").add_all(services).signals([]).shutdown_timeout(500 * MS);
        let handle = daemon.start().await.unwrap();
        handle.wait_for("other", State::Run).await.unwrap();
        if state != State::Init {
            handle.wait_for("wedged", State::Run).await.unwrap();
        }
        let began = Instant::now();
        let report = stop(handle).await;
        assert!(began.elapsed() < 5 * SECOND, "{state}: {:?}", began.elapsed());
        barrier.open();
        let text = report.to_string();
        assert!(text.ends_with(&format!("service `wedged` was abandoned: {blame}")), "{state}: {text}");
        assert_eq!(report.abandoned().count(), 1, "{report}");
    }
}

/// Ignores its cancellation, and notes when its future is dropped.
struct Ignores(Seen);

impl LocalRunner for Ignores {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        struct OnDrop(Seen, #[expect(dead_code, reason = "the future is not `Send`")] Rc<()>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                note(&self.0, "dropped");
            }
        }
        let _future = OnDrop(self.0.clone(), Rc::default());
        note(&self.0, "run");
        std::future::pending().await
    }
    async fn stop(&mut self, _: &Context) -> rxd::Result {
        note(&self.0, "stop");
        Ok(())
    }
}

#[tokio::test]
async fn local_method_exceeding_its_limit_is_dropped_on_its_thread_before_stop() {
    let seen = Seen::default();
    let made = seen.clone();
    let options = no_backoff().timeout_of(State::Run, 50 * MS).timeout_of(State::Stop, SECOND).restarts(0, SECOND);
    let a = Service::local("a", move || Ignores(made.clone())).options(options);
    let handle = start([a, until_cancelled("b")]).await;
    handle.wait_for("a", State::Exit).await.unwrap();
    let report = stop(handle).await;
    assert_eq!(names(&seen), ["run", "dropped", "stop"]);
    let threads: Vec<ThreadId> = seen.lock().unwrap().iter().map(|(_, thread)| *thread).collect();
    assert!(threads.iter().all(|thread| *thread == threads[0]));
    let a = &report.services()[0];
    assert_eq!((a.cause, a.error.as_deref()), (Cause::Timeout, Some("run did not return within 50ms")));
}

#[tokio::test]
async fn blocking_method_exceeding_its_limit_is_awaited_before_stop() {
    struct Slow(Seen);
    impl BlockingRunner for Slow {
        fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
            while !cx.is_cancelled() {
                thread::sleep(MS);
            }
            note(&self.0, format!("{}", cx.cause().unwrap()));
            thread::sleep(300 * MS);
            note(&self.0, "returns");
            Err("late".into())
        }
        fn stop(&mut self, _: &BlockingContext) -> rxd::Result {
            note(&self.0, "stop");
            Ok(())
        }
    }
    let seen = Seen::default();
    let options = no_backoff().timeout_of(State::Run, 50 * MS).timeout_of(State::Stop, SECOND).restarts(0, SECOND);
    let a = Service::blocking("a", Slow(seen.clone())).options(options);
    let handle = start([a, until_cancelled("b")]).await;
    let left = handle.watch_any(Action::Exited, State::Run, ["a"]).unwrap().wait().await;
    assert!(left.is_ok());
    handle.wait_for("a", State::Exit).await.unwrap();
    let report = stop(handle).await;
    assert_eq!(names(&seen), ["timeout", "returns", "stop"]);
    assert_eq!(report.services()[0].cause, Cause::Timeout);
}

/// Panics in its first Run, and when it is dropped.
struct Panics(u32);

impl LocalRunner for Panics {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0 += 1;
        assert!(self.0 > 1, "scripted");
        cx.cancelled().await;
        Ok(())
    }
}

impl BlockingRunner for Panics {
    fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
        self.0 += 1;
        assert!(self.0 > 1, "scripted");
        while cx.sleep(MS).is_ok() {}
        Ok(())
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("scripted drop");
    }
}

#[tokio::test]
async fn g53_panic_on_the_thread_is_a_failure_with_its_place() {
    for service in [Service::blocking("a", Panics(0)), Service::local("a", || Panics(0))] {
        let handle = start([service.options(no_backoff().restarts(5, LONG)), until_cancelled("b")]).await;
        let is_again =
            |handle: &DaemonHandle| handle.states()["a"].restarts > 0 && handle.states()["a"].is_in(State::Run);
        while !is_again(&handle) {
            tokio::time::sleep(MS).await;
        }
        tokio::time::sleep(50 * MS).await;
        let report = stop(handle).await;
        let error = report.services()[0].error.clone().unwrap();
        assert!(error.starts_with("panicked: scripted (at ") && error.contains("threads.rs:"), "{error}");
        assert!(report.is_ok(), "{report}");
    }
}

#[tokio::test]
async fn g53_panic_of_the_constructor_is_a_failure_and_it_is_not_called_again() {
    let make = || -> Panics { panic!("scripted") };
    let again = "its constructor has panicked, and is not called again: scripted (at ";
    for (restarts, error) in [(0, "panicked: scripted (at "), (1, again)] {
        let a = Service::local("a", make).options(no_backoff().restarts(restarts, LONG));
        let handle = start([a, until_cancelled("b")]).await;
        handle.wait_for("a", State::Exit).await.unwrap();
        let report = stop(handle).await;
        let found = report.services()[0].error.clone().unwrap();
        assert!(found.starts_with(error), "{found}");
        assert!(!report.is_ok());
    }
}

#[tokio::test]
async fn thread_of_a_service_that_never_starts_is_not_started() {
    let seen = Seen::default();
    let held = seen.clone();
    let never = Service::local("a", move || {
        note(&held, "new");
        Local { seen: held.clone(), runs: Rc::default() }
    });
    let options = Options::DEFAULT.startup_delay(LONG);
    let handle = start([never.options(options), until_cancelled("b")]).await;
    handle.wait_for("b", State::Run).await.unwrap();
    assert!(stop(handle).await.is_ok());
    assert!(names(&seen).is_empty());
}

#[tokio::test]
async fn blocking_service_without_reload_is_skipped_once_that_is_known() {
    let blocking = Blocking::default();
    let seen = blocking.seen.clone();
    let handle = start([Service::blocking("a", blocking), until_cancelled("b")]).await;
    for _ in 0..3 {
        handle.wait_for("a", State::Run).await.unwrap();
        handle.reload_all().await.unwrap();
    }
    assert!(stop(handle).await.is_ok());
    assert_eq!(names(&seen), ["init", "run 1", "left: reload", "run 2", "left: shutdown", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn thread_services_in_paused_time_start_and_stop() {
    for is_local in [true, false] {
        // It is in no state in which this one blocks.
        let service = wedged(&Barrier::default(), State::Unknown, is_local);
        let test = Harness::new(Daemon::new("d").add(service).add(until_cancelled("b"))).start().await;
        test.until("wedged", State::Run).await;
        tokio::time::sleep(3600 * SECOND).await;
        let ended = test.shutdown().await;
        assert!(ended.report.is_ok(), "{}", ended.report);
        assert_eq!(ended.took, 3600 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn thread_that_never_answers_does_not_hang_a_test_in_paused_time() {
    for state in [State::Init, State::Run, State::Stop, State::Exit] {
        let barrier = Barrier::default();
        let options = Options::DEFAULT.timeout_of(State::Init, 5 * SECOND);
        let handle = start([wedged(&barrier, state, false).options(options), until_cancelled("b")]).await;
        tokio::time::sleep(3600 * SECOND).await;
        let report = stop(handle).await;
        barrier.open();
        assert_eq!(report.abandoned().count(), 1, "{state}: {report}");
    }
}
