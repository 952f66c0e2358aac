//! Code that blocks its thread, on a runtime with others: G51, G59.
//!
//! Blocked code stays blocked until its test ends. The bounds are seconds, since the machine may be
//! busy. Without the code under test, each of these tests times out.

use crate::kit::{RunFn, silence_scripted_panics};
use rxd::{Action, Cause, Context, Daemon, DaemonHandle, OnFailure, Options, Report, Runner, Service, State};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(20);

/// Blocks threads until it is opened.
#[derive(Clone, Default)]
struct Barrier(Arc<(Mutex<(bool, usize)>, Condvar)>);

impl Barrier {
    /// Blocks this thread; at most for [`LONG`].
    fn block(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.1 += 1;
        changed.notify_all();
        let _ = changed.wait_timeout_while(state, LONG, |state| !state.0).unwrap();
    }

    fn open(&self) {
        self.0.0.lock().unwrap().0 = true;
        self.0.1.notify_all();
    }

    /// Whether a thread is blocked.
    fn is_reached(&self) -> bool {
        self.0.0.lock().unwrap().1 > 0
    }
}

/// Runs a daemon on so many workers, and opens the barrier when it has ended.
fn on<F: Future>(workers: usize, barrier: &Barrier, test: F) -> F::Output {
    silence_scripted_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    let output = runtime.block_on(test);
    barrier.open();
    runtime.shutdown_timeout(LONG);
    output
}

fn quiet_service() -> impl Runner {
    RunFn(|cx: Context| async move {
        cx.cancelled().await;
        Ok(())
    })
}

async fn start(daemon: Daemon) -> DaemonHandle {
    daemon.signals([]).shutdown_timeout(SECOND).start().await.unwrap()
}

fn abandoned(report: &Report) -> Vec<(&str, Option<State>, bool)> {
    report.abandoned().map(|service| (&*service.name, service.abandoned_in, service.blocks)).collect()
}

/// Fails in Run, and blocks in Stop.
struct FailsThenBlocks(Barrier);

impl Runner for FailsThenBlocks {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err("lost".into())
    }
    async fn stop(&mut self, _: &Context) -> rxd::Result {
        self.0.block();
        Ok(())
    }
}

#[test]
fn g59_x3_stop_blocking_its_thread_does_not_delay_the_deadline() {
    for workers in [1, 2, 8] {
        let barrier = Barrier::default();
        let began = Instant::now();
        let report = on(workers, &barrier, async {
            let options = Options::DEFAULT.restarts(0, SECOND).on_failure(OnFailure::Shutdown);
            let db = Service::new("db", FailsThenBlocks(barrier.clone())).options(options);
            let handle = start(Daemon::new("d").add(db).add(Service::new("other", quiet_service()))).await;
            handle.wait().await
        });
        assert!(began.elapsed() < 8 * SECOND, "{workers} workers: {:?}", began.elapsed());
        assert!(abandoned(&report).contains(&("db", Some(State::Stop), true)), "{workers} workers: {report}");
        if workers > 1 {
            assert_eq!(abandoned(&report).len(), 1, "{workers} workers: {report}");
        }
    }
}

#[test]
fn g59_x3_service_requesting_the_shutdown_and_blocking_is_blamed() {
    for workers in [1, 2, 8] {
        let barrier = Barrier::default();
        let began = Instant::now();
        let report = on(workers, &barrier, async {
            let held = barrier.clone();
            let requests = RunFn(move |cx: Context| {
                let held = held.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    cx.daemon().shutdown();
                    held.block();
                    Ok(())
                }
            });
            let daemon =
                Daemon::new("d").add(Service::new("requester", requests)).add(Service::new("other", quiet_service()));
            start(daemon).await.wait().await
        });
        assert!(began.elapsed() < 8 * SECOND, "{workers} workers: {:?}", began.elapsed());
        assert!(abandoned(&report).contains(&("requester", Some(State::Run), true)), "{workers} workers: {report}");
        if workers > 1 {
            assert_eq!(abandoned(&report).len(), 1, "{workers} workers: {report}");
        }
    }
}

/// Blocks when it is dropped.
struct BlocksInDrop(Barrier);

