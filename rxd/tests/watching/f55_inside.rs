//! F55: watches are made and dropped where one is being served: in a method, and in a waker.

use crate::common::{Spinner, brisk, end, fake, start};
use rxd::testing::Behavior;
use rxd::{Action, Context, DaemonHandle, Filter, Runner, State, Watch};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

/// Makes and drops watches for each that comes true.
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
async fn f55_in_a_method() {
    let (strings, a) = fake(&[State::Run]);
    let handle = start([brisk("a", a), brisk("busy", Busy)]).await;
    for _ in 0..100 {
        handle.wait_for(["a", "busy"], State::Run).await.unwrap();
        strings.set_behavior("a", Behavior::Ok);
        handle.watch_any(Action::Exited, State::Run, "a").unwrap().next().await.unwrap();
    }
    end(&handle).await;
}

/// A waker that makes, polls and drops watches on the spot.
struct Rude {
    handle: DaemonHandle,
    own: Mutex<Vec<Watch>>,
    woken: Mutex<u32>,
}

impl Wake for Rude {
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
async fn f55_in_a_waker() {
    use futures_core::Stream;
    let handle = start([brisk("a", Spinner(100))]).await;
    let rude = Arc::new(Rude { handle: handle.clone(), own: Mutex::default(), woken: Mutex::default() });
    let mut watch = handle.watch_any(Action::Exited, State::Stop, "a").unwrap();
    let waker = Waker::from(rude.clone());
    assert!(Pin::new(&mut watch).poll_next(&mut std::task::Context::from_waker(&waker)).is_pending());
    let mut rounds = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    let mut times = 0;
    while times < 100 {
        times += rounds.next().await.unwrap().times;
    }
    assert_eq!(*rude.woken.lock().unwrap(), 1);
    rude.own.lock().unwrap().clear();
    end(&handle).await;
}

/// A waker that owns a watch: to drop it is to drop that.
struct Owner(#[allow(dead_code, reason = "it is there to be dropped")] Watch);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn f55_in_the_drop_of_a_waker() {
    use futures_core::Stream;
    let handle = start([brisk("a", Spinner(0))]).await;
    let watch = || handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    let mut outer = watch();
    // Replaced, dropped with the watch, and woken: each time a watch is dropped in the middle of another's business.
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

/// Notes where a service is at the instant at which it is woken.
struct Looks {
    handle: DaemonHandle,
    seen: Mutex<Option<State>>,
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        *self.seen.lock().unwrap() = Some(self.handle.states()["a"].state);
    }
}

#[tokio::test(start_paused = true)]
async fn states_between_which_nothing_happens_are_passed_at_once() {
    use futures_core::Stream;
    // Only `run` is its own.
    let handle = start([brisk("a", Spinner(0))]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    // Up to Init, which has a delay and gates before it; and up to Run, which has.
    let passed = [
        (Action::Exited, State::Run, State::Init),
        (Action::Entering, State::Stop, State::Init),
        (Action::Entering, State::Idle, State::Run),
    ];
    for (action, state, finds) in passed {
        let looks = Arc::new(Looks { handle: handle.clone(), seen: Mutex::default() });
        let mut watch = handle.watch_any(action, state, "a").unwrap();
        let waker = Waker::from(looks.clone());
        assert!(Pin::new(&mut watch).poll_next(&mut std::task::Context::from_waker(&waker)).is_pending());
        handle.restart("a").await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        assert_eq!(*looks.seen.lock().unwrap(), Some(finds), "who is woken by {action} {state}");
    }
    end(&handle).await;
}
