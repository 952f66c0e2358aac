//! F53: one service, two watches with the same action and state, on different targets, or on the same.

use crate::common::{brisk, end, fake, start};
use rxd::testing::Behavior;
use rxd::{Action, State};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Whether the watch has nothing to yield now.
async fn is_quiet(watch: &mut rxd::Watch) -> bool {
    use futures_core::Stream;
    poll_fn(|task| Poll::Ready(Pin::new(&mut *watch).poll_next(task).is_pending())).await
}

#[tokio::test(start_paused = true)]
async fn f53_two_watches_with_the_same_action_and_state_are_independent() {
    let (a_strings, a) = fake(&[State::Run]);
    let (b_strings, b) = fake(&[State::Run]);
    let handle = start([brisk("a", a), brisk("b", b)]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    let mut on_a = handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    let mut on_b = handle.watch_any(Action::Exited, State::Run, "b").unwrap();
    let mut on_a_too = handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    a_strings.set_behavior("a", Behavior::Ok);
    assert_eq!(on_a.next().await.unwrap().services[0].name, "a");
    assert!(is_quiet(&mut on_b).await, "nothing of a's");
    assert_eq!(on_a_too.next().await.unwrap().services[0].name, "a", "and nothing taken by its twin");
    drop(on_a);
    b_strings.set_behavior("b", Behavior::Ok);
    assert_eq!(on_b.next().await.unwrap().services[0].name, "b", "nor closed by another's end");
    a_strings.set_behavior("a", Behavior::Ok);
    assert!(on_a_too.next().await.is_some());
    end(&handle).await;
}
