//! F64: an empty list of services, and unknown names.

use crate::common::{Restarting, end, service, start};
use rxd::{Action, Filter, State, StateEvent};

#[tokio::test(start_paused = true)]
async fn f64_watch_without_names_is_an_error_at_once() {
    let handle = start([service("db", Restarting(0))]).await;
    let none: [&str; 0] = [];
    let error = handle.watch_any(Action::Entering, State::Run, none).unwrap_err();
    assert_eq!(error.to_string(), "failed to watch: no service is named");
    assert!(handle.watch_all(Action::NotIn, State::Run, Vec::<String>::new()).is_err());
    assert!(handle.wait_for(none, State::Run).await.is_err());
    // A stream of no services yields an empty snapshot, and ends with the daemon.
    let mut stream = handle.watch_states(Filter::exclude(["db"])).unwrap();
    let Some(StateEvent::Snapshot(states)) = stream.next().await else { panic!("first a snapshot") };
    assert!(states.is_empty());
    end(&handle).await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn watch_on_an_unknown_name_is_an_error_with_a_suggestion() {
    let handle = start([service("health", Restarting(0)), service("poller", Restarting(0))]).await;
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
async fn watch_with_a_name_twice_counts_it_once() {
    let handle = start([service("a", Restarting(0)), service("b", Restarting(0))]).await;
    let mut watch = handle.watch_all(Action::Entering, State::Run, ["a", "b", "a"]).unwrap();
    let event = watch.next().await.unwrap();
    assert_eq!(event.services.iter().map(|service| &*service.name).collect::<Vec<_>>(), ["a", "b"]);
    end(&handle).await;
}
