//! Group H: prestart stages.

use crate::kit::*;
use futures_util::FutureExt;
use rxd::prestart::{Pipeline, Stage};
use rxd::testing::CallLog;
use rxd::testing::FakeService;
use rxd::{Daemon, Error, State};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A stage that fails so many times before it passes, and counts its attempts.
fn failing(name: &'static str, times: u32) -> (Stage, Arc<AtomicU32>) {
    let tried = Arc::new(AtomicU32::new(0));
    let count = tried.clone();
    let stage = Stage::new(name, move || {
        let attempt = count.fetch_add(1, Ordering::Relaxed);
        async move { if attempt < times { Err("connection refused".into()) } else { Ok(()) } }
    });
    (stage, tried)
}

/// Returns the error of a start that fails before any service enters Init.
async fn refused(make: impl FnOnce(Daemon) -> Daemon) -> Error {
    silence_scripted_panics();
    let call_log = CallLog::new();
    let daemon = make(daemon([with_call_log("a", FakeService::new(), &call_log)]).signals([]));
    let error = daemon.start().await.map(|_| ()).unwrap_err();
    assert_eq!(call_log.calls("a"), [""; 0]);
    assert!(error.is_prestart());
    error
}

#[tokio::test(start_paused = true)]
async fn f105_stage_failing_without_retry_fails_the_start() {
    let error = refused(|daemon| daemon.prestart(failing("port", 1).0)).await;
    assert_eq!(error.to_string(), "prestart stage `port` failed: connection refused");
    assert_eq!(format!("{error:?}"), "prestart stage `port` failed: connection refused", "printed once");
}