impl Runner for BlocksInDrop {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

impl Drop for BlocksInDrop {
    fn drop(&mut self) {
        self.0.block();
    }
}

#[test]
fn g59_x3b_drop_blocking_its_thread_delays_no_other_service_and_is_blamed() {
    for workers in [2, 8] {
        let barrier = Barrier::default();
        let began = Instant::now();
        let report = on(workers, &barrier, async {
            let slow = Service::new("slow", BlocksInDrop(barrier.clone())).needs(["db"]);
            let handle = start(Daemon::new("d").add(Service::new("db", quiet_service())).add(slow)).await;
            handle.wait_for("slow", State::Run).await.unwrap();
            handle.shutdown();
            handle.wait_for("db", State::Exit).within(8 * SECOND).await.expect("`db` stops after `slow`");
            handle.wait().await
        });
        assert!(began.elapsed() < 8 * SECOND, "{workers} workers: {:?}", began.elapsed());
        assert_eq!(abandoned(&report), [("slow", Some(State::Exit), true)], "{report}");
        let text = report.to_string();
        assert!(text.contains("service `slow` was abandoned: dropping its value blocks its thread"), "{text}");
        let causes: Vec<_> = report.services().iter().map(|service| service.cause).collect();
        assert_eq!(causes, [Cause::Shutdown, Cause::Shutdown]);
    }
}

#[test]
fn g59_x3b_drop_blocking_the_only_worker_is_blamed_alone() {
    let barrier = Barrier::default();
    let report = on(1, &barrier, async {
        let slow = Service::new("slow", BlocksInDrop(barrier.clone())).needs(["db"]);
        let handle = start(Daemon::new("d").add(Service::new("db", quiet_service())).add(slow)).await;
        handle.wait_for("slow", State::Run).await.unwrap();
        handle.shutdown();
        handle.wait().await
    });
    assert_eq!(report.exit_code(), 1, "{report}");
    assert!(abandoned(&report).contains(&("slow", Some(State::Exit), true)), "{report}");
    let text = report.to_string();
    assert!(!text.contains("db") || text.contains("`db` was abandoned: no thread of the runtime was free"), "{text}");
}

#[test]
fn g59_slow_drop_within_the_deadline_is_awaited() {
    let barrier = Barrier::default();
    let report = on(2, &barrier, async {
        let handle = start(Daemon::new("d").add(Service::new("slow", BlocksInDrop(barrier.clone())))).await;
        handle.wait_for("slow", State::Run).await.unwrap();
        handle.shutdown();
        let waits = handle.clone();
        let ended = tokio::spawn(async move { waits.wait().await });
        while !barrier.is_reached() {
            tokio::task::yield_now().await;
        }
        assert!(!handle.has_ended(), "the value is not dropped yet");
        barrier.open();
        ended.await.unwrap()
    });
    assert!(report.is_ok(), "{report}");
}

#[test]
fn g59_x3c_run_blocking_its_thread_does_not_delay_the_gate_it_opened() {
    for workers in [2, 8] {
        let barrier = Barrier::default();
        on(workers, &barrier, async {
            let held = barrier.clone();
            let blocks = RunFn(move |_| {
                let held = held.clone();
                async move {
                    held.block();
                    Ok(())
                }
            });
            let b = Service::new("b", quiet_service()).needs(["a"]);
            let handle = start(Daemon::new("d").add(Service::new("a", blocks)).add(b)).await;
            handle.wait_for("b", State::Run).within(8 * SECOND).await.expect("`a` is in Run");
            assert!(barrier.is_reached() && handle.states()["a"].is_in(State::Run));
        });
    }
}

#[test]
fn g59_x3c_stop_blocking_its_thread_does_not_delay_reactions_to_it() {
    for workers in [2, 8] {
        let barrier = Barrier::default();
        on(workers, &barrier, async {
            let api = Service::new("api", quiet_service()).needs(["db"]);
            let db = Service::new("db", FailsThenBlocks(barrier.clone()));
            let handle = start(Daemon::new("d").add(db).add(api)).await;
            handle.wait_for("api", State::Run).await.unwrap();
            handle.wait_for("api", State::Idle).within(8 * SECOND).await.expect("`db` has left Run");
            assert!(handle.states()["db"].is_in(State::Stop));
        });
    }
}

type Look = fn(Context);

#[test]
fn g59_thread_blocked_after_a_timer_does_not_delay_timers_of_others() {
    let barrier = Barrier::default();
    on(2, &barrier, async {
        let held = barrier.clone();
        let blocks = RunFn(move |_| {
            let held = held.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(200)).await;
                held.block();
                Ok(())
            }
        });
        let options = Options::DEFAULT.delay_of(State::Run, Duration::from_millis(400));
        let c = Service::new("c", quiet_service()).options(options);
        let b = Service::new("b", quiet_service()).needs(["c"]);
        let daemon = Daemon::new("d").add(Service::new("a", blocks)).add(b).add(c);
        let handle = start(daemon.blocking_threshold(Duration::from_millis(200))).await;
        let mut runs = handle.watch_any(Action::Entering, State::Run, ["b"]).unwrap();
        // Without a timer: timers are under test.
        assert!(runs.next().await.is_some());
        assert!(!handle.states()["a"].is_in(State::Stop), "`a` is still blocked");
    });
}

