//! A heartbeat that lapses where nobody else sees to it is named in the log, once for each time. And what is
//! said last of all.

use crate::kit::*;
use crate::stall::Heard;
use rxd::testing::Behavior;
use rxd::{Context, OnStale, Options, Service, State};

/// Beats, pauses, beats, pauses for good.
fn pausing(name: &'static str, pause: u32) -> Service {
    let run = Behavior::call(move |cx: Context| async move {
        for _ in 0..2 {
            for _ in 0..5 {
                cx.heartbeat();
                tokio::time::sleep(SECOND).await;
            }
            tokio::time::sleep(pause * SECOND).await;
        }
        cx.cancelled().await;
        Ok(())
    });
    fake(name, State::Run, [run]).options(Options::DEFAULT.heartbeat(2 * SECOND))
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_lapses_is_named_once_a_lapse() {
    quiet();
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let running = start(daemon([pausing("a", 60), pausing("b", 1), plain("c")])).await;
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(heard.lines(), [""; 0]);
    tokio::time::sleep(6 * SECOND).await;
    let said =
        |name: &str| format!("message=no heartbeat within 2s: it may be stuck, and is left alone service=\"{name}\" ");
    assert_eq!(heard.lines(), [said("a")], "`b` was late by no more than it may be");
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(heard.lines(), [said("a"), said("b"), said("a")], "once more, since it had a heartbeat in between");
    running.stop().await;
    assert_eq!(heard.lines().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn g57_heartbeat_over_a_pause_of_the_process_is_no_lapse() {
    quiet();
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let run = Behavior::call(|cx: Context| async move {
        // Late by nothing while the process runs, and never before anybody else after a pause.
        for _ in 0..40 {
            tokio::time::sleep(1900 * MS).await;
            settle().await;
            cx.heartbeat();
        }
        cx.cancelled().await;
        Ok(())
    });
    let service = |name| fake(name, State::Run, [run.clone()]).options(Options::DEFAULT.heartbeat(2 * SECOND));
    let running = start(daemon([service("a"), service("b")]).on_stale(OnStale::Restart)).await;
    for seconds in [1, 2, 5, 20, 3600] {
        tokio::time::sleep(1500 * MS).await;
        // Nothing runs between two instants that are this far apart.
        tokio::time::advance(seconds * SECOND).await;
        tokio::time::sleep(1500 * MS).await;
    }
    assert_eq!(heard.lines(), [""; 0]);
    assert!(running.handle.states().iter().all(|service| service.incarnation == 1));
    tokio::time::sleep(90 * SECOND).await;
    assert!(heard.has("no heartbeat within 2s: it is restarted"), "one that lapses while the process runs");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_line_says_that_it_has_stopped_and_how_long_that_took() {
    quiet();
    let heard = Heard::of(tracing::Level::INFO);
    let _guard = tracing::subscriber::set_default(heard.clone());
    let slow = fake("a", State::Stop, [Behavior::Ok.after(3 * SECOND)]);
    run_until(daemon([slow]), "a", State::Run).await;
    assert_eq!(heard.lines(), ["message=stopping ", "message=stopped took=3s exit_code=0 "]);
    let failing = fake("a", State::Run, [Behavior::Fail]).options(brisk().restarts(0, SECOND));
    run_out(daemon([failing])).await;
    assert_eq!(heard.lines().last().unwrap(), "message=stopped: every service has exited exit_code=1 ");
}
