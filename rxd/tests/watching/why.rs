//! `why`: the chain of services that are waited for. G45.

use crate::common::{end, fake, service, start};
use rxd::testing::{Behavior, FakeService};
use rxd::{Action, Backoff, Context, Daemon, Effect, Mode, OnStale, Options, Runner, Service, State, When, manager};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn g45_why_follows_a_chain_to_its_root() {
    let (log, db) = fake(&[State::Init, State::Run]);
    let backoff = Backoff::fixed(Duration::from_secs(4));
    let handle = start([
        service("web", fake(&[State::Run]).1).needs(["api", "cache"]),
        service("api", fake(&[State::Run]).1).needs(["db"]),
        service("cache", fake(&[State::Run]).1),
        Service::new("db", db).options(Options::DEFAULT.backoff(backoff)),
    ])
    .await;
    handle.wait_for("db", State::Init).await.unwrap();
    handle.wait_for(["web", "api"], State::Idle).await.unwrap();
    handle.wait_for("cache", State::Run).await.unwrap();
    assert_eq!(
        handle.why("web").unwrap().to_string(),
        "web in Idle: waits for api entering Run; api in Idle: waits for db entering Run; db in Init"
    );
    log.set_behavior("db", Behavior::Fail);
    handle.watch_any(Action::Exited, State::Stop, "db").unwrap().next().await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    let why = handle.why("web").unwrap();
    assert_eq!(
        why.to_string(),
        "web in Idle: waits for api entering Run; api in Idle: waits for db entering Run; \
         db after Stop, attempt 2 in 3.1 s, last error: scripted failure"
    );
    assert_eq!(why.seq(), handle.states().seq());
    let names: Vec<&str> = why.services().iter().map(|standing| &*standing.service.name).collect();
    assert_eq!(names, ["web", "api", "db"], "no service waits for `cache`, which is in Run");
    let root = why.roots().next().unwrap();
    assert_eq!((&*root.service.name, root.next_attempt), ("db", Some(Duration::from_millis(3_100))));
    let unmet = &why.services()[0].waits_for[0];
    assert_eq!((unmet.mode, &*unmet.condition, unmet.services.len()), (Mode::All, "entering Run", 1));
    handle.wait_for("db", State::Init).await.unwrap();
    assert_eq!(handle.why("db").unwrap().to_string(), "db in Init, attempt 2, last error: scripted failure");
    log.set_behavior("db", Behavior::Ok);
    handle.wait_for("web", State::Run).await.unwrap();
    assert_eq!(handle.why("db").unwrap().to_string(), "db in Run, last failed 4.0 s ago: scripted failure");
    assert_eq!(handle.why("web").unwrap().to_string(), "web in Run");
    end(&handle).await;
    assert_eq!(handle.why("web").unwrap().to_string(), "web in Exit (shutdown)");
}

