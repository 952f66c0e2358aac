//! U4: `or_cancelled` and `every` end when the service is cancelled.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Cancelled, Cause, Context, Service, State};
use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Stops a daemon of this service, and returns how long that took.
async fn stops(service: Service) -> (Outcome, Duration) {
    let running = start(daemon([service])).await;
    running.until("a", State::Run).await;
    settle().await;
    let begin = Instant::now();
    let ran = running.stop().await;
    (ran, begin.elapsed())
}

#[tokio::test(start_paused = true)]
async fn u4_pending_future_is_dropped_on_cancellation() {
    let run = RunFn(|cx: Context| async move {
        cx.or_cancelled(pending::<()>()).await?;
        unreachable!("the future never completes");
    });
    let (ran, took) = stops(Service::new("a", run)).await;
    assert!(took < 50 * MS, "{took:?}");
    assert!(ran.report.is_ok() && ran.service_report("a").cause == Cause::Shutdown, "{:?}", ran.report);
}

#[tokio::test(start_paused = true)]
async fn u4_pending_future_of_a_child_is_dropped_on_its_own_cancellation() {
    let run = RunFn(|cx: Context| async move {
        let (inner, child) = (cx.clone(), cx.child("part"));
        cx.spawn("task", async move { inner.or_cancelled(pending::<()>()).await });
        let token = child.token();
        let part = cx.spawn("part", async move { child.or_cancelled(pending::<()>()).await });
        token.cancel();
        assert_eq!(part.await.unwrap(), Err(Cancelled));
        assert_eq!(cx.or_cancelled(sleep(SECOND)).await, Ok(()), "the service itself is not cancelled");
        cx.or_cancelled(pending::<()>()).await?;
        Ok(())
    });
    let running = start(daemon([Service::new("a", run)])).await;
    sleep(2 * SECOND).await;
    let begin = Instant::now();
    let ran = running.stop().await;
    assert!(begin.elapsed() < 50 * MS && ran.report.is_ok(), "{:?}", ran.report);
}

#[tokio::test]
async fn u4_cancellation_wins_over_a_ready_output() {
    let cx = Context::detached("a");
    assert_eq!(cx.or_cancelled(ready(1)).await, Ok(1));
    assert_eq!(cx.or_cancelled(async { Err::<(), _>("refused") }).await, Ok(Err("refused")));
    // Both in one poll: the future cancels its own context, and is ready when it is polled next.
    let token = cx.token();
    let mut polls = 0;
    let both = poll_fn(|task| {
        polls += 1;
        token.cancel();
        task.waker().wake_by_ref();
        if polls > 1 { Poll::Ready(()) } else { Poll::Pending }
    });
    assert_eq!(cx.or_cancelled(both).await, Err(Cancelled));
    assert_eq!(polls, 1);
    // Cancelled before: the future is not polled.
    let begun = Cell::new(false);
    assert_eq!(cx.or_cancelled(async { begun.set(true) }).await, Err(Cancelled));
    assert!(!begun.get());
}

