//! G55, U14, S17, X21: requests to services, also by services, are answered; and services can
//! control their daemon.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Cause, Context, DaemonHandle, Service, State};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// What is requested of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Request {
    Stop,
    Start,
    Restart,
    Reload,
}

const ALL: [Request; 4] = [Request::Stop, Request::Start, Request::Restart, Request::Reload];

async fn request(handle: &DaemonHandle, service: &str, what: Request) -> Result<(), rxd::Error> {
    match what {
        Request::Stop => handle.stop(service).await,
        Request::Start => handle.start(service).await,
        Request::Restart => handle.restart(service).await,
        Request::Reload => handle.reload(service).await,
    }
}

/// The time and the result of each answer.
type Answers = Arc<Mutex<Vec<(std::time::Duration, Result<(), String>)>>>;

/// Where a service makes the request: in its method, in a task of its context, or in a task of
/// tokio's, as in a server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Method,
    Task,
    TokioTask,
}

/// Makes one request for the service itself.
fn request_itself(what: Request, place: Where, answers: &Answers) -> Behavior {
    let answers = answers.clone();
    Behavior::call(move |cx: Context| {
        let answers = answers.clone();
        async move {
            let own = cx.clone();
            let request = async move {
                let began = Instant::now();
                let answer = request(&own.daemon(), own.name(), what).await;
                answers.lock().unwrap().push((began.elapsed(), answer.map_err(|error| error.to_string())));
            };
            match place {
                Where::Method => request.await,
                Where::Task => drop(cx.spawn("request", request)),
                Where::TokioTask => drop(tokio::spawn(request)),
            }
            cx.cancelled().await;
            Ok(())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn g55_x21_request_for_itself_is_answered_at_once_and_done() {
    for what in ALL {
        for place in [Where::Method, Where::Task, Where::TokioTask] {
            let (answers, call_log) = (Answers::default(), CallLog::new());
            let run = [request_itself(what, place, &answers), Behavior::UntilCancelled];
            let a = ReloadingFake(FakeService::new().on(State::Run, run).call_log(&call_log));
            let running = start(daemon([Service::new("a", a).options(no_backoff()), plain("b")])).await;
            tokio::time::sleep(SECOND).await;
            let state = running.handle.states()["a"].clone();
            let ran = running.stop().await;
            let case = format!("{what:?}, made in: {place:?}: {}", ran.states("a"));
            assert_eq!(*answers.lock().unwrap(), [(std::time::Duration::ZERO, Ok(()))], "{case}");
            let (states, cause) = match what {
                Request::Stop => (format!("{INCARNATION} exit+"), Cause::Operator),
                Request::Restart => (format!("{INCARNATION} {INCARNATION} exit+"), Cause::Shutdown),
                Request::Start | Request::Reload => (format!("{INCARNATION} exit+"), Cause::Shutdown),
            };
            assert_eq!((ran.states("a"), ran.service_report("a").cause), (states, cause), "{case}");
            assert_eq!(state.is_in(State::Run), what != Request::Stop, "{case}");
            assert_eq!(call_log.count("a", "reload"), usize::from(what == Request::Reload), "{case}");
            assert!(ran.report.is_ok() && ran.took < 2 * SECOND, "{case}");
            assert_eq!(call_log.faults(), [""; 0], "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g51_x21_method_returning_in_the_poll_that_cancels_it_was_cancelled() {
    for result in [|| Ok(()), || Err(rxd::Cancelled.into())] {
        for (what, incarnations) in [(Request::Reload, 1), (Request::Restart, 2)] {
            let behavior = Behavior::call(move |cx: Context| async move {
                request(&cx.daemon(), cx.name(), what).await?;
                assert!(cx.is_cancelled());
                result()
            });
            // With this limit a failure would end the service.
            let a = ReloadingFake(FakeService::new().on(State::Run, [behavior, Behavior::UntilCancelled]));
            let a = Service::new("a", a).options(no_backoff().restarts(0, SECOND));
            let running = start(daemon([a, plain("b")])).await;
            tokio::time::sleep(SECOND).await;
            let state = running.handle.states()["a"].clone();
            assert_eq!((state.state, state.restarts, state.last_error), (State::Run, 0, None), "{what:?}");
            let ran = running.stop().await;
            assert_eq!(ran.states("a"), format!("{}exit+", format!("{INCARNATION} ").repeat(incarnations)), "{what:?}");
            assert!(ran.report.is_ok());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g55_x21_request_for_itself_in_any_method_is_answered_at_once() {
    for state in [State::Init, State::Idle, State::Stop] {
        for what in ALL {
            let answers = Answers::default();
            let kept = answers.clone();
            let behavior = Behavior::call(move |cx: Context| {
                let kept = kept.clone();
                async move {
                    let began = Instant::now();
                    let answer = request(&cx.daemon(), cx.name(), what).await;
                    kept.lock().unwrap().push((began.elapsed(), answer.map_err(|error| error.to_string())));
                    Ok(())
                }
            });
            // Without a request, only a failure leads to Stop.
            let run = if state == State::Stop { Behavior::Fail } else { Behavior::UntilCancelled };
            let a = FakeService::new().on(state, [behavior, Behavior::Ok]);
            let a = if state == State::Stop { a.on(State::Run, [run, Behavior::UntilCancelled]) } else { a };
            let running = start(daemon([Service::new("a", ReloadingFake(a)).options(no_backoff()), plain("b")])).await;
            tokio::time::sleep(SECOND).await;
            let ran = running.stop().await;
            let case = format!("{what:?} in {state}: {}", ran.states("a"));
            assert_eq!(*answers.lock().unwrap(), [(std::time::Duration::ZERO, Ok(()))], "{case}");
            assert!(ran.report.is_ok() && ran.took < 2 * SECOND, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g55_request_in_any_state_is_answered_within_its_limit() {
    for state in [State::Init, State::Idle, State::Run, State::Stop, State::Exit] {
        for what in ALL {
            // The method of this state hangs until its future is dropped.
            let a = match state {
                State::Exit => FakeService::new().on(State::Run, [Behavior::Done]),
                State::Stop => FakeService::new().on(State::Run, [Behavior::Fail]).on(State::Stop, [Behavior::Hang]),
                state => FakeService::new().on(state, [Behavior::Hang]),
            };
            let options = no_backoff().timeout_of(State::Stop, 2 * SECOND);
            let options = if state == State::Exit { options.restarts(0, SECOND) } else { options };
            let running = start(daemon([Service::new("a", ReloadingFake(a)).options(options), plain("b")])).await;
            running.until("a", state).await;
            let began = Instant::now();
            // A refusal or a timeout is an answer too.
            let answer = request(&running.handle, "a", what).await;
            // The limit of a request: four times the limit of Stop, and 5 s.
            assert!(began.elapsed() <= 13 * SECOND, "{what:?} in {state}: {answer:?} after {:?}", began.elapsed());
            running.stop().await;
        }
    }
}

// ---- services that control their daemon ----------------------------------------------------

#[tokio::test(start_paused = true)]
async fn s17_u14_shutdown_by_a_service_ends_the_daemon_with_status_0() {
    let job = RunFn(|cx: Context| async move {
        tokio::time::sleep(SECOND).await;
        cx.daemon().shutdown();
        Ok(())
    });
    let ran = run_to_end(daemon([Service::new("job", job), plain("server")])).await;
    assert!(ran.report.is_ok(), "{}", ran.report);
    assert_eq!((ran.report.exit_code(), ran.took), (0, SECOND));
    assert_eq!(ran.states("server"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn s17_u14_service_with_a_handle_controls_other_services() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let records = seen.clone();
    let boss = RunFn(move |cx: Context| {
        let records = records.clone();
        async move {
            let daemon = cx.daemon();
            daemon.wait_for("other", State::Run).await?;
            daemon.stop("other").await?;
            let state = |daemon: &DaemonHandle| {
                let other = &daemon.states()["other"];
                format!("{} {}", other.state, other.incarnation)
            };
            records.lock().unwrap().push(state(&daemon));
            daemon.start("other").await?;
            daemon.restart("other").await?;
            daemon.wait_for("other", State::Run).await?;
            daemon.reload("other").await?;
            records.lock().unwrap().push(daemon.why("other")?.to_string());
            let unknown = daemon.restart("othre").await.unwrap_err();
            records.lock().unwrap().push(unknown.to_string());
            daemon.shutdown();
            Ok(())
        }
    });
    let ran = run_to_end(daemon([Service::new("boss", boss), plain("other")])).await;
    assert!(ran.report.is_ok(), "{}", ran.report);
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("exit"), "{seen:?}");
    assert!(seen[1].starts_with("other in Run"), "{seen:?}");
    assert!(seen[2].contains("did you mean `other`"), "{seen:?}");
    assert!(ran.states("other").starts_with(&format!("{INCARNATION} exit+ init+ init- ")), "{}", ran.states("other"));
    assert_eq!(ran.states("other").matches("init+").count(), 3, "at the start, by start, by restart");
}

#[tokio::test(start_paused = true)]
async fn s17_u14_handle_of_a_service_neither_keeps_the_daemon_nor_ends_it() {
    let kept: Arc<Mutex<Vec<DaemonHandle>>> = Arc::default();
    let keeps = kept.clone();
    let a = RunFn(move |cx: Context| {
        let keeps = keeps.clone();
        async move {
            drop(cx.daemon());
            drop(cx.daemon().clone());
            keeps.lock().unwrap().push(cx.daemon());
            cx.cancelled().await;
            Ok(())
        }
    });
    silence_scripted_panics();
    let handle = daemon([Service::new("a", a)]).signals([]).start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    settle().await;
    assert!(handle.states()["a"].is_in(State::Run), "the handles that the service dropped did not stop the daemon");
    let inner = kept.lock().unwrap()[0].clone();
    drop(handle);
    let report = inner.wait().await;
    assert!(report.is_ok() && inner.has_ended(), "the handle that the service keeps does not keep the daemon");
    assert!(inner.restart("a").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn g53_waker_that_panics_delays_no_other_wait_for_the_report() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("scripted panic");
        }
    }
    let running = start(daemon([plain("a")])).await;
    running.until("a", State::Run).await;
    // Many, so that some are woken before and some after those whose wakers panic.
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
        assert!(tokio::time::timeout(SECOND, other).await.expect("the other waits are woken").unwrap());
    }
}

/// Makes a request, and ends the wait for its answer.
async fn hang_up(handle: &DaemonHandle, what: Request) -> Option<rxd::Error> {
    let waited = tokio::time::timeout(MS, request(handle, "a", what)).await;
    waited.ok().and_then(Result::err)
}

#[tokio::test(start_paused = true)]
async fn x16_requests_that_wait_for_a_service_are_bounded() {
    let a = FakeService::new().on(State::Init, [Behavior::UntilCancelled, Behavior::Ok]);
    let running = start(daemon([Service::new("a", ReloadingFake(a)).options(no_backoff()), plain("b")])).await;
    running.until("a", State::Init).await;
    // Of those that have hung up nothing is kept but what they asked for.
    for _ in 0..5_000 {
        assert!(hang_up(&running.handle, Request::Reload).await.is_none());
    }
    let waiting: Vec<_> = (0..2_000)
        .map(|_| {
            let handle = running.handle.clone();
            tokio::spawn(async move { handle.reload("a").await.map_err(|error| error.to_string()) })
        })
        .collect();
    settle().await;
    let refused = waiting.iter().filter(|request| request.is_finished()).count();
    assert!((976..=977).contains(&refused), "{refused}");
    let error = hang_up(&running.handle, Request::Reload).await.unwrap().to_string();
    assert_eq!(error, "service `a` is busy: 1024 requests wait already; try again later");
    for request in waiting {
        request.abort();
    }
    settle().await;
    assert!(hang_up(&running.handle, Request::Restart).await.is_none(), "there is room again");
    running.until("a", State::Run).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn x16_requests_that_wait_for_a_reload_of_all_are_bounded() {
    let a = FakeService::new().on(State::Init, [Behavior::UntilCancelled]);
    let running = start(daemon([Service::new("a", ReloadingFake(a)).options(no_backoff()), plain("b")])).await;
    running.until("a", State::Init).await;
    let reload = async || tokio::time::timeout(MS, running.handle.reload_all()).await;
    for _ in 0..5_000 {
        assert!(reload().await.is_err());
    }
    for _ in 0..2_000 {
        let handle = running.handle.clone();
        tokio::spawn(async move { handle.reload_all().await });
    }
    settle().await;
    let error = reload().await.unwrap().unwrap_err().to_string();
    assert_eq!(error, "the daemon is busy: 1024 requests wait already; try again later");
    running.stop().await;
}
