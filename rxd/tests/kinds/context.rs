//! What a context says: why the method is to leave, and how much time it has.

use rxd::testing::{Harness, Running};
use rxd::{Action, Backoff, CancelCause, Cancelled, Context, Daemon, Effect, OnStale, Options, Runner, Service};
use rxd::{State, When};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const SECOND: Duration = Duration::from_secs(1);

/// What was seen, in order.
struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Seen(self.0.clone())
    }
}

impl<T: Clone + Send + 'static> Seen<T> {
    fn new() -> Self {
        Seen(Arc::default())
    }

    fn push(&self, value: T) {
        self.0.lock().unwrap().push(value);
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

type Causes = Seen<Option<CancelCause>>;

/// Notes why each of its methods is to leave: when it begins, and when it is cancelled.
#[derive(Clone)]
struct Noting {
    seen: Causes,
    reloads: Arc<Mutex<u32>>,
}

impl Noting {
    fn new() -> Self {
        Noting { seen: Seen::new(), reloads: Arc::default() }
    }

    fn service(&self, name: &'static str) -> Service {
        Service::new(name, self.clone()).options(Options::DEFAULT.backoff(Backoff::NONE))
    }
}

impl Runner for Noting {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        assert_eq!(cx.cause(), None, "nothing has cancelled it");
        cx.cancelled().await;
        self.seen.push(cx.cause());
        Err(Cancelled.into())
    }

    async fn reload(&mut self, cx: &Context) -> rxd::Result {
        assert_eq!(cx.cause(), None, "the context of a reload is a live one");
        *self.reloads.lock().unwrap() += 1;
        Ok(())
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        assert_eq!(cx.cause(), None, "the context of Stop is a live one");
        Ok(())
    }
}

async fn start(daemon: Daemon) -> Running {
    Harness::new(daemon).start().await
}

fn daemon(services: impl IntoIterator<Item = Service>) -> Daemon {
    Daemon::new("d").add_all(services)
}

