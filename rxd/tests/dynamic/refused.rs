//! What is refused, and in which words.

use crate::kit::{daemon, idle_away, service, stop, text};
use rxd::{Action, Context, Daemon, DaemonHandle, Options, Runner, Service, State, When, manager};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The rule and the message of a refused service.
async fn refusal(handle: &DaemonHandle, service: Service) -> (String, String) {
    let error = handle.add(service).await.unwrap_err();
    assert!(error.is_graph(), "{error}");
    (error.rule().unwrap_or_default().to_owned(), error.to_string())
}

#[tokio::test(start_paused = true)]
async fn d1_wrong_service_is_refused_by_the_rules_and_in_the_words_of_a_start() {
    let handle = daemon().await;
    handle.add(service("tenant-1")).await.unwrap();
    let watch = |action, state, name: &str| When::any(action, state, [name.to_owned()]);
    for (wrong, rule) in [
        (service("db"), "duplicate-name"),
        (service("tenant-1"), "duplicate-name"),
        (service("Tenant 1"), "invalid-name"),
        (service(""), "empty-name"),
        (service("api").needs(["bd"]), "unknown-service"),
        (service("api").needs(["tenant-2"]), "unknown-service"),
        (service("api").needs(["api"]), "self-watch"),
        (service("api").needs(["db", "db"]), "duplicate-target"),
        (service("api").after(["db"]), "after-never-completes"),
        (
            service("api").needs(["db"]).watch(watch(Action::Exited, State::Idle, "db").then(rxd::Effect::Stop)),
            "reaction-contradicts-gate",
        ),
        (service("api").needs(Vec::<String>::new()), "no-targets"),
    ] {
        let name = wrong.name().to_owned();
        let (found, text) = refusal(&handle, wrong).await;
        assert_eq!(found, rule, "{name}: {text}");
    }
    // The same words as of a daemon that is started with such a service.
    let other = Daemon::new("d").add(service("db")).add(service("cache")).add(service("api").needs(["bd"]));
    let (_, text) = refusal(&handle, service("api").needs(["bd"])).await;
    let at_start = other.check().unwrap_err().to_string();
    assert_eq!(text.lines().next(), at_start.lines().next());
    assert!(text.contains("did you mean `db`?"), "{text}");
    let options = Options::DEFAULT.restarts(5, Duration::ZERO);
    let error = handle.add(service("api").options(options)).await.unwrap_err();
    assert!(error.is_graph() && error.rule().is_none() && error.to_string().contains("`api`"), "{error}");
    assert_eq!(handle.states().len(), 3, "nothing was added");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d1_refused_service_is_dropped_and_its_name_stays_free() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Runner for Counted {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            idle_away(cx.clone()).await
        }
    }
    let handle = daemon().await;
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = || Service::new("api", Counted(dropped.clone()));
    handle.add(counted().needs(["nobody"])).await.unwrap_err();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    handle.add(counted().needs(["db"])).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.remove("api").await.unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 2, "it is dropped when the removal is done");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d2_removal_of_what_others_name_is_refused_and_names_them() {
    let handle = daemon().await;
    handle.add(service("hub")).await.unwrap();
    handle.add(service("b").needs(["hub"])).await.unwrap();
    handle
        .add(service("a").watch(When::any(Action::Exited, State::Run, ["hub"]).then(rxd::Effect::Stop)))
        .await
        .unwrap();
    assert_eq!(
        text(handle.remove("hub").await),
        "failed to remove service `hub`: `a`, `b` name it\n\
         help: remove these first, or call `remove_with_dependents(\"hub\")`"
    );
    handle.remove("a").await.unwrap();
    assert!(text(handle.remove("hub").await).contains("`b` names it"));
    handle.remove("b").await.unwrap();
    handle.remove("hub").await.unwrap();
    assert_eq!(
        text(handle.remove("db").await),
        "failed to remove service `db`: the daemon was started with it\nhelp: to stop it, call `stop(\"db\")`"
    );
    assert_eq!(text(handle.remove("hub").await), text(handle.stop("hub").await), "it is unknown now");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d3_second_removal_and_a_new_dependent_are_refused_while_the_first_goes_on() {
    let handle = daemon().await;
    let slow = Service::from_fn("slow", |cx: Context| async move {
        cx.cancelled().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    });
    handle.add(slow).await.unwrap();
    handle.wait_for("slow", State::Run).await.unwrap();
    let removal = tokio::spawn({
        let handle = handle.clone();
        async move { handle.remove("slow").await }
    });
    tokio::task::yield_now().await;
    assert_eq!(text(handle.remove("slow").await), "failed to remove service `slow`: its removal was requested before");
    assert_eq!(
        text(handle.add(service("late").needs(["slow"])).await),
        "failed to add service `late`: service `slow` is being removed"
    );
    let (rule, _) = refusal(&handle, service("slow")).await;
    assert_eq!(rule, "duplicate-name", "its name is in use until it is gone");
    assert_eq!(text(handle.start("slow").await), "service `slow` is being removed");
    removal.await.unwrap().unwrap();
    handle.add(service("slow")).await.unwrap();
    handle.wait_for("slow", State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d4_nothing_is_added_or_removed_once_the_stop_has_begun() {
    let handle = daemon().await;
    handle.add(service("api")).await.unwrap();
    handle.shutdown();
    assert_eq!(text(handle.add(service("b")).await), "failed to add service `b`: the daemon is stopping");
    assert_eq!(text(handle.remove("api").await), "failed to remove service `api`: the daemon is stopping");
    let report = handle.wait().await;
    assert!(report.is_ok());
    assert_eq!(report.services().iter().map(|service| &*service.name).collect::<Vec<_>>(), ["db", "cache", "api"]);
    assert_eq!(text(handle.add(service("b")).await), "failed to add service `b`: the daemon is stopping");
}

#[tokio::test(start_paused = true)]
async fn d4_daemon_that_has_ended_by_itself_takes_no_service() {
    let job = Service::from_fn("job", |_| async { Ok(()) }).manager(manager::until_success);
    let handle = Daemon::new("d").signals([]).add(job).start().await.unwrap();
    assert!(handle.wait().await.is_ok());
    assert_eq!(text(handle.add(service("b")).await), "failed to add service `b`: the daemon is stopping");
}

#[tokio::test(start_paused = true)]
async fn d4_drain_takes_no_service() {
    let daemon = Daemon::new("d").signals([]).drain(Duration::from_secs(5)).add(service("db"));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("db", State::Run).await.unwrap();
    handle.shutdown();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(handle.states()["db"].is_in(State::Run), "it drains");
    assert_eq!(text(handle.add(service("b")).await), "failed to add service `b`: the daemon is stopping");
    assert!(handle.wait().await.is_ok());
}
