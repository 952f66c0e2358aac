//! What a removal does, and in which order.

use crate::kit::{daemon, ready, service, stop};
use rxd::{Context, DaemonHandle, Error, Filter, Service, State, WaitError, WatchEnded, manager};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn d5_service_is_seen_from_its_addition_to_its_removal() {
    let handle = daemon().await;
    let mut states = handle.watch_states(Filter::None).unwrap();
    ready(&mut states).await;
    handle.add(service("api").needs(["db"])).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    assert_eq!(handle.states().iter().map(|service| &*service.name).collect::<Vec<_>>(), ["db", "cache", "api"]);
    assert_eq!(handle.why("api").unwrap().to_string(), "api in Run");
    handle.remove("api").await.unwrap();
    let seen = ready(&mut states).await;
    let run = ["api init+", "api init-", "api idle+", "api idle-", "api run+"];
    let end = ["api run-", "api stop+", "api stop-", "api exit+", "api exit-"];
    assert_eq!(seen, [&["api unknown+"], &run[..], &end].concat());
    assert!(handle.states().get("api").is_none() && handle.why("api").is_err());
    let last = handle.history().pop().unwrap();
    assert_eq!((&*last.name, last.seq), ("api", handle.states().seq()), "the removal has the last number");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d6_name_in_the_history_is_that_of_the_service_that_made_the_transition() {
    let handle = daemon().await;
    for name in ["one", "two", "three"] {
        // Each takes the slot of the one before.
        handle.add(service(name)).await.unwrap();
        handle.wait_for(name, State::Run).await.unwrap();
        handle.remove(name).await.unwrap();
    }
    let history = handle.history();
    for name in ["one", "two", "three"] {
        assert_eq!(history.iter().filter(|event| event.name == name).count(), 11, "{name}");
    }
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d7_dependents_are_removed_first() {
    let handle = daemon().await;
    handle.add(service("hub").needs(["db"])).await.unwrap();
    handle.add(service("mid").needs(["hub"])).await.unwrap();
    for leaf in ["leaf-a", "leaf-b"] {
        handle.add(service(leaf).needs(["mid", "hub"])).await.unwrap();
    }
    handle.wait_for(["leaf-a", "leaf-b"], State::Run).await.unwrap();
    let before = handle.states().seq();
    handle.remove_with_dependents("hub").await.unwrap();
    let gone: Vec<String> = (handle.history().iter())
        .filter(|event| event.seq > before && event.state == State::Exit && !event.is_in(State::Exit))
        .map(|event| event.name.to_string())
        .collect();
    assert_eq!(gone[2..], ["mid", "hub"], "{gone:?}");
    let stops: Vec<(u64, String)> = (handle.history().iter())
        .filter(|event| event.seq > before && event.is_in(State::Stop))
        .map(|event| (event.seq, event.name.to_string()))
        .collect();
    assert_eq!(stops.len(), 4, "each stopped once: no reaction came first, {stops:?}");
    assert_eq!(handle.states().len(), 2);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d8_waits_and_watches_on_a_removed_service_end_and_say_so() {
    let handle = daemon().await;
    handle.add(service("api")).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    let idle = handle.wait_for("api", State::Idle);
    let mut watch = handle.watch_all(rxd::Action::Exited, State::Run, ["api", "db"]).unwrap();
    let waiting = tokio::spawn(idle);
    tokio::task::yield_now().await;
    handle.remove("api").await.unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "service `api` will not be in Idle: service `api` was removed");
    match error.find::<WaitError>() {
        Some(WaitError::Unreachable { ended, .. }) => assert_eq!(*ended, WatchEnded::Removed(vec!["api".into()])),
        other => panic!("{other:?}"),
    }
    // It has left Run for good, so `all` is left to `db`.
    handle.add(service("next")).await.unwrap();
    handle.stop("db").await.unwrap();
    let event = watch.next().await.unwrap();
    let names: Vec<&str> = event.services.iter().map(|service| &*service.name).collect();
    assert_eq!(names, ["api", "db"], "and not `next`, which has its slot");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d9_service_that_removes_itself_is_answered_at_once() {
    let handle = daemon().await;
    let (sender, answered) = tokio::sync::oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let once = Service::from_fn("once", move |cx: Context| {
        let sender = sender.clone();
        async move {
            let removed = cx.daemon().remove("once").await;
            drop(sender.lock().unwrap().take().unwrap().send(removed.map_err(|error: Error| error.to_string())));
            cx.cancelled().await;
            assert_eq!(cx.name(), "once");
            Ok(())
        }
    });
    handle.add(once).await.unwrap();
    assert_eq!(answered.await.unwrap(), Ok(()));
    while handle.states().get("once").is_some() {
        tokio::task::yield_now().await;
    }
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d9_service_adds_and_removes_others_from_within() {
    let handle = daemon().await;
    let boss = Service::from_fn("boss", |cx: Context| async move {
        cx.daemon().add(service("helper").needs(["boss"])).await?;
        cx.daemon().wait_for("helper", State::Run).await?;
        // It names the helper's target, itself: it would wait for its own end.
        cx.daemon().remove_with_dependents("boss").await?;
        cx.cancelled().await;
        Ok(())
    });
    handle.add(boss).await.unwrap();
    while handle.states().len() > 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d10_kept_context_of_a_removed_service_does_nothing_to_the_next() {
    let handle = daemon().await;
    let kept: Arc<Mutex<Option<Context>>> = Arc::default();
    let keep = kept.clone();
    handle
        .add(Service::from_fn("old", move |cx: Context| {
            *keep.lock().unwrap() = Some(cx.clone());
            async move {
                cx.cancelled().await;
                Ok(())
            }
        }))
        .await
        .unwrap();
    handle.wait_for("old", State::Run).await.unwrap();
    handle.remove("old").await.unwrap();
    let old = kept.lock().unwrap().take().unwrap();
    handle.add(service("new")).await.unwrap();
    for _ in 0..2 {
        assert_eq!((old.name(), old.is_cancelled()), ("old", true));
        old.status("a text of the old one");
        old.heartbeat();
        assert!(old.spawn("late", async {}).await.unwrap_err().is_cancelled());
        assert!(old.daemon().stop("old").await.is_err());
        handle.wait_for("new", State::Run).await.unwrap();
    }
    assert_eq!(handle.why("new").unwrap().to_string(), "new in Run");
    handle.remove("new").await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d11_removal_of_a_service_that_has_failed_takes_its_failure_from_the_report() {
    let handle = daemon().await;
    let broken = || Service::from_fn("broken", |_| async { Err("no route".into()) }).manager(manager::until_success);
    let options = rxd::Options::DEFAULT.restarts(0, Duration::from_secs(1));
    for _ in 0..2 {
        handle.add(broken().options(options)).await.unwrap();
        handle.wait_for("broken", State::Exit).await.unwrap();
        assert_eq!(handle.states()["broken"].last_error.as_deref(), Some("no route"));
        handle.remove("broken").await.unwrap();
    }
    handle.add(service("broken")).await.unwrap();
    handle.wait_for("broken", State::Run).await.unwrap();
    assert_eq!(handle.states()["broken"].last_error, None, "that was another service's");
    handle.remove("broken").await.unwrap();
    let report = stop(&handle).await;
    assert!(report.is_ok(), "{report}");
}

async fn remove_soon(handle: DaemonHandle, name: &'static str) {
    assert!(futures_util::FutureExt::now_or_never(handle.remove(name)).is_none());
}

#[tokio::test(start_paused = true)]
async fn d12_removal_goes_on_if_its_future_is_dropped() {
    let handle = daemon().await;
    handle.add(service("api")).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    remove_soon(handle.clone(), "api").await;
    while handle.states().get("api").is_some() {
        tokio::task::yield_now().await;
    }
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d12_daemon_ends_by_itself_when_the_last_stopped_service_is_removed() {
    let job = || Service::from_fn("job", |_| async { Ok(()) }).manager(manager::until_success);
    let handle = rxd::Daemon::new("d").signals([]).add(job().after(["wait"])).add(job().named("wait").after(["gate"]));
    let gate = Service::from_fn("gate", |cx: Context| async move {
        cx.daemon().wait_for("extra", State::Run).await?;
        Ok(())
    });
    let handle = handle.add(gate.manager(manager::until_success)).start().await.unwrap();
    tokio::task::yield_now().await;
    let _ = handle.add(service("extra")).await;
    handle.wait_for("job", State::Exit).await.unwrap();
    handle.stop("extra").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!handle.has_ended(), "an operator may start it again");
    handle.remove("extra").await.unwrap();
    assert!(handle.wait().await.is_ok());
}