fn until_cancelled(name: &'static str) -> Service {
    Service::from_fn(name, |cx: Context| async move {
        cx.cancelled().await;
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn cause_of_operators_and_of_the_shutdown_is_named() {
    let a = Noting::new();
    let test = start(daemon([a.service("a")])).await;
    test.until("a", State::Run).await;
    test.handle().restart("a").await.unwrap();
    test.until("a", State::Run).await;
    test.handle().reload("a").await.unwrap();
    test.handle().stop("a").await.unwrap();
    test.handle().start("a").await.unwrap();
    test.until("a", State::Run).await;
    let ended = test.shutdown().await;
    assert!(ended.report.is_ok(), "{}", ended.report);
    use CancelCause::{Operator, Reload, Shutdown};
    assert_eq!(a.seen.take(), [Operator, Reload, Operator, Shutdown].map(Some));
    assert_eq!(*a.reloads.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn cause_of_reactions_and_of_dependencies_is_named() {
    let (needs, exits, after) = (Noting::new(), Noting::new(), Noting::new());
    let mut calls = 0;
    let fails = Service::from_fn("db", move |cx: Context| {
        calls += 1;
        async move {
            cx.sleep(SECOND).await?;
            Err(format!("call {calls}").into())
        }
    });
    let services = [
        fails.options(Options::DEFAULT.backoff(Backoff::NONE).restarts(1, 60 * SECOND)),
        needs.service("needs").needs(["db"]),
        exits.service("exits").watch(When::any(Action::Exited, State::Run, ["db"]).then(Effect::Exit)),
        until_cancelled("other"),
    ];
    let test = start(daemon(services)).await;
    test.until("db", State::Exit).await;
    test.until("needs", State::Exit).await;
    test.shutdown().await;
    assert_eq!(needs.seen.take()[0], Some(CancelCause::Reaction), "`db` has left Run");
    assert_eq!(exits.seen.take(), [Some(CancelCause::Reaction)]);
    drop(after);

    // A dependent that is not in Run when its dependency fails for good.
    let seen = Causes::new();
    struct Idles(Causes);
    impl Runner for Idles {
        async fn idle(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            self.0.push(cx.cause());
            Ok(())
        }
        async fn run(&mut self, _: &Context) -> rxd::Result {
            Ok(())
        }
    }
    let fails = Service::from_fn("db", |cx: Context| async move {
        cx.sleep(SECOND).await?;
        Err("lost".into())
    });
    let services = [
        fails.options(Options::DEFAULT.restarts(0, SECOND)),
        Service::new("idles", Idles(seen.clone())).needs(["db"]),
        until_cancelled("other"),
    ];
    let test = start(daemon(services)).await;
    test.until("idles", State::Exit).await;
    test.shutdown().await;
    assert_eq!(seen.take(), [Some(CancelCause::Dependency)]);
}

#[tokio::test(start_paused = true)]
async fn cause_of_limits_tasks_and_heartbeats_is_named() {
    let a = Noting::new();
    let options = Options::DEFAULT.backoff(Backoff::NONE).timeout_of(State::Run, SECOND);
    let test = start(daemon([a.service("a").options(options)])).await;
    tokio::time::sleep(1500 * SECOND / 1000).await;
    test.shutdown().await;
    assert_eq!(a.seen.take(), [CancelCause::Timeout, CancelCause::Shutdown].map(Some));

    let a = Noting::new();
    let test =
        start(daemon([a.service("a").options(Options::DEFAULT.heartbeat(SECOND))]).on_stale(OnStale::Restart)).await;
    test.until("a", State::Stop).await;
    test.shutdown().await;
    assert_eq!(a.seen.take()[0], Some(CancelCause::Heartbeat));

    let seen = Causes::new();
    let service = Service::from_fn_with("a", seen.clone(), |cx: Context, seen: Causes| async move {
        cx.spawn("worker", async { panic!("scripted") });
        cx.cancelled().await;
        seen.push(cx.cause());
        Ok(())
    });
    let test = start(daemon([service])).await;
    test.until("a", State::Stop).await;
    test.shutdown().await;
    assert_eq!(seen.take()[0], Some(CancelCause::Panic));
}

#[tokio::test(start_paused = true)]
async fn cause_of_tokens_and_of_contexts_that_are_kept_is_named() {
    let kept = Seen::new();
    let service = Service::from_fn_with("a", kept.clone(), |cx: Context, kept: Seen<Context>| async move {
        let (child, other) = (cx.child("part"), CancellationToken::new());
        let linked = child.with_token(other.clone());
        assert_eq!((linked.name(), linked.cause()), ("a/part", None));
        other.cancel();
        assert!(linked.is_cancelled(), "at the same instant");
        linked.cancelled().await;
        assert_eq!((linked.cause(), child.cause()), (Some(CancelCause::Token), None));
        child.token().cancel();
        assert_eq!((child.cause(), cx.cause()), (Some(CancelCause::Token), None));
        kept.push(cx.clone());
        cx.sleep(SECOND).await?;
        Ok(())
    });
    let test = start(daemon([service])).await;
    test.until("a", State::Run).await;
    assert_eq!(kept.0.lock().unwrap()[0].cause(), None);
    test.until("a", State::Stop).await;
    assert_eq!(kept.0.lock().unwrap()[0].cause(), Some(CancelCause::Ended));
    test.shutdown().await;

    let cx = Context::detached("b");
    cx.token().cancel();
    assert_eq!(cx.cause(), Some(CancelCause::Token));
    assert_eq!(CancelCause::Heartbeat.to_string(), "heartbeat");
}

#[tokio::test(start_paused = true)]
async fn context_with_a_token_ends_with_either_and_leaves_nothing_behind() {
    let tokens = Seen::new();
    let service =
        Service::from_fn_with("a", tokens.clone(), |cx: Context, tokens: Seen<CancellationToken>| async move {
            let other = CancellationToken::new();
            let mut every = cx.with_token(other.clone()).every(SECOND);
            assert!(every.tick().await);
            other.cancel();
            assert!(!every.tick().await, "its context is gone, and the token is forwarded all the same");

            let never = CancellationToken::new();
            for _ in 0..100 {
                let linked = cx.with_token(never.clone()).child("x");
                assert!(!linked.is_cancelled());
            }
            let linked = cx.with_token(never.clone());
            tokens.push(linked.token());
            linked.or_cancelled(cx.cancelled()).await.unwrap_err();
            assert_eq!(linked.cause(), Some(CancelCause::Shutdown));
            assert!(!never.is_cancelled());
            Ok(())
        });
    let test = start(daemon([service])).await;
    test.until("a", State::Run).await;
    tokio::time::sleep(SECOND).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let alive = metrics.num_alive_tasks();
    assert!(alive < 20, "{alive} tasks are left of a hundred contexts that are gone");
    let ended = test.shutdown().await;
    assert!(ended.report.is_ok(), "{}", ended.report);
    assert!(tokens.take()[0].is_cancelled());
}

/// Lingers for five seconds at a shutdown, and only then.
struct Server;

impl Runner for Server {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        if cx.cause() == Some(CancelCause::Shutdown) {
            tokio::time::sleep(5 * SECOND).await;
        }
        Ok(())
    }
    async fn reload(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn server_lingers_at_a_shutdown_and_not_at_a_reload() {
    let test = start(daemon([Service::new("server", Server)])).await;
    test.until("server", State::Run).await;
    let began = Instant::now();
    test.handle().reload_all().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    let ended = test.shutdown().await;
    assert_eq!(ended.took, 5 * SECOND);
    assert!(ended.report.is_ok(), "{}", ended.report);
}

#[tokio::test(start_paused = true)]
async fn sleep_ends_early_when_cancelled() {
    let service = Service::from_fn("a", |cx: Context| async move {
        cx.sleep(SECOND).await?;
        assert_eq!(cx.sleep(3600 * SECOND).await, Err(Cancelled));
        assert_eq!(cx.sleep(SECOND).await, Err(Cancelled), "it does not begin");
        Ok(())
    });
    let test = start(daemon([service])).await;
    tokio::time::sleep(2 * SECOND).await;
    let ended = test.shutdown().await;
    assert_eq!(ended.took, 2 * SECOND);
    assert!(ended.report.is_ok(), "{}", ended.report);
}

type Times = Seen<Option<Duration>>;

struct Timed(Times);

impl Runner for Timed {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        let (seen, here) = (self.0.clone(), cx.clone());
        cx.spawn("task", async move {
            here.cancelled().await;
            seen.push(here.time_left());
        });
        self.0.push(cx.time_left());
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0.push(cx.time_left());
        tokio::time::sleep(3 * SECOND).await;
        self.0.push(cx.time_left());
        cx.extend(4 * SECOND);
        self.0.push(cx.child("part").time_left());
        cx.cancelled().await;
        self.0.push(cx.time_left());
        tokio::time::sleep(2 * SECOND).await;
        self.0.push(cx.time_left());
        Ok(())
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        self.0.push(cx.time_left());
        tokio::time::sleep(SECOND).await;
        self.0.push(cx.time_left());
        Ok(())
    }

    async fn reload(&mut self, cx: &Context) -> rxd::Result {
        self.0.push(cx.time_left());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn time_left_is_that_of_the_running_method() {
    let seconds = |seconds: &[u64]| seconds.iter().map(|&s| Some(s * SECOND.as_secs())).collect::<Vec<_>>();
    let whole = |seen: &Times| seen.take().iter().map(|left| left.map(|left| left.as_secs())).collect::<Vec<_>>();
    let seen = Times::new();
    let options = Options::DEFAULT.timeout_of(State::Run, 10 * SECOND).timeout_of(State::Stop, 5 * SECOND);
    let test = start(daemon([Service::new("a", Timed(seen.clone())).options(options)])).await;
    tokio::time::sleep(4 * SECOND).await;
    let mut expected = vec![None];
    expected.extend(seconds(&[10, 7, 11]));
    assert_eq!(whole(&seen), expected, "Init has no limit; Run has ten seconds");
    let ended = test.shutdown().await;
    assert!(ended.report.is_ok(), "{}", ended.report);
    assert_eq!(whole(&seen), seconds(&[5, 5, 3, 5, 4]), "of Run, of its task, and of Stop");

    // Without limits of its own, and with a reload.
    let test = start(daemon([Service::new("a", Timed(seen.clone()))])).await;
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(whole(&seen), [None, None, None, None]);
    test.handle().reload("a").await.unwrap();
    let mut expected = seconds(&[10, 10, 8, 10]);
    expected.push(None);
    assert_eq!(whole(&seen), expected, "of Run, of its task, of the reload, and of Run again");
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn time_left_is_over_when_the_limit_is_exceeded() {
    let seen = Times::new();
    let service = Service::from_fn_with("a", seen.clone(), |cx: Context, seen: Times| async move {
        cx.cancelled().await;
        seen.push(cx.time_left());
        Ok(())
    });
    let options = Options::DEFAULT.timeout_of(State::Run, SECOND);
    let test = start(daemon([service.options(options)])).await;
    test.until("a", State::Stop).await;
    assert_eq!(seen.take(), [Some(Duration::ZERO)]);
    test.shutdown().await;
    assert_eq!(Context::detached("b").time_left(), None);
}

#[tokio::test(start_paused = true)]
async fn time_left_of_a_periodic_service_is_that_of_its_run() {
    let seen = Seen::new();
    let service = Service::from_fn_with("a", seen.clone(), |cx: Context, seen: Seen<_>| async move {
        seen.push(cx.time_left());
        Ok(())
    });
    let every = rxd::Every::new(60 * SECOND).within(5 * SECOND);
    let test = start(daemon([service.every(every)])).await;
    tokio::time::sleep(70 * SECOND).await;
    assert_eq!(seen.take(), [Some(5 * SECOND); 2]);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn blocking_task_is_awaited_before_stop_and_its_panic_counts() {
    let service = Service::from_fn("a", |cx: Context| async move {
        let here = cx.clone();
        assert_eq!(cx.spawn_blocking("sum", || 20 + 22).await?, 42);
        // It ends only once it sees that it is cancelled.
        cx.spawn_blocking("looks", move || {
            while !here.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(20));
            assert!(here.cause().is_some());
        });
        cx.daemon().shutdown();
        cx.cancelled().await;
        Ok(())
    });
    let ended = start(daemon([service])).await.wait().await;
    assert!(ended.report.is_ok(), "{}", ended.report);

    let service = Service::from_fn("a", |cx: Context| async move {
        let joined = cx.spawn_blocking("work", || panic!("scripted")).await;
        assert!(joined.unwrap_err().is_panic());
        cx.cancelled().await;
        Ok(())
    });
    let test = start(daemon([service])).await;
    test.until("a", State::Stop).await;
    let ended = test.shutdown().await;
    let error = ended.report.services()[0].error.clone().unwrap();
    assert!(error.starts_with("task `work` panicked: scripted (at "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn blocking_task_of_a_context_that_has_ended_does_not_run() {
    let kept = Seen::new();
    let service = Service::from_fn_with("a", kept.clone(), |cx: Context, kept: Seen<Context>| async move {
        kept.push(cx);
        Ok(())
    });
    let test = start(daemon([service.manager(rxd::manager::until_success), until_cancelled("b")])).await;
    test.until("a", State::Exit).await;
    let cx = kept.take().remove(0);
    let joined = cx.spawn_blocking("late", || unreachable!("it must not run")).await;
    assert!(joined.unwrap_err().is_cancelled());
    assert!(test.shutdown().await.report.is_ok());
}

#[tokio::test]
async fn blocking_task_that_does_not_end_is_named_in_the_report() {
    let (open, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let service = Service::from_fn_with("a", held, |cx: Context, held: Arc<Mutex<_>>| async move {
        let held: Arc<Mutex<std::sync::mpsc::Receiver<()>>> = held;
        cx.spawn_blocking("wedged", move || held.lock().unwrap().recv());
        cx.cancelled().await;
        Ok(())
    });
    let options = Options::DEFAULT.timeout_of(State::Stop, Duration::from_millis(50));
    let daemon = daemon([service.options(options)]).signals([]).shutdown_timeout(Duration::from_millis(300));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    handle.shutdown();
    let report = handle.wait().await;
    drop(open);
    let text = report.to_string();
    assert!(text.ends_with("its tasks did not end within its limit: `wedged`"), "{text}");
}