/// Blocks in its second Init.
struct BlocksAgain(Barrier, u32);

impl Runner for BlocksAgain {
    async fn init(&mut self, _: &Context) -> rxd::Result {
        self.1 += 1;
        if self.1 == 2 {
            self.0.block();
        }
        Ok(())
    }
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[test]
fn g59_g55_request_is_answered_while_the_next_method_blocks() {
    let barrier = Barrier::default();
    on(2, &barrier, async {
        let a = Service::new("a", BlocksAgain(barrier.clone(), 0));
        let handle = start(Daemon::new("d").add(a).add(Service::new("b", quiet_service()))).await;
        handle.wait_for("a", State::Run).await.unwrap();
        let requester = handle.clone();
        let answer = tokio::spawn(async move { requester.restart("a").await });
        answer.await.unwrap().expect("`a` has entered Init");
        assert!(!barrier.0.0.lock().unwrap().0, "the answer did not wait for the barrier");
    });
}

/// The ways in which a method that blocks its thread can see that it is cancelled.
fn looks() -> Vec<(&'static str, Look)> {
    vec![
        ("is_cancelled in a loop", |cx| {
            while !cx.is_cancelled() {
                std::thread::sleep(Duration::from_millis(2));
            }
        }),
        ("is_cancelled in block_in_place", |cx| {
            tokio::task::block_in_place(|| {
                while !cx.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }),
        ("a clone of the token", |cx| {
            let token = cx.token();
            while !token.is_cancelled() {
                std::thread::sleep(Duration::from_millis(2));
            }
        }),
        ("cancelled() in Handle::block_on", |cx| {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(cx.cancelled()));
        }),
        ("the token of a child", |cx| {
            let child = cx.child("part");
            while !child.is_cancelled() {
                std::thread::sleep(Duration::from_millis(2));
            }
        }),
    ]
}

#[test]
fn g51_x4_u9_method_blocking_its_thread_observes_its_cancellation() {
    for (how, look) in looks() {
        for by in ["shutdown", "operator", "reaction"] {
            let barrier = Barrier::default();
            let began = Instant::now();
            on(3, &barrier, async {
                let blocks = RunFn(move |cx: Context| async move {
                    look(cx);
                    Ok(())
                });
                let a = Service::new("a", blocks).needs(["b"]);
                let handle = start(Daemon::new("d").add(a).add(Service::new("b", quiet_service()))).await;
                handle.wait_for("a", State::Run).await.unwrap();
                match by {
                    "operator" => handle.restart("a").await.unwrap(),
                    "reaction" => {
                        let mut left = handle.watch_any(Action::Exited, State::Run, ["a"]).unwrap();
                        handle.restart("b").await.unwrap();
                        tokio::time::timeout(LONG, left.wait()).await.expect(how).unwrap();
                    }
                    _ => {}
                }
                handle.shutdown();
                let report = handle.wait().await;
                assert!(report.is_ok(), "{how}, {by}: {report}");
            });
            assert!(began.elapsed() < 8 * SECOND, "{how}, {by}: {:?}", began.elapsed());
        }
    }
}