#[tokio::test(start_paused = true)]
async fn g45_why_shows_gates_before_init_and_alternatives() {
    let (_a, a) = fake(&[State::Init]);
    let (_b, b) = fake(&[State::Idle]);
    let gate = |targets: &'static [&'static str]| When::any(Action::Entering, State::Run, targets.iter().copied());
    let handle = start([
        service("a", a),
        service("b", b),
        service("early", fake(&[]).1).watch(gate(&["a", "b"]).then(Effect::GateInit)),
        service("both", fake(&[]).1).watch(gate(&["a"])).watch(When::any(Action::NotIn, State::Idle, ["b"])),
    ])
    .await;
    handle.wait_for("both", State::Idle).await.unwrap();
    handle.wait_for("b", State::Idle).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(
        handle.why("early").unwrap().to_string(),
        "early not begun: waits for any of a, b entering Run; a in Init; b in Idle: in its own `idle` for 0 ms"
    );
    assert_eq!(
        handle.why("both").unwrap().to_string(),
        "both in Idle: waits for a entering Run, and for b not in Idle; a in Init; b in Idle: in its own `idle` for 0 ms"
    );
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn g45_why_of_a_cycle_visits_each_service_once() {
    let (_c, c) = fake(&[State::Init]);
    let gate = |targets: [&'static str; 2]| When::any(Action::Entering, State::Run, targets);
    let handle = start([
        service("a", fake(&[]).1).watch(gate(["b", "c"])),
        service("b", fake(&[]).1).watch(gate(["a", "c"])),
        service("c", c),
    ])
    .await;
    handle.wait_for(["a", "b"], State::Idle).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(
        handle.why("a").unwrap().to_string(),
        "a in Idle: waits for any of b, c entering Run; b in Idle: waits for any of a, c entering Run; c in Init"
    );
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn f13_why_of_a_hanging_idle_names_no_dependency() {
    let (_a, a) = fake(&[State::Idle]);
    let handle = start([service("a", a).needs(["b"]), service("b", fake(&[State::Init]).1)]).await;
    handle.wait_for("a", State::Idle).await.unwrap();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let why = handle.why("a").unwrap();
    assert_eq!(why.to_string(), "a in Idle: in its own `idle` for 12.0 s");
    assert!(why.services()[0].waits_for.is_empty());
    assert_eq!(why.services()[0].idles_for, Some(Duration::from_secs(12)));
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn why_during_the_delay_before_run_names_no_dependency() {
    let delayed = |seconds| Options::DEFAULT.delay_of(State::Run, Duration::from_secs(seconds));
    let (_b, b) = fake(&[State::Idle]);
    let handle =
        start([Service::new("a", fake(&[State::Run]).1).options(delayed(5)), Service::new("b", b).options(delayed(5))])
            .await;
    handle.wait_for("a", State::Idle).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(handle.why("a").unwrap().to_string(), "a in Idle: enters Run in 3.0 s");
    assert_eq!(handle.why("b").unwrap().to_string(), "b in Idle: in its own `idle` for 2.0 s", "still in `idle`");
    handle.wait_for("a", State::Run).await.unwrap();
    assert_eq!(handle.why("a").unwrap().to_string(), "a in Run");
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn why_of_a_service_after_a_job_names_the_job() {
    let (log, job) = fake(&[State::Run]);
    let job = Service::new("job", job).manager(manager::until_success);
    let handle = start([job, service("main", fake(&[State::Run]).1).after(["job"])]).await;
    handle.wait_for("main", State::Idle).await.unwrap();
    handle.wait_for("job", State::Run).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(handle.why("main").unwrap().to_string(), "main in Idle: waits for job to complete; job in Run");
    log.set_behavior("job", Behavior::Ok);
    handle.wait_for("main", State::Run).await.unwrap();
    assert_eq!(handle.why("job").unwrap().to_string(), "job in Exit (normal)");
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn why_after_a_gate_timed_out_names_the_next_attempt() {
    let gate = When::any(Action::Entering, State::Run, ["a"]).then(Effect::GateInit).within(Duration::from_secs(1));
    let options = Options::DEFAULT.backoff(Backoff::fixed(Duration::from_secs(10)));
    let b = Service::new("b", fake(&[]).1).watch(gate).options(options);
    let handle = start([service("a", fake(&[State::Init]).1), b]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        handle.why("b").unwrap().to_string(),
        "b not begun, attempt 1 in 9.0 s, last error: waited 1s for `a` entering Run"
    );
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn u6_why_names_an_error_only_as_long_as_it_is_the_reason() {
    let (log, db) = fake(&[State::Run]);
    let backoff = Options::DEFAULT.backoff(Backoff::fixed(Duration::from_secs(4)).jitter(0.0));
    let gate = When::any(Action::Entering, State::Run, ["udp"]);
    let udp = service("udp", fake(&[State::Run]).1);
    let handle = start([Service::new("db", db).options(backoff).watch(gate), udp]).await;
    handle.wait_for("db", State::Run).await.unwrap();
    let text = |handle: &rxd::DaemonHandle| handle.why("db").unwrap().to_string();
    assert_eq!(text(&handle), "db in Run");
    log.set_behavior("db", Behavior::Fail);
    handle.watch_any(Action::Exited, State::Stop, "db").unwrap().next().await.unwrap();
    assert_eq!(text(&handle), "db after Stop, attempt 2 in 4.0 s, last error: scripted failure");
    handle.stop("udp").await.unwrap();
    handle.wait_for("db", State::Idle).await.unwrap();
    tokio::task::yield_now().await;
    let now = handle.why("db").unwrap().services()[0].clone();
    assert_eq!((now.error, now.last_failed), (None, Some(Duration::from_secs(4))));
    let udp = "udp in Exit (operator)";
    assert_eq!(
        text(&handle),
        format!("db in Idle: waits for udp entering Run, last failed 4.0 s ago: scripted failure; {udp}")
    );
    handle.start("udp").await.unwrap();
    handle.wait_for("db", State::Run).await.unwrap();
    assert_eq!(text(&handle), "db in Run, last failed 4.0 s ago: scripted failure");
    end(&handle).await;
    assert_eq!(text(&handle), "db in Exit (shutdown), last failed 4.0 s ago: scripted failure");
}

struct Lingers;

impl Runner for Lingers {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn u7_why_during_the_stop_says_what_it_waits_for() {
    let handle = start([
        service("db", fake(&[State::Run]).1),
        service("api", Lingers).needs(["db"]),
        service("web", fake(&[State::Run]).1).needs(["api"]),
    ])
    .await;
    handle.wait_for("web", State::Run).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    handle.shutdown();
    handle.wait_for("web", State::Exit).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let why = handle.why("db").unwrap();
    assert_eq!(why.to_string(), "db in Run: stops after api; api in Run: asked to stop 2.0 s ago");
    assert_eq!(why.services()[0].stops_after, ["api"]);
    assert_eq!(why.roots().next().unwrap().asked_to_stop, Some(Duration::from_secs(2)));
    assert_eq!(handle.why("web").unwrap().to_string(), "web in Exit (shutdown)");
    end(&handle).await;
}

/// A method that does not return says why it was asked to, and how long it has.
#[tokio::test(start_paused = true)]
async fn g62_why_of_a_cancelled_method_names_the_cause_and_the_time_left() {
    let run = || FakeService::new().on(State::Run, [Behavior::Hang]);
    let a = Service::new("a", run()).options(Options::DEFAULT.backoff(Backoff::NONE));
    let stale = Service::new("stale", run()).options(Options::DEFAULT.heartbeat(Duration::from_secs(1)));
    let tasks = Service::from_fn("tasks", |cx: Context| async move {
        cx.spawn("slow", std::future::pending::<()>());
        Err("scripted failure".into())
    });
    let daemon = Daemon::new("d").add_all([a, stale, tasks]).on_stale(OnStale::Restart).signals([]);
    let handle = daemon.start().await.unwrap();
    handle.wait_for(["a", "stale"], State::Run).await.unwrap();
    let why = |name: &str| handle.why(name).unwrap().to_string();
    let asked = handle.clone();
    let asked = tokio::spawn(async move { asked.restart("a").await });
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(why("a"), "a in Run: asked to leave it by an operator, dropped in 6s");
    assert_eq!(why("stale"), "stale in Run: asked to leave it, since it has missed its heartbeat, dropped in 8s");
    assert_eq!(why("tasks"), "tasks in Run: its method has returned; waits for its tasks");
    asked.await.unwrap().unwrap();
    assert!(!why("a").contains("asked to leave it by an operator"), "{}", why("a"));
    handle.shutdown();
    // They hang until they are dropped.
    assert!(!handle.wait().await.is_ok());
}

/// What a service says of itself while it is not in Run yet.
#[tokio::test(start_paused = true)]
async fn g62_why_of_an_idle_service_has_its_status_text() {
    let waits = Behavior::call(|cx: Context| async move {
        cx.status("tcp db:5432: connection refused");
        cx.cancelled().await;
        Ok(())
    });
    let a = Service::new("a", FakeService::new().on(State::Idle, [waits]));
    let handle = start([a.needs(["b"]), service("b", fake(&[State::Run]).1)]).await;
    handle.wait_for("a", State::Idle).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let expected = "a in Idle: in its own `idle` for 2.0 s, tcp db:5432: connection refused";
    assert_eq!(handle.why("a").unwrap().to_string(), expected);
    end(&handle).await;
}

/// The tasks of a method that was cancelled have ended: nothing of it is waited for.
#[tokio::test(start_paused = true)]
async fn g62_why_of_a_service_at_a_gate_after_a_cancelled_idle_names_the_gate() {
    let handle = start([service("a", fake(&[State::Run]).1), service("b", fake(&[State::Run]).1).needs(["a"])]).await;
    handle.wait_for("b", State::Run).await.unwrap();
    handle.stop("a").await.unwrap();
    handle.wait_for("b", State::Idle).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(handle.why("b").unwrap().to_string(), "b in Idle: waits for a entering Run; a in Exit (operator)");
    handle.start("a").await.unwrap();
    handle.wait_for("b", State::Run).await.unwrap();
    assert_eq!(handle.why("b").unwrap().to_string(), "b in Run");
    end(&handle).await;
}

/// On threads: between the transition and the call of the method there is little time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g62_why_of_a_service_that_was_started_again_forgets_that_it_was_stopped() {
    let idle_away = |cx: rxd::Context| async move {
        cx.cancelled().await;
        Ok(())
    };
    let handle = rxd::Daemon::new("d").signals([]).add(rxd::Service::from_fn("api", idle_away)).start().await.unwrap();
    for _ in 0..500 {
        handle.wait_for("api", rxd::State::Run).await.unwrap();
        assert_eq!(handle.why("api").unwrap().to_string(), "api in Run");
        handle.stop("api").await.unwrap();
        handle.start("api").await.unwrap();
    }
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
