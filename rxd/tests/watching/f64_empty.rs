//! F64: an empty list of services; and names that no service has.

use crate::common::{Spinner, brisk, end, start};
use rxd::{Action, Filter, State, StateEvent};

#[tokio::test(start_paused = true)]
async fn f64_no_name_at_all_is_an_error_at_once() {
    let handle = start([brisk("db", Spinner(0))]).await;
    let none: [&str; 0] = [];
    let error = handle.watch_any(Action::Entering, State::Run, none).unwrap_err();
    assert_eq!(error.to_string(), "failed to watch: no service is named");
    assert!(handle.watch_all(Action::NotIn, State::Run, Vec::<String>::new()).is_err());
    assert!(handle.wait_for(none, State::Run).await.is_err());
    // A stream of no services says so, and then nothing.
    let mut stream = handle.watch_states(Filter::exclude(["db"])).unwrap();
    let Some(StateEvent::Snapshot(states)) = stream.next().await else { panic!("first a snapshot") };
    assert!(states.is_empty());
    end(&handle).await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_is_an_error_at_once_and_the_nearest_is_suggested() {
    let handle = start([brisk("health", Spinner(0)), brisk("poller", Spinner(0))]).await;
    let wanted = "daemon `d` has no service `helth`\nhelp: did you mean `health`? it has: `health`, `poller`";
    let any = handle.watch_any(Action::Entering, State::Run, ["poller", "helth"]).unwrap_err();
    assert_eq!(any.to_string(), wanted);
    assert_eq!(handle.watch_states(Filter::include(["helth"])).unwrap_err().to_string(), wanted);
    assert_eq!(handle.watch_states(Filter::exclude(["helth"])).unwrap_err().to_string(), wanted);
    assert_eq!(handle.wait_for("helth", State::Run).await.unwrap_err().to_string(), wanted);
    assert_eq!(handle.why("helth").unwrap_err().to_string(), wanted);
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_given_twice_counts_once() {
    let handle = start([brisk("a", Spinner(0)), brisk("b", Spinner(0))]).await;
    let mut watch = handle.watch_all(Action::Entering, State::Run, ["a", "b", "a"]).unwrap();
    let met = watch.next().await.unwrap();
    assert_eq!(met.services.iter().map(|service| &*service.name).collect::<Vec<_>>(), ["a", "b"]);
    end(&handle).await;
}
