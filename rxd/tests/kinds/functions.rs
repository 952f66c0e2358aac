//! `Service::from_fn` and `Service::from_fn_with`.

use rxd::testing::{FakeService, Finished, Harness};
use rxd::{Action, Backoff, Cancelled, Context, Daemon, Effect, Options, Service, State, When, manager};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const INCARNATION: &str = "init+ init- idle+ idle- run+ run- stop+ stop-";

fn one_shot(service: Service) -> Daemon {
    Daemon::new("d").add(service.manager(manager::until_success).options(Options::DEFAULT.backoff(Backoff::NONE)))
}

async fn run_to_end(daemon: Daemon) -> Finished {
    Harness::new(daemon).start().await.wait().await
}

fn error(ended: &Finished) -> String {
    ended.report.services()[0].error.clone().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn from_fn_is_called_anew_for_each_incarnation() {
    let mut calls = 0;
    let service = Service::from_fn("a", move |cx: Context| {
        calls += 1;
        async move {
            assert_eq!(cx.name(), "a");
            if calls < 3 { Err(format!("call {calls}").into()) } else { Ok(()) }
        }
    });
    let ended = run_to_end(one_shot(service)).await;
    assert!(ended.report.is_ok(), "{}", ended.report);
    assert_eq!(ended.trace.states_of("a"), format!("{INCARNATION} {INCARNATION} {INCARNATION} exit+"));
    assert_eq!(error(&ended), "call 2");
}

/// Counts its clones, and panics in the first if it is to.
struct Counted {
    clones: Arc<AtomicU32>,
    panics: bool,
    changed: bool,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        let nth = self.clones.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics || nth > 0, "no clone");
        Counted { clones: self.clones.clone(), panics: false, changed: self.changed }
    }
}

#[tokio::test(start_paused = true)]
async fn from_fn_with_clones_its_state_for_each_incarnation() {
    let clones = Arc::<AtomicU32>::default();
    let state = Counted { clones: clones.clone(), panics: false, changed: false };
    let mut calls = 0;
    let service = Service::from_fn_with("a", state, move |_, mut state| {
        calls += 1;
        async move {
            let changed = std::mem::replace(&mut state.changed, true);
            assert!(!changed && state.changed, "each incarnation begins with the state as it was given");
            if calls < 3 { Err("again".into()) } else { Ok(()) }
        }
    });
    let ended = run_to_end(one_shot(service)).await;
    assert!(ended.report.is_ok(), "{}", ended.report);
    assert_eq!(clones.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn from_fn_with_panicking_clone_is_a_failure_of_the_service() {
    let state = Counted { clones: Arc::default(), panics: true, changed: false };
    let ended = run_to_end(one_shot(Service::from_fn_with("a", state, |_, _| async { Ok(()) }))).await;
    assert_eq!(ended.trace.states_of("a"), format!("{INCARNATION} {INCARNATION} exit+"));
    assert!(error(&ended).starts_with("panicked: no clone (at "), "{}", error(&ended));
}

#[tokio::test(start_paused = true)]
async fn from_fn_panicking_closure_and_future_are_failures_of_the_service() {
    let mut calls = 0;
    let service = Service::from_fn("a", move |_| {
        calls += 1;
        assert!(calls > 1, "no future");
        async move {
            assert!(calls > 2, "no end");
            Ok(())
        }
    });
    let ended = run_to_end(one_shot(service)).await;
    assert_eq!(ended.trace.states_of("a"), format!("{INCARNATION} {INCARNATION} {INCARNATION} exit+"));
    assert!(error(&ended).starts_with("panicked: no end (at "), "{}", error(&ended));
    assert!(ended.report.is_ok(), "{}", ended.report);
}

#[tokio::test(start_paused = true)]
async fn from_fn_takes_watches_needs_and_options() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = |name: &'static str| {
        let seen = seen.clone();
        move |cx: Context| {
            seen.lock().unwrap().push(name);
            async move {
                cx.cancelled().await;
                Err(Cancelled.into())
            }
        }
    };
    let limited = Options::DEFAULT.startup_delay(Duration::from_secs(3)).restarts(5, Duration::from_secs(60));
    let daemon = Daemon::new("d")
        .add(Service::from_fn("late", log("late")).options(limited))
        .add(Service::from_fn("needy", log("needy")).needs(["late"]))
        .add(
            Service::from_fn("ends", log("ends"))
                .watch(When::any(Action::Exited, State::Run, ["needy"]).then(Effect::Exit)),
        )
        .add(Service::new("fake", FakeService::new()));
    let test = Harness::new(daemon).start().await;
    test.until("needy", State::Run).await;
    assert_eq!(*seen.lock().unwrap(), ["ends", "late", "needy"]);
    test.handle().restart("late").await.unwrap();
    test.until("ends", State::Exit).await;
    test.until("needy", State::Run).await;
    let ended = test.shutdown().await;
    assert!(ended.report.is_ok(), "{}", ended.report);
    assert_eq!(ended.trace.entered("needy", State::Run)[0], Duration::from_secs(3));
    assert_eq!(*seen.lock().unwrap(), ["ends", "late", "needy", "late", "needy"]);
}
