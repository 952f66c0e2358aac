//! G55, U14, S17, X21: what is asked of services, by services among others, is answered; and what is
//! asked of the daemon from inside is done.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Cause, Context, DaemonHandle, Service, State};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// What a service asks of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Stop,
    Start,
    Restart,
    Reload,
}

const ALL: [Of; 4] = [Of::Stop, Of::Start, Of::Restart, Of::Reload];

async fn ask(handle: &DaemonHandle, service: &str, what: Of) -> Result<(), rxd::Error> {
    match what {
        Of::Stop => handle.stop(service).await,
        Of::Start => handle.start(service).await,
        Of::Restart => handle.restart(service).await,
        Of::Reload => handle.reload(service).await,
    }
}

/// How long each answer took, and what it was.
type Answers = Arc<Mutex<Vec<(std::time::Duration, Result<(), String>)>>>;

/// Where a service asks: in its method, in a task of its own, or in one of tokio's, as those of a server are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Method,
    Task,
    TokioTask,
}

/// Asks once for the service itself.
fn asks(what: Of, place: Where, answers: &Answers) -> Behavior {
    let answers = answers.clone();
    Behavior::call(move |cx: Context| {
        let answers = answers.clone();
        async move {
            let asking = cx.clone();
            let asking = async move {
                let began = Instant::now();
                let answer = ask(&asking.daemon(), asking.name(), what).await;
                answers.lock().unwrap().push((began.elapsed(), answer.map_err(|error| error.to_string())));
            };
            match place {
                Where::Method => asking.await,
                Where::Task => drop(cx.spawn("asks", asking)),
                Where::TokioTask => drop(tokio::spawn(asking)),
            }
            cx.cancelled().await;
            Ok(())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn g55_x21_a_service_that_asks_for_itself_is_answered_at_once_and_it_is_done() {
    for what in ALL {
        for place in [Where::Method, Where::Task, Where::TokioTask] {
            let (answers, probe) = (Answers::default(), CallLog::new());
            let run = [asks(what, place, &answers), Behavior::UntilCancelled];
            let a = ReloadingFake(FakeService::new().on(State::Run, run).call_log(&probe));
            let running = start(daemon([Service::new("a", a).options(brisk()), plain("b")])).await;
            tokio::time::sleep(SECOND).await;
            let state = running.handle.states()["a"].clone();
            let ran = running.stop().await;
            let case = format!("{what:?}, in a task: {place:?}: {}", ran.states("a"));
            assert_eq!(*answers.lock().unwrap(), [(std::time::Duration::ZERO, Ok(()))], "{case}");
            let (states, cause) = match what {
                Of::Stop => (format!("{ROUND} exit+"), Cause::Operator),
                Of::Restart => (format!("{ROUND} {ROUND} exit+"), Cause::Shutdown),
                Of::Start | Of::Reload => (format!("{ROUND} exit+"), Cause::Shutdown),
            };
            assert_eq!((ran.states("a"), ran.ending("a").cause), (states, cause), "{case}");
            assert_eq!(state.is_in(State::Run), what != Of::Stop, "{case}");
            assert_eq!(probe.count("a", "reload"), usize::from(what == Of::Reload), "{case}");
            assert!(ran.report.is_ok() && ran.took < 2 * SECOND, "{case}");
            assert_eq!(probe.faults(), [""; 0], "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g51_x21_a_method_that_returns_in_the_poll_in_which_it_is_cancelled_was_cancelled() {
    for result in [|| Ok(()), || Err(rxd::Cancelled.into())] {
        for (what, rounds) in [(Of::Reload, 1), (Of::Restart, 2)] {
            let act = Behavior::call(move |cx: Context| async move {
                ask(&cx.daemon(), cx.name(), what).await?;
                assert!(cx.is_cancelled());
                result()
            });
            // A failure would be the last.
            let a = ReloadingFake(FakeService::new().on(State::Run, [act, Behavior::UntilCancelled]));
            let a = Service::new("a", a).options(brisk().restarts(0, SECOND));
            let running = start(daemon([a, plain("b")])).await;
            tokio::time::sleep(SECOND).await;
            let state = running.handle.states()["a"].clone();
            assert_eq!((state.state, state.restarts, state.last_error), (State::Run, 0, None), "{what:?}");
            let ran = running.stop().await;
            assert_eq!(ran.states("a"), format!("{}exit+", format!("{ROUND} ").repeat(rounds)), "{what:?}");
            assert!(ran.report.is_ok());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g55_x21_a_service_that_asks_for_itself_in_any_method_is_answered_at_once() {
    for state in [State::Init, State::Idle, State::Stop] {
        for what in ALL {
            let answers = Answers::default();
            let kept = answers.clone();
            let act = Behavior::call(move |cx: Context| {
                let kept = kept.clone();
                async move {
                    let began = Instant::now();
                    let answer = ask(&cx.daemon(), cx.name(), what).await;
                    kept.lock().unwrap().push((began.elapsed(), answer.map_err(|error| error.to_string())));
                    Ok(())
                }
            });
            // Stop is called by itself only where the service fails.
            let run = if state == State::Stop { Behavior::Fail } else { Behavior::UntilCancelled };
            let a = FakeService::new().on(state, [act, Behavior::Ok]);
            let a = if state == State::Stop { a.on(State::Run, [run, Behavior::UntilCancelled]) } else { a };
            let running = start(daemon([Service::new("a", ReloadingFake(a)).options(brisk()), plain("b")])).await;
            tokio::time::sleep(SECOND).await;
            let ran = running.stop().await;
            let case = format!("{what:?} in {state}: {}", ran.states("a"));
            assert_eq!(*answers.lock().unwrap(), [(std::time::Duration::ZERO, Ok(()))], "{case}");
            assert!(ran.report.is_ok() && ran.took < 2 * SECOND, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g55_requests_to_a_service_in_each_state_are_answered_within_their_limit() {
    for state in [State::Init, State::Idle, State::Run, State::Stop, State::Exit] {
        for what in ALL {
            // It hangs in this state for good, unless it is cancelled by dropping it.
            let a = match state {
                State::Exit => FakeService::new().on(State::Run, [Behavior::Done]),
                State::Stop => FakeService::new().on(State::Run, [Behavior::Fail]).on(State::Stop, [Behavior::Hang]),
                state => FakeService::new().on(state, [Behavior::Hang]),
            };
            let options = brisk().timeout_of(State::Stop, 2 * SECOND);
            let options = if state == State::Exit { options.restarts(0, SECOND) } else { options };
            let running = start(daemon([Service::new("a", ReloadingFake(a)).options(options), plain("b")])).await;
            running.until("a", state).await;
            let began = Instant::now();
            // Refused, or said to have taken too long, is an answer.
            let answer = ask(&running.handle, "a", what).await;
            // Four times the limit of Stop, and 5 s.
            assert!(began.elapsed() <= 13 * SECOND, "{what:?} in {state}: {answer:?} after {:?}", began.elapsed());
            running.stop().await;
        }
    }
}

// ---- the daemon, from inside ---------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn s17_u14_a_service_that_shuts_the_daemon_down_ends_it_with_status_0() {
    let job = Do(|cx: Context| async move {
        tokio::time::sleep(SECOND).await;
        cx.daemon().shutdown();
        Ok(())
    });
    let ran = run_out(daemon([Service::new("job", job), plain("server")])).await;
    assert!(ran.report.is_ok(), "{}", ran.report);
    assert_eq!((ran.report.exit_code(), ran.took), (0, SECOND));
    assert_eq!(ran.states("server"), format!("{ROUND} exit+"));
}

#[tokio::test(start_paused = true)]
async fn s17_u14_a_service_stops_starts_restarts_and_asks_why_of_others() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = seen.clone();
    let boss = Do(move |cx: Context| {
        let notes = notes.clone();
        async move {
            let daemon = cx.daemon();
            daemon.wait_for("other", State::Run).await?;
            daemon.stop("other").await?;
            let state = |daemon: &DaemonHandle| {
                let other = &daemon.states()["other"];
                format!("{} {}", other.state, other.incarnation)
            };
            notes.lock().unwrap().push(state(&daemon));
            daemon.start("other").await?;
            daemon.restart("other").await?;
            daemon.wait_for("other", State::Run).await?;
            daemon.reload("other").await?;
            notes.lock().unwrap().push(daemon.why("other")?.to_string());
            let unknown = daemon.restart("othre").await.unwrap_err();
            notes.lock().unwrap().push(unknown.to_string());
            daemon.shutdown();
            Ok(())
        }
    });
    let ran = run_out(daemon([Service::new("boss", boss), plain("other")])).await;
    assert!(ran.report.is_ok(), "{}", ran.report);
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("exit"), "{seen:?}");
    assert!(seen[1].starts_with("other in Run"), "{seen:?}");
    assert!(seen[2].contains("did you mean `other`"), "{seen:?}");
    assert!(ran.states("other").starts_with(&format!("{ROUND} exit+ init+ init- ")), "{}", ran.states("other"));
    assert_eq!(ran.states("other").matches("init+").count(), 3, "at the start, by start, by restart");
}

#[tokio::test(start_paused = true)]
async fn s17_u14_a_handle_of_a_service_neither_keeps_the_daemon_nor_ends_it() {
    let kept: Arc<Mutex<Vec<DaemonHandle>>> = Arc::default();
    let keeps = kept.clone();
    let a = Do(move |cx: Context| {
        let keeps = keeps.clone();
        async move {
            drop(cx.daemon());
            drop(cx.daemon().clone());
            keeps.lock().unwrap().push(cx.daemon());
            cx.cancelled().await;
            Ok(())
        }
    });
    quiet();
    let handle = daemon([Service::new("a", a)]).signals([]).start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    settle().await;
    assert!(handle.states()["a"].is_in(State::Run), "those that it has dropped did not stop it");
    let inner = kept.lock().unwrap()[0].clone();
    drop(handle);
    let report = inner.wait().await;
    assert!(report.is_ok() && inner.has_ended(), "the one that it keeps did not keep it");
    assert!(inner.restart("a").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn g53_a_waker_that_panics_keeps_nobody_else_from_the_report() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("scripted panic");
        }
    }
    let running = start(daemon([plain("a")])).await;
    running.until("a", State::Run).await;
    // Many, so that some come before and some after those whose wakers panic.
    let waits: Vec<_> = (0..40).map(|_| running.handle.clone()).collect();
    let mut hostile = Vec::new();
    let mut others = Vec::new();
    for (nth, handle) in waits.into_iter().enumerate() {
        if nth % 4 == 0 {
            let mut wait = Box::pin(async move { drop(handle.wait().await) });
            let waker = std::task::Waker::from(Arc::new(Panics));
            assert!(wait.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
            hostile.push(wait);
        } else {
            others.push(tokio::spawn(async move { handle.wait().await.is_ok() }));
            tokio::task::yield_now().await;
        }
    }
    assert!(running.stop().await.report.is_ok());
    for other in others {
        assert!(tokio::time::timeout(SECOND, other).await.expect("it is woken").unwrap());
    }
}
