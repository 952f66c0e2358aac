//! A stale heartbeat without a watchdog is logged once per lapse. And the last record of a daemon.

use crate::kit::*;
use crate::stall::LogCapture;
use rxd::testing::{Behavior, FakeService, ReloadingFake};
use rxd::{Backoff, Cause, Context, OnStale, Options, Service, State};

/// Sends heartbeats, pauses, sends heartbeats again, and then sends no more.
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
async fn stale_heartbeat_is_logged_once_per_lapse() {
    silence_scripted_panics();
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let running = start(daemon([pausing("a", 60), pausing("b", 1), plain("c")])).await;
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(logged.lines(), [""; 0]);
    tokio::time::sleep(6 * SECOND).await;
    let record = |name: &str| {
        format!(
            "message=no heartbeat within 2s; not restarted, since the daemon does not declare on_stale(restart) \
             service=\"{name}\" "
        )
    };
    assert_eq!(logged.lines(), [record("a")], "`b` was late by less than its interval");
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(
        logged.lines(),
        [record("a"), record("b"), record("a")],
        "once more, since it had a heartbeat in between"
    );
    running.stop().await;
    assert_eq!(logged.lines().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn g57_heartbeat_over_a_pause_of_the_process_is_not_stale() {
    silence_scripted_panics();
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    let run = Behavior::call(|cx: Context| async move {
        // In time while the process runs. Right after a pause the heartbeat comes later than the
        // check of the heartbeat task.
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
    assert_eq!(logged.lines(), [""; 0]);
    assert!(running.handle.states().iter().all(|service| service.incarnation == 1));
    tokio::time::sleep(90 * SECOND).await;
    assert!(logged.has("no heartbeat within 2s"), "one that lapses while the process runs");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn last_record_names_duration_and_exit_code() {
    silence_scripted_panics();
    let logged = LogCapture::of(tracing::Level::INFO);
    let _guard = tracing::subscriber::set_default(logged.clone());
    let slow = fake("a", State::Stop, [Behavior::Ok.after(3 * SECOND)]);
    run_until(daemon([slow]), "a", State::Run).await;
    assert_eq!(logged.lines(), ["message=stopping ", "message=stopped took=3s exit_code=0 "]);
    let failing = fake("a", State::Run, [Behavior::Fail]).options(no_backoff().restarts(0, SECOND));
    run_to_end(daemon([failing])).await;
    assert_eq!(logged.lines().last().unwrap(), "message=stopped: every service has exited exit_code=1 ");
}

/// It sends one heartbeat when it enters Run, and then hangs.
#[tokio::test(start_paused = true)]
async fn g21_stale_service_is_restarted_as_a_failed_one() {
    silence_scripted_panics();
    let hangs = Behavior::call(|cx: Context| async move {
        cx.heartbeat();
        cx.cancelled().await;
        Ok(())
    });
    let options = Options::DEFAULT.heartbeat(SECOND).backoff(Backoff::fixed(5 * SECOND)).restarts(2, 600 * SECOND);
    let service = fake("a", State::Run, [hangs]).options(options);
    let running = start(daemon([service, plain("b")]).on_stale(OnStale::Restart)).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    let of_a = ran.report.services().iter().find(|service| service.name == "a").unwrap();
    assert_eq!((of_a.restarts, of_a.failed), (2, true));
    assert_eq!(of_a.error.as_deref(), Some("no heartbeat within 1s"));
    let trace = ran.states("a");
    assert_eq!(trace, format!("{INCARNATION} {INCARNATION} {INCARNATION} exit+"));
    assert!(ran.trace.steps.iter().all(|step| step.cause != Cause::Operator));
}

/// A task that its service does not know beats on, extends limits and sets a status text for ever.
#[tokio::test(start_paused = true)]
async fn g21_context_of_an_ended_incarnation_speaks_for_no_other() {
    silence_scripted_panics();
    let leaks = Behavior::call(|cx: Context| async move {
        let leaked = cx.clone();
        tokio::spawn(async move {
            loop {
                leaked.heartbeat();
                leaked.extend(100 * SECOND);
                leaked.status("from the past");
                tokio::time::sleep(100 * MS).await;
            }
        });
        Err("scripted failure".into())
    });
    let hangs = Behavior::call(|cx: Context| async move {
        cx.heartbeat();
        cx.status("now");
        cx.cancelled().await;
        Ok(())
    });
    let options = no_backoff().heartbeat(SECOND).restarts(1, 600 * SECOND);
    let service = fake("a", State::Run, [leaks, hangs]).options(options);
    let running = start(daemon([service, plain("b")]).on_stale(OnStale::Restart)).await;
    running.until("a", State::Run).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.error("a"), "no heartbeat within 1s");
}

/// A context that `init` keeps over a reload is of the same incarnation.
#[tokio::test(start_paused = true)]
async fn g21_context_kept_over_a_reload_beats() {
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = kept.clone();
    let init = Behavior::call(move |cx: Context| {
        *keep.lock().unwrap() = Some(cx);
        std::future::ready(Ok(()))
    });
    let beats = Behavior::call(move |cx: Context| {
        let kept = kept.lock().unwrap().clone().unwrap();
        async move {
            while !cx.is_cancelled() {
                kept.heartbeat();
                let _ = cx.sleep(100 * MS).await;
            }
            Ok(())
        }
    });
    let fake = FakeService::new().on(State::Init, [init]).on(State::Run, [beats]).on_reload([Behavior::Ok]);
    let service = Service::new("a", ReloadingFake(fake)).options(no_backoff().heartbeat(SECOND));
    let running = start(daemon([service]).on_stale(OnStale::Restart)).await;
    running.until("a", State::Run).await;
    running.handle.reload("a").await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(running.handle.states()["a"].incarnation, 1);
    assert!(running.stop().await.report.is_ok());
}

/// A periodic service sends no heartbeat while it waits for its next run, and a pause changes nothing.
#[tokio::test(start_paused = true)]
async fn g57_pause_while_a_periodic_service_waits_is_not_stale() {
    let service = fake("a", State::Run, [Behavior::Ok]).options(no_backoff().heartbeat(SECOND).restarts(0, SECOND));
    let service = service.every(rxd::Every::new(10 * SECOND));
    let running = start(daemon([service, plain("b")]).on_stale(OnStale::Restart)).await;
    running.until("a", State::Run).await;
    tokio::time::sleep(2 * SECOND).await;
    tokio::time::advance(2 * SECOND).await;
    tokio::time::sleep(30 * SECOND).await;
    assert!(running.handle.states()["a"].is_in(State::Run), "{}", running.handle.why("a").unwrap());
    assert!(running.stop().await.report.is_ok());
}
