//! Services that do not start by themselves: `autostart = false`.

use crate::kit::{daemon, idle_away, ready, service, stop};
use rxd::{Action, Cause, Context, Daemon, Filter, Options, Runner, Service, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const WHY: &str = "worker not started (`autostart = false`): start it with `rxdctl start worker`";

#[tokio::test(start_paused = true)]
async fn manual_service_is_in_exit_until_it_is_started() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let worker = Service::from_fn("worker", move |cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        idle_away(cx)
    });
    let handle = Daemon::new("d").signals([]).add(service("db")).add(worker.autostart(false)).start().await.unwrap();
    let mut states = handle.watch_states(Filter::include(["worker"])).unwrap();
    handle.wait_for("db", State::Run).await.unwrap();
    let worker = handle.states()["worker"].clone();
    assert!(worker.is_in(State::Exit) && worker.cause == Cause::Operator && worker.incarnation == 0);
    assert_eq!(handle.why("worker").unwrap().to_string(), WHY);
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    let before: Vec<String> = ready(&mut states).await.into_iter().filter(|it| it.starts_with("worker")).collect();
    assert_eq!(before, ["worker exit+"]);

    handle.start("worker").await.unwrap();
    handle.wait_for("worker", State::Run).await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    handle.stop("worker").await.unwrap();
    assert_eq!(handle.why("worker").unwrap().to_string(), "worker in Exit (operator)");
    handle.restart("worker").await.unwrap();
    handle.wait_for("worker", State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn g9_service_that_needs_a_manual_one_waits_until_that_is_started() {
    let daemon = Daemon::new("d").signals([]).add(service("worker").autostart(false));
    let handle = daemon.add(service("api").needs(["worker"])).start().await.unwrap();
    handle.wait_for("api", State::Idle).await.unwrap();
    let why = handle.why("api").unwrap().to_string();
    assert_eq!(why, format!("api in Idle: waits for worker entering Run; {WHY}"));
    handle.start("worker").await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn g37_watch_on_a_manual_service_waits_for_its_start_and_ends_with_the_daemon() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let watcher = Service::from_fn("watcher", move |cx: Context| {
        let seen = counted.clone();
        async move {
            let mut watch = cx.watch_any(Action::Entering, State::Run, "worker")?;
            while watch.next().await.is_some() {
                seen.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }
    });
    let handle = Daemon::new("d").signals([]).add(watcher).add(service("worker").autostart(false));
    let handle = handle.start().await.unwrap();
    let late = tokio::time::timeout(5 * SECOND, handle.wait_for("worker", State::Run)).await;
    assert!(late.is_err() && seen.load(Ordering::Relaxed) == 0);
    let error = handle.wait_for("worker", State::Run).within(SECOND).await.unwrap_err().to_string();
    assert_eq!(error, format!("service `worker` is not in Run after 1s: {WHY}"));
    let mut outside = handle.watch_any(Action::Entering, State::Run, "worker").unwrap();
    let starts = async {
        handle.start("worker").await.unwrap();
        handle.stop("worker").await.unwrap();
        handle.start("worker").await.unwrap();
    };
    let (first, ()) = tokio::join!(outside.next(), starts);
    assert!(first.is_some());
    handle.wait_for("worker", State::Run).await.unwrap();
    tokio::task::yield_now().await;
    assert!(seen.load(Ordering::Relaxed) >= 1);

    let never = Daemon::new("e").signals([]).add(service("worker").autostart(false)).start().await.unwrap();
    let mut watch = never.watch_any(Action::Entering, State::Run, "worker").unwrap();
    assert!(stop(&never).await.is_ok());
    assert!(watch.next().await.is_none());
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn manual_service_that_was_never_started_does_not_keep_the_daemon() {
    let job = |name| {
        let job = Service::from_fn(name, |_: Context| async { Ok(()) });
        job.manager(rxd::manager::until_success)
    };
    let daemon = Daemon::new("d").signals([]).add(job("job")).add(service("worker").autostart(false));
    let report = daemon.start().await.unwrap().wait().await;
    assert!(report.is_ok(), "{report}");

    // With no other service, it waits for an operator.
    let daemon = Daemon::new("d").signals([]).add(job("job").autostart(false));
    let handle = daemon.add(job("other").autostart(false)).start().await.unwrap();
    tokio::time::sleep(1000 * SECOND).await;
    assert!(!handle.has_ended());
    handle.start("job").await.unwrap();
    assert!(handle.wait().await.is_ok());

    // One that an operator has stopped after its start does keep the daemon.
    let daemon = Daemon::new("d").signals([]).add(job("job")).add(service("worker").autostart(false));
    let handle = daemon.add(service("db")).start().await.unwrap();
    handle.start("worker").await.unwrap();
    handle.wait_for("worker", State::Run).await.unwrap();
    handle.stop("worker").await.unwrap();
    handle.stop("db").await.unwrap();
    tokio::time::sleep(1000 * SECOND).await;
    assert!(!handle.has_ended());
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_run_a_manual_service_and_refuses_to_start_it() {
    let daemon = Daemon::new("d").signals([]).add(service("worker").autostart(false).needs(["db"]));
    let handle = daemon.add(service("db")).start().await.unwrap();
    handle.wait_for("db", State::Run).await.unwrap();
    let report = stop(&handle).await;
    assert!(report.is_ok(), "{report}");
    let runs = handle.history().into_iter().filter(|event| event.name == "worker").map(|event| event.state);
    assert_eq!(runs.collect::<Vec<_>>(), [State::Exit]);
    assert!(handle.start("worker").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn start_timeout_does_not_wait_for_a_manual_service() {
    let daemon = Daemon::new("d").signals([]).start_timeout(SECOND);
    let handle = daemon.add(service("db")).add(service("worker").autostart(false)).start().await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    assert!(!handle.has_ended() && handle.states()["db"].is_in(State::Run));
    // A failure of one that was started is one of the daemon.
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn added_service_that_is_manual_waits_to_be_started_and_can_be_removed() {
    let handle = daemon().await;
    handle.add(service("worker").autostart(false).needs(["db"])).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(handle.why("worker").unwrap().to_string(), WHY);
    handle.remove("worker").await.unwrap();
    handle.add(service("worker").autostart(false)).await.unwrap();
    handle.start("worker").await.unwrap();
    handle.wait_for("worker", State::Run).await.unwrap();
    handle.remove("worker").await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn autostart_is_one_of_the_options_and_keeps_the_others() {
    let options = Options::DEFAULT.startup_delay(SECOND);
    let daemon = Daemon::new("d").signals([]).add(service("late").options(options).autostart(true));
    let daemon = daemon.add(service("worker").autostart(false).options(options.autostart(true)));
    let handle = daemon.start().await.unwrap();
    tokio::time::sleep(SECOND / 2).await;
    assert!(handle.states().iter().all(|service| service.incarnation == 0 && service.state == State::Unknown));
    handle.wait_for(["late", "worker"], State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[rxd::service(autostart = false, group = "jobs")]
struct Worker;

#[rxd::service(autostart = !cfg!(test), group = "jobs")]
struct Poller;

#[rxd::service(autostart = true)]
#[needs("poller")]
struct Api;

macro_rules! waits {
    ($($service:ident)*) => {$(
        impl Runner for $service {
            async fn run(&mut self, cx: &Context) -> rxd::Result {
                cx.cancelled().await;
                Ok(())
            }
        }
    )*};
}
waits!(Worker Poller Api);

#[rxd::daemon]
struct Agent {
    worker: Worker,
    poller: Poller,
    api: Api,
}

#[tokio::test(start_paused = true)]
async fn declared_service_with_autostart_false_is_started_by_its_group() {
    let agent = Agent { worker: Worker, poller: Poller, api: Api };
    let daemon = agent.into_daemon().signals([]);
    let advice: Vec<String> = daemon.advice().iter().map(ToString::to_string).collect();
    assert_eq!(advice.len(), 1, "{advice:?}");
    assert!(advice[0].contains("waits for `poller`"), "{advice:?}");
    let handle = daemon.start().await.unwrap();
    handle.wait_for("api", State::Idle).await.unwrap();
    assert!(handle.states()["worker"].is_in(State::Exit));
    handle.group("jobs").unwrap().start().await.into_result().unwrap();
    handle.wait_for(["worker", "poller", "api"], State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}
