//! Reloads that fail while the services apply the new value: all have the old one again.

use crate::kit::*;
use futures_util::FutureExt as _;
use rxd::testing::Harness;
use rxd::testing::{Behavior, FakeService, ReloadingFake};
use rxd::{Action, Configure, Context, Daemon, Runner, Service, State, When};
use std::sync::mpsc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn service_that_fails_to_apply_has_all_have_the_old_value() {
    let (test, source, log) = start().await;
    let before = test.trace().steps.len();
    source.set(Config { fails_in: vec![7], ..Config::of(2) });
    assert_eq!(
        refused(&test).await,
        "reload failed: failed to reload service `worker-7`: the port is taken, the old configuration is in force again"
    );
    test.settle().await;
    // Those before it took the new value and gave it back, it itself failed, those after it were
    // not interrupted.
    assert_eq!(log.of(6), ["cancelled 1", "apply 2", "run 2", "cancelled 2", "apply 1", "run 1"]);
    assert_eq!(log.of(7), ["cancelled 1", "apply 2", "run 1", "cancelled 1", "apply 1", "run 1"]);
    assert_eq!((8..=SERVICES).map(|at| log.of(at).len()).sum::<usize>(), 0);
    let order: Vec<usize> = (1..=7).chain(1..=7).collect();
    assert_eq!(log.order("apply"), order);
    assert_eq!(test.trace().steps.len(), before, "no service was restarted");
    // The old value is in force for each that starts anew.
    test.handle().restart("worker-1").await.unwrap();
    test.until("worker-20", State::Run).await;
    test.settle().await;
    assert_eq!(log.values()[..7], [1; 7]);
    source.set(Config::of(3));
    test.handle().reload_all().await.unwrap();
    test.settle().await;
    assert_eq!(log.values(), vec![3; SERVICES]);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn service_that_cannot_take_the_old_value_back_restarts_with_it() {
    let (source, log) = (Source::of(Config { not_taken_back_by: vec![3], ..Config::of(1) }), Log::default());
    let load = source.clone();
    let daemon = Daemon::new("agent").add_all(chain(&log)).config(move || load.load());
    let test = Harness::new(daemon).start().await;
    test.until("worker-20", State::Run).await;
    log.clear();
    source.set(Config { fails_in: vec![5], ..Config::of(2) });
    let message = refused(&test).await;
    assert!(
        message.contains(
            "service `worker-3` did not take the old configuration back, and is restarted with it: failed to reload \
             service `worker-3`: the old port is taken, too"
        ),
        "{message}"
    );
    test.until("worker-20", State::Run).await;
    test.settle().await;
    test.until("worker-20", State::Run).await;
    test.settle().await;
    let of_third = ["cancelled 1", "apply 2", "run 2", "cancelled 2", "apply 1", "run 2", "cancelled 2", "stop 2"];
    assert_eq!(log.of(3)[..8], of_third);
    assert_eq!(log.of(3)[8..], ["apply 1", "init 1", "run 1"]);
    assert_eq!(log.of(1), ["cancelled 1", "apply 2", "run 2", "cancelled 2", "apply 1", "run 1"], "not restarted");
    test.shutdown().await;
}

/// It has applied half of the new value when it fails, and the old one is the last that it applied.
#[tokio::test(start_paused = true)]
async fn service_that_fails_at_both_applies_the_old_value_when_it_restarts() {
    let (source, log) = (Source::of(Config { not_taken_back_by: vec![1], ..Config::of(1) }), Log::default());
    let load = source.clone();
    let test = Harness::isolated(worker::<1>(&log)).config(move || load.load()).start().await;
    test.until("worker-1", State::Run).await;
    test.settle().await;
    log.clear();
    source.set(Config { fails_in: vec![1], ..Config::of(2) });
    let message = refused(&test).await;
    assert!(message.contains("the port is taken") || message.contains("is restarted with it"), "{message}");
    test.settle().await;
    test.until("worker-1", State::Run).await;
    test.settle().await;
    let of_first = ["cancelled 1", "apply 2", "run 1", "cancelled 1", "apply 1", "run 1", "cancelled 1", "stop 1"];
    assert_eq!(log.of(1)[..8], of_first);
    assert_eq!(log.of(1)[8..], ["apply 1", "init 1", "run 1"]);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn service_that_an_operator_stops_meanwhile_is_not_restarted() {
    let (source, log) = (Source::of(Config { hangs_back_in: vec![1], ..Config::of(1) }), Log::default());
    let load = source.clone();
    let services = [worker::<1>(&log), worker::<2>(&log).watch(When::all(Action::Entering, State::Run, ["worker-1"]))];
    let daemon = Daemon::new("agent").add_all(services).config(move || load.load());
    let test = Harness::new(daemon).start().await;
    test.until("worker-2", State::Run).await;
    source.set(Config { fails_in: vec![2], ..Config::of(2) });
    let reload = tokio::spawn({
        let handle = test.handle().clone();
        async move { handle.reload_all().await }
    });
    // The old value is being put back, and the first service hangs in it.
    tokio::time::sleep(SECOND).await;
    test.handle().stop("worker-1").await.unwrap();
    assert!(reload.await.unwrap().is_err());
    tokio::time::sleep(100 * SECOND).await;
    assert!(test.handle().states()["worker-1"].is_in(State::Exit));
    assert_eq!(log.values()[1], 1);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn service_that_never_ends_to_apply_fails_within_its_limit() {
    let (test, source, log) = start().await;
    source.set(Config { hangs_in: vec![2], ..Config::of(2) });
    let message = refused(&test).await;
    assert!(message.contains("failed to reload service `worker-2`: reload did not return within 10s"), "{message}");
    test.settle().await;
    assert_eq!(log.of(1).last().unwrap(), "run 1");
    assert_eq!(log.of(2).last().unwrap(), "run 1");
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn service_without_a_configuration_that_fails_to_reload_takes_the_value_back_from_others() {
    let (source, log) = (Source::of(Config::of(1)), Log::default());
    let load = source.clone();
    let plain =
        Service::new("plain", ReloadingFake(FakeService::new().on_reload([Behavior::Fail]))).needs(["worker-1"]);
    let daemon = Daemon::new("agent").add(worker::<1>(&log)).add(plain).config(move || load.load());
    let test = Harness::new(daemon).start().await;
    test.until("plain", State::Run).await;
    source.set(Config::of(2));
    let message = refused(&test).await;
    assert!(message.contains("failed to reload service `plain`: scripted failure, the old"), "{message}");
    test.settle().await;
    assert_eq!(log.of(1)[2..], ["run 1", "cancelled 1", "apply 2", "run 2", "cancelled 2", "apply 1", "run 1"]);
    test.shutdown().await;
}

/// A service that restarts by itself while others apply a value takes it in `init`, without a
/// request. It gives it back all the same.
#[tokio::test(start_paused = true)]
async fn value_that_was_taken_by_a_restart_is_taken_back_too() {
    let (source, log) = (Source::of(Config::of(1)), Log::default());
    let load = source.clone();
    let slow = Service::new("slow", ReloadingFake(FakeService::new().on_reload([Behavior::Fail.after(3 * SECOND)])));
    let daemon = Daemon::new("agent").add(slow).add(worker::<1>(&log).needs(["slow"])).config(move || load.load());
    let test = Harness::new(daemon).start().await;
    test.until("worker-1", State::Run).await;
    test.settle().await;
    log.clear();
    source.set(Config::of(2));
    let reload = tokio::spawn({
        let handle = test.handle().clone();
        async move { handle.reload_all().await }
    });
    tokio::time::sleep(SECOND).await;
    test.handle().restart("worker-1").await.unwrap();
    test.until("worker-1", State::Run).await;
    test.settle().await;
    assert_eq!(log.of(1), ["cancelled 1", "stop 1", "apply 2", "init 2", "run 2"]);
    assert!(reload.await.unwrap().is_err());
    test.settle().await;
    assert_eq!(log.of(1)[5..], ["cancelled 2", "apply 1", "run 1"]);
    test.shutdown().await;
}

/// The clock does not advance by itself while code blocks, so the test advances it.
#[tokio::test(start_paused = true)]
async fn load_that_hangs_fails_the_reload_at_the_shutdown_timeout() {
    let (release, hung) = mpsc::channel::<()>();
    let (hung, first) = (std::sync::Mutex::new(hung), std::sync::atomic::AtomicBool::new(true));
    let log = Log::default();
    let load = move || -> rxd::Result<Config> {
        if !first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            let _ = hung.lock().unwrap().recv();
        }
        Ok(Config::of(1))
    };
    let daemon = Daemon::new("agent").add(worker::<1>(&log)).config(load).shutdown_timeout(5 * SECOND);
    let test = Harness::new(daemon).start().await;
    test.until("worker-1", State::Run).await;
    let handle = test.handle().clone();
    let mut reload = Box::pin(handle.reload_all());
    assert!(reload.as_mut().now_or_never().is_none());
    for _ in 0..51 {
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let message = reload.await.unwrap_err().to_string();
    assert!(message.contains("the configuration was not loaded within 5s"), "{message}");
    assert_eq!(log.count("cancelled"), 0);
    drop(release);
    test.shutdown().await;
}

/// A value whose check waits for this channel.
struct Hangs(Option<std::sync::Mutex<mpsc::Receiver<()>>>);

struct ChecksLong;

impl Configure<Hangs> for ChecksLong {
    fn check(new: &Hangs) -> rxd::Result {
        if let Some(released) = &new.0 {
            let _ = released.lock().unwrap().recv();
        }
        Ok(())
    }

    async fn apply(&mut self, _: &Hangs, _: &Context) -> rxd::Result {
        Ok(())
    }
}

impl Runner for ChecksLong {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn check_that_hangs_is_named() {
    let (release, released) = mpsc::channel::<()>();
    let values = std::sync::Mutex::new(vec![Hangs(Some(std::sync::Mutex::new(released))), Hangs(None)]);
    let load = move || -> rxd::Result<Hangs> { values.lock().unwrap().pop().ok_or("no more".into()) };
    let slow = Service::configured::<Hangs>("slow", ChecksLong);
    let test = Harness::new(Daemon::new("agent").add(slow).config(load).shutdown_timeout(5 * SECOND)).start().await;
    test.until("slow", State::Run).await;
    let handle = test.handle().clone();
    let mut reload = Box::pin(handle.reload_all());
    assert!(reload.as_mut().now_or_never().is_none());
    for _ in 0..51 {
        // The thread of the pool has real time to reach the check.
        std::thread::sleep(Duration::from_millis(5));
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let message = reload.await.unwrap_err().to_string();
    assert!(message.contains("service `slow` did not check the configuration within 5s"), "{message}");
    drop(release);
    test.shutdown().await;
}
