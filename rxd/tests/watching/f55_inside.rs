//! F55: watches are made and dropped while another is served: in a method, and in a waker.

use crate::common::{Restarting, end, fake, service, start};
use rxd::testing::Behavior;
use rxd::{Action, Context, DaemonHandle, Filter, Runner, State, Watch};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

/// Makes and drops watches whenever one fires.
struct Busy;

impl Runner for Busy {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut watch = cx.watch_any(Action::Changing, State::Run, ["a", "busy"])?;
        while watch.next().await.is_some() {
            let mut other = cx.watch_all(Action::Entering, State::Run, ["a", "busy"])?;
            let states = cx.watch_states(Filter::exclude(["busy"]))?;
            if other.is_met() {
                other.next().await;
            }
            drop(states);
            drop(std::mem::replace(&mut watch, cx.watch_any(Action::Changing, State::Run, "a")?));
            if cx.is_cancelled() {
                break;
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn f55_watches_made_and_dropped_in_a_method_do_not_deadlock() {
    let (log, a) = fake(&[State::Run]);
    let handle = start([service("a", a), service("busy", Busy)]).await;
    for _ in 0..100 {
        handle.wait_for(["a", "busy"], State::Run).await.unwrap();
        log.set_behavior("a", Behavior::Ok);
        handle.watch_any(Action::Exited, State::Run, "a").unwrap().next().await.unwrap();
    }
    end(&handle).await;
}

/// A waker that makes, polls and drops watches while it is woken.
struct Reentrant {
    handle: DaemonHandle,
    own: Mutex<Vec<Watch>>,
    woken: Mutex<u32>,
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        use futures_core::Stream;
        *self.woken.lock().unwrap() += 1;
        let mut watch = self.handle.watch_any(Action::Entering, State::Run, "a").unwrap();
        let waker = Waker::noop();
        let _ = Pin::new(&mut watch).poll_next(&mut std::task::Context::from_waker(waker));
        let _ = self.handle.states();
        let mut own = self.own.lock().unwrap();
        own.clear();
        own.push(watch);
    }
}

#[tokio::test(start_paused = true)]
async fn f55_watches_made_and_dropped_in_a_waker_do_not_deadlock() {
    use futures_core::Stream;
    let handle = start([service("a", Restarting(100))]).await;
    let reentrant = Arc::new(Reentrant { handle: handle.clone(), own: Mutex::default(), woken: Mutex::default() });
    let mut watch = handle.watch_any(Action::Exited, State::Stop, "a").unwrap();
    let waker = Waker::from(reentrant.clone());
    assert!(Pin::new(&mut watch).poll_next(&mut std::task::Context::from_waker(&waker)).is_pending());
    let mut runs = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    let mut times = 0;
    while times < 100 {
        times += runs.next().await.unwrap().times;
    }
    assert_eq!(*reentrant.woken.lock().unwrap(), 1);
    reentrant.own.lock().unwrap().clear();
    end(&handle).await;
}

/// A waker that owns a watch, and drops it when it is dropped.
struct Owner(#[allow(dead_code, reason = "dropped with the waker")] Watch);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn f55_watches_dropped_by_the_drop_of_a_waker_do_not_deadlock() {
    use futures_core::Stream;
    let handle = start([service("a", Restarting(0))]).await;
    let watch = || handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    let mut outer = watch();
    // The waker is replaced, dropped with its watch, or woken. Each time a watch is dropped while
    // another is served.
    for _ in 0..3 {
        let waker = Waker::from(Arc::new(Owner(watch())));
        assert!(Pin::new(&mut outer).poll_next(&mut std::task::Context::from_waker(&waker)).is_pending());
    }
    drop(outer);
    let mut outer = watch();
    let waker = Waker::from(Arc::new(Owner(watch())));
    assert!(Pin::new(&mut outer).poll_next(&mut std::task::Context::from_waker(&waker)).is_pending());
    drop(waker);
    handle.wait_for("a", State::Run).await.unwrap();
    handle.restart("a").await.unwrap();
    assert!(outer.next().await.is_some());
    end(&handle).await;
}

/// Records the state of a service when it is woken.
struct StateProbe {
    handle: DaemonHandle,
    seen: Mutex<Option<State>>,
}

impl Wake for StateProbe {
    fn wake(self: Arc<Self>) {
        *self.seen.lock().unwrap() = Some(self.handle.states()["a"].state);
    }
}

#[tokio::test(start_paused = true)]
async fn states_with_nothing_between_them_are_passed_at_once() {
    use futures_core::Stream;
    // Only `run` is overridden.
    let handle = start([service("a", Restarting(0))]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    // Up to Init, which may have a delay and gates before it; and up to Run, which may have both
    // too.
    let passed = [
        (Action::Exited, State::Run, State::Init),
        (Action::Entering, State::Stop, State::Init),
        (Action::Entering, State::Idle, State::Run),
    ];
    for (action, state, finds) in passed {
        let probe = Arc::new(StateProbe { handle: handle.clone(), seen: Mutex::default() });
        let mut watch = handle.watch_any(action, state, "a").unwrap();
        let waker = Waker::from(probe.clone());
        assert!(Pin::new(&mut watch).poll_next(&mut std::task::Context::from_waker(&waker)).is_pending());
        handle.restart("a").await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        assert_eq!(*probe.seen.lock().unwrap(), Some(finds), "woken by {action} {state}");
    }
    end(&handle).await;
}