#[tokio::test(start_paused = true)]
async fn u4_future_in_stop_runs_until_the_limit_of_stop() {
    for hangs in [false, true] {
        let outputs: Arc<Mutex<Vec<_>>> = Arc::default();
        let shared = outputs.clone();
        let flush = Behavior::call(move |cx: Context| {
            let shared = shared.clone();
            async move {
                let output = cx.or_cancelled(sleep(if hangs { 3600 * SECOND } else { SECOND })).await;
                shared.lock().unwrap().push(output);
                Ok(output?)
            }
        });
        let fake = FakeService::new().on(State::Run, [Behavior::UntilCancelled]).on(State::Stop, [flush]);
        let options = no_backoff().timeout_of(State::Stop, 5 * SECOND);
        let (_, took) = stops(Service::new("a", fake).options(options)).await;
        let (output, least) = if hangs { (Err(Cancelled), 5 * SECOND) } else { (Ok(()), SECOND) };
        assert_eq!(*outputs.lock().unwrap(), [output]);
        assert!(took >= least && took < least + 50 * MS, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn u4_future_in_reload_runs_and_tickers_of_run_have_ended() {
    let ticks: Arc<Mutex<Vec<&str>>> = Arc::default();
    let shared = ticks.clone();
    let tick = Behavior::call(move |cx: Context| {
        let shared = shared.clone();
        async move {
            let mut every = cx.every(10 * SECOND);
            while every.tick().await {
                shared.lock().unwrap().push("tick");
            }
            assert!(!every.tick().await, "a ticker that has ended stays ended");
            shared.lock().unwrap().push("end");
            Ok(())
        }
    });
    let reload = Behavior::call(|cx: Context| async move { Ok(cx.or_cancelled(sleep(SECOND)).await?) });
    let fake = FakeService::new().on(State::Run, [tick.clone(), tick]).on_reload([reload]).call_log(&CallLog::new());
    let running = start(daemon([Service::new("a", ReloadingFake(fake)).options(no_backoff())])).await;
    running.until("a", State::Run).await;
    sleep(15 * SECOND).await;
    running.handle.reload("a").await.unwrap();
    sleep(5 * SECOND).await;
    let ran = running.stop().await;
    assert!(ran.report.is_ok(), "{:?}", ran.report);
    assert_eq!(*ticks.lock().unwrap(), ["tick", "tick", "end", "tick", "end"]);
}

#[tokio::test(start_paused = true)]
async fn u4_ticker_ticks_at_once_and_skips_missed_periods() {
    let cx = Context::detached("a");
    let begin = Instant::now();
    let mut every = cx.every(10 * SECOND);
    // The periods begin with the first tick, not with `every`.
    sleep(3 * SECOND).await;
    let mut at = Vec::new();
    for pause in [0, 0, 7, 10, 25, 0, 0] {
        assert!(every.tick().await);
        at.push((begin.elapsed() - 3 * SECOND).as_secs());
        sleep(pause * SECOND).await;
    }
    // At 20 + 7 the tick of 30 is not due, at 30 + 10 the next is just due, and 40 + 25 skips 50
    // and is late for 60.
    assert_eq!(at, [0, 10, 20, 30, 40, 65, 70]);
}

#[tokio::test(start_paused = true)]
async fn u4_ticker_with_a_short_period_skips_missed_periods() {
    let cx = Context::detached("a");
    let mut every = cx.every(MS);
    assert!(every.tick().await);
    sleep(4 * MS).await;
    let begin = Instant::now();
    assert!(every.tick().await && every.tick().await);
    assert!(begin.elapsed() >= MS, "one tick was due, and not four");
}

#[tokio::test(start_paused = true)]
async fn u4_ticker_cancelled_with_a_tick_due_ends_at_once() {
    let cx = Context::detached("a");
    let mut every = cx.every(SECOND);
    assert!(every.tick().await);
    sleep(2 * SECOND).await;
    cx.token().cancel();
    assert!(!every.tick().await);
    assert!(!every.tick().await);
    assert!(!cx.every(SECOND).tick().await, "not even the first tick");
    // A tick that waits is woken, also in another task.
    let cx = Context::detached("b");
    let mut every = cx.every(3600 * SECOND);
    let waits = tokio::spawn(async move { while every.tick().await {} });
    sleep(SECOND).await;
    cx.token().cancel();
    timeout(SECOND, waits).await.expect("the tick is woken").unwrap();
}

#[tokio::test(start_paused = true)]
async fn u4_tick_dropped_while_pending_is_not_lost() {
    let cx = Context::detached("a");
    let begin = Instant::now();
    let mut every = cx.every(SECOND);
    assert!(every.tick().await);
    assert!(timeout(SECOND / 2, every.tick()).await.is_err());
    assert!(every.tick().await);
    assert_eq!(begin.elapsed().as_millis(), 1000);
}

#[tokio::test]
async fn u4_ticker_with_period_zero_yields_and_with_the_longest_does_not_panic() {
    let cx = Context::detached("a");
    let (mut every, child) = (cx.every(Duration::ZERO), cx.child("other"));
    let turns: Arc<Mutex<u32>> = Arc::default();
    let counted = turns.clone();
    let other = tokio::spawn(async move {
        let mut every = child.every(Duration::ZERO);
        while every.tick().await {
            *counted.lock().unwrap() += 1;
        }
    });
    for tick in 0..1000 {
        assert!(every.tick().await);
        assert!(*turns.lock().unwrap() + 1 >= tick, "the other task has a turn between two ticks");
    }
    cx.token().cancel();
    assert!(!every.tick().await);
    timeout(Duration::from_secs(60), other).await.expect("the other task ends").unwrap();

    let cx = Context::detached("b");
    let mut every = cx.every(Duration::MAX);
    sleep(20 * MS).await;
    assert!(every.tick().await);
    assert!(timeout(20 * MS, every.tick()).await.is_err());
}