#[tokio::test(start_paused = true)]
async fn f106_first_stage_failing_skips_the_second() {
    let (second, tried) = failing("second", 0);
    let error = refused(|daemon| daemon.prestart(failing("first", 1).0).prestart(second)).await;
    assert!(error.to_string().contains("`first`"));
    assert_eq!(tried.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn f107_stage_with_retry_is_retried_after_each_delay() {
    let began = Instant::now();
    let (stage, tried) = failing("port", 5);
    let ran = run_until(daemon([plain("a")]).prestart(stage.retry(2 * SECOND)), "a", State::Run).await;
    assert_eq!(began.elapsed(), 10 * SECOND);
    assert_eq!(tried.load(Ordering::Relaxed), 6);
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));

    let (stage, tried) = failing("port", 5);
    refused(|daemon| daemon.prestart(stage.retry(Duration::ZERO).attempts(3))).await;
    assert_eq!(tried.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn f108_stage_panicking_or_hanging_fails_the_start() {
    let error =
        refused(|daemon| daemon.prestart(Stage::new("dir", async || panic!("scripted panic of a stage")))).await;
    assert!(
        error.to_string().starts_with("prestart stage `dir` failed: panicked: scripted panic of a stage (at "),
        "{error}"
    );
    fn at_once() -> std::future::Ready<rxd::Result> {
        panic!("scripted panic before there is a future")
    }
    let error = refused(|daemon| daemon.prestart(Stage::new("dir", at_once))).await;
    assert!(error.to_string().contains("scripted panic before there is a future"));

    let hangs = || Stage::new("server", pending::<rxd::Result>).timeout(3 * SECOND);
    let began = Instant::now();
    let error = refused(|daemon| daemon.prestart(hangs())).await;
    assert_eq!(error.to_string(), "prestart stage `server` failed: did not return within 3s");
    assert_eq!(began.elapsed(), 3 * SECOND);
    refused(|daemon| daemon.prestart(hangs().retry(SECOND).attempts(3))).await;
    assert_eq!(began.elapsed(), (3 + 3 + 1 + 3 + 1 + 3) * SECOND);
}

#[tokio::test(start_paused = true)]
async fn f109_start_dropped_during_a_stage_runs_nothing_more() {
    silence_scripted_panics();
    for stage in [failing("port", u32::MAX).0.retry(3600 * SECOND), Stage::new("port", pending::<rxd::Result>)] {
        let call_log = CallLog::new();
        let start = daemon([with_call_log("a", FakeService::new(), &call_log)]).signals([]).prestart(stage).start();
        assert!(tokio::time::timeout(SECOND, start).await.is_err());
        tokio::time::sleep(3600 * SECOND).await;
        assert_eq!(call_log.calls("a"), [""; 0]);
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn g43_stages_run_in_order_before_any_init() {
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let stage = |name: &'static str, takes: Duration| {
        let log = log.clone();
        Stage::new(name, move || {
            let log = log.clone();
            async move {
                log.lock().unwrap().push(format!("{name} begins"));
                tokio::time::sleep(takes).await;
                log.lock().unwrap().push(format!("{name} ends"));
                Ok(())
            }
        })
    };
    let began = Instant::now();
    let daemon = daemon([plain("a")]).prestart(stage("one", SECOND)).prestart(stage("two", 2 * SECOND));
    let running = start(daemon).await;
    assert_eq!(began.elapsed(), 3 * SECOND);
    assert_eq!(*log.lock().unwrap(), ["one begins", "one ends", "two begins", "two ends"]);
    running.until("a", State::Run).await;
    running.stop().await;
}

/// Two stages at the same time.
struct Both([Stage; 2]);

impl Pipeline for Both {
    fn name(&self) -> &str {
        "both"
    }

    async fn run(&mut self) -> rxd::Result {
        let [one, two] = &mut self.0;
        tokio::try_join!(one.run(), two.run()).map(|_| ())
    }
}

#[tokio::test(start_paused = true)]
async fn custom_pipeline_runs_its_stages_at_once() {
    let slow = || {
        Stage::new("slow", || async {
            tokio::time::sleep(SECOND).await;
            Ok(())
        })
    };
    let began = Instant::now();
    run_until(daemon([plain("a")]).prestart(Both([slow(), slow()])), "a", State::Run).await;
    assert_eq!(began.elapsed(), SECOND);
    let error = refused(|daemon| daemon.prestart(Both([slow(), failing("x", 1).0]))).await;
    assert_eq!(error.to_string(), "prestart stage `both` failed: connection refused");
}

/// As a pipeline of the original: after the failure of any stage all begin again from the first.
#[tokio::test(start_paused = true)]
async fn prestart_with_restart_begins_again_from_its_first_stage() {
    let (first, first_tried) = failing("first", 0);
    let (second, second_tried) = failing("second", 4);
    let began = Instant::now();
    // The second stage is tried twice each time.
    let stages = daemon([plain("a")]).prestart(first).prestart(second.retry(SECOND).attempts(2));
    let ran = run_until(stages.prestart_restart(10 * SECOND), "a", State::Run).await;
    assert_eq!(began.elapsed(), SECOND + 10 * SECOND + SECOND + 10 * SECOND);
    assert_eq!([first_tried, second_tried].map(|tried| tried.load(Ordering::Relaxed)), [3, 5]);
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn f69_prestart_that_begins_again_ends_with_its_future() {
    silence_scripted_panics();
    for delay in [std::time::Duration::ZERO, SECOND] {
        let (stage, tried) = failing("port", u32::MAX);
        let start = daemon([plain("a")]).signals([]).prestart(stage).prestart_restart(delay).start();
        let limit = 10 * SECOND + MS;
        if delay.is_zero() {
            // Other tasks run all the same.
            let mut start = std::pin::pin!(start);
            for _ in 0..100 {
                assert!(start.as_mut().now_or_never().is_none());
                tokio::task::yield_now().await;
            }
            assert!(tried.load(Ordering::Relaxed) > 10);
            continue;
        }
        let ended = tokio::time::timeout(limit, start).await;
        assert!(ended.is_err());
        assert_eq!(tried.load(Ordering::Relaxed), 11);
    }
}
