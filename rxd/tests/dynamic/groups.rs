//! Requests to the services of a group, and to all.

use crate::kit::{service, stop, text};
use rxd::{Context, Daemon, DaemonHandle, Runner, Service, State};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// `reader`, `parser` and `writer` are in a group, and each needs the one before; `hub`, which is not in
/// it, is between `parser` and `writer`.
async fn ingest() -> DaemonHandle {
    let daemon = Daemon::new("d")
        .signals([])
        .add(service("writer").needs(["hub"]).group("ingest"))
        .add(service("hub").needs(["parser"]))
        .add(service("parser").needs(["reader"]).group("ingest"))
        .add(service("reader").group("ingest"))
        .add(service("api").group("front"));
    let handle = daemon.start().await.unwrap();
    handle.wait_for(["writer", "api"], State::Run).await.unwrap();
    handle
}

/// The services that have entered this state since the transition with this number, in that order.
fn entered(handle: &DaemonHandle, state: State, after: u64) -> Vec<String> {
    let events = handle.history().into_iter().filter(|event| event.seq > after && event.is_in(state));
    events.map(|event| event.name.into_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn g10_group_that_stops_stops_dependents_first_also_by_other_services() {
    let handle = ingest().await;
    let before = handle.states().seq();
    let outcome = handle.group("ingest").unwrap().stop().await;
    let order: Vec<(&str, bool)> = outcome.iter().map(|(name, answer)| (name, answer.is_ok())).collect();
    assert_eq!(order, [("writer", true), ("parser", true), ("reader", true)]);
    assert_eq!(entered(&handle, State::Exit, before), ["writer", "parser", "reader"]);
    assert!(handle.states()["api"].is_in(State::Run));
    assert!(!handle.states()["hub"].is_in(State::Exit), "it is in no group");

    let before = handle.states().seq();
    handle.group("ingest").unwrap().start().await.into_result().unwrap();
    handle.wait_for(["writer", "hub"], State::Run).await.unwrap();
    assert_eq!(entered(&handle, State::Init, before), ["reader", "parser", "writer"]);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn group_that_restarts_restarts_each_of_its_services() {
    let handle = ingest().await;
    let outcome = handle.group("ingest").unwrap().restart().await;
    assert_eq!(outcome.iter().count(), 3);
    outcome.into_result().unwrap();
    handle.wait_for("writer", State::Run).await.unwrap();
    let states = handle.states();
    for name in ["reader", "parser"] {
        assert_eq!((states[name].incarnation, states[name].restarts), (2, 0), "{name}");
    }
    // It was back in Run before `hub` had left Run.
    assert_eq!((states["writer"].incarnation, states["writer"].restarts), (3, 0));
    assert_eq!(states["api"].incarnation, 1);
    handle.all().restart().await.into_result().unwrap();
    handle.wait_for(["writer", "api"], State::Run).await.unwrap();
    assert_eq!((handle.states()["api"].incarnation, handle.states()["hub"].incarnation), (2, 3));
    handle.all().stop().await.into_result().unwrap();
    assert!(!handle.has_ended(), "operators have stopped them");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn unknown_group_is_an_error_that_lists_the_groups() {
    let handle = ingest().await;
    let error = handle.group("ingets").unwrap_err().to_string();
    assert_eq!(error, "daemon `d` has no group `ingets`\nhelp: did you mean `ingest`? it has: `front`, `ingest`");
    assert!(handle.group("api").is_err(), "a service is no group");
    assert!(stop(&handle).await.is_ok());
    let handle = Daemon::new("d").signals([]).add(service("api")).start().await.unwrap();
    let error = handle.group("ingest").unwrap_err().to_string();
    assert!(error.contains("help: put services into one: `group = \"ingest\"`"), "{error}");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn added_services_join_a_group_and_leave_it() {
    let handle = ingest().await;
    handle.add(service("reader-2").group("ingest")).await.unwrap();
    handle.add(service("tenant").group("tenants")).await.unwrap();
    assert_eq!(handle.group("ingest").unwrap().services(), ["writer", "parser", "reader", "reader-2"]);
    handle.group("tenants").unwrap().stop().await.into_result().unwrap();
    handle.remove("tenant").await.unwrap();
    assert!(handle.group("tenants").is_err());
    handle.remove("reader-2").await.unwrap();
    assert_eq!(handle.group("ingest").unwrap().services().len(), 3);
    let error = text(handle.add(service("x").group("a b")).await);
    assert!(error.starts_with("service `x` of daemon `d`, `group`: a name cannot contain a space\nhelp: "), "{error}");
    assert!(stop(&handle).await.is_ok());
}

struct Reloads(Arc<Mutex<Vec<&'static str>>>, &'static str);

impl Runner for Reloads {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
    async fn reload(&mut self, _: &Context) -> rxd::Result {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.lock().unwrap().push(self.1);
        if self.1 == "broken" { Err("no such file".into()) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn group_that_reloads_goes_along_the_graph_and_names_those_that_failed() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let reloads = |name| Service::new(name, Reloads(log.clone(), name)).group("g");
    let daemon = Daemon::new("d")
        .signals([])
        .add(reloads("api").needs(["broken"]))
        .add(reloads("broken").needs(["db"]))
        .add(reloads("db"))
        .add(reloads("stopped"));
    let handle = daemon.start().await.unwrap();
    handle.wait_for(["api", "stopped"], State::Run).await.unwrap();
    handle.stop("stopped").await.unwrap();
    let outcome = handle.group("g").unwrap().reload().await;
    assert_eq!(*log.lock().unwrap(), ["db", "broken", "api"]);
    let error = text(outcome.into_result());
    assert_eq!(
        error,
        "failed to reload 1 of 3 services of group `g`: `broken`: failed to reload service `broken`: no such file"
    );
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn group_request_is_carried_out_though_its_future_is_dropped() {
    let handle = ingest().await;
    {
        let group = handle.group("ingest").unwrap();
        let request = group.stop();
        tokio::pin!(request);
        assert!(futures_util::FutureExt::now_or_never(request.as_mut()).is_none());
    }
    handle.wait_for(["writer", "parser", "reader"], State::Exit).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn g55_service_that_stops_its_own_group_does_not_wait_for_itself() {
    let has_returned = Arc::new(Mutex::new(false));
    let lead = Service::from_fn_with("lead", has_returned.clone(), |cx: Context, has_returned| async move {
        cx.daemon().wait_for("worker", State::Run).await?;
        cx.daemon().group("g")?.stop().await.into_result()?;
        *has_returned.lock().unwrap() = true;
        cx.cancelled().await;
        Ok(())
    });
    let handle = Daemon::new("d").signals([]).add(lead.group("g")).add(service("worker").group("g"));
    let handle = handle.start().await.unwrap();
    handle.wait_for(["lead", "worker"], State::Exit).await.unwrap();
    assert!(*has_returned.lock().unwrap());
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn service_that_does_not_stop_is_named_and_the_daemon_ends_a_request() {
    let stuck = Service::from_fn("stuck", |_cx: Context| std::future::pending());
    let options = rxd::Options::DEFAULT.timeout_of(State::Stop, Duration::from_secs(1_000_000));
    let daemon = Daemon::new("d").signals([]).shutdown_timeout(Duration::from_secs(1));
    let daemon = daemon.add(stuck.options(options).group("g").needs(["base"])).add(service("base").group("g"));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("stuck", State::Run).await.unwrap();
    let (outcome, ()) = tokio::join!(async { handle.group("g").unwrap().stop().await }, async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(handle.states()["base"].is_in(State::Run), "its dependent has not stopped");
        handle.shutdown();
    });
    let answers: Vec<bool> = outcome.iter().map(|(_, answer)| answer.is_ok()).collect();
    assert_eq!(answers.len(), 2);
    let report = handle.wait().await;
    assert!(!report.is_ok());
    let error = text(handle.all().start().await.into_result());
    assert!(error.contains("`base`: the daemon is stopping"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn group_restart_leaves_out_what_never_started_and_what_its_services_own() {
    let boss = Service::from_fn("boss", |cx: Context| async move {
        cx.spawn_service(service("minion").group("tools")).await?;
        cx.cancelled().await;
        Ok(())
    });
    let repair = service("repair").group("tools").autostart(false);
    let handle = Daemon::new("d").signals([]).add(boss.group("tools")).add(repair).start().await.unwrap();
    handle.wait_for("boss", State::Run).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for outcome in [handle.group("tools").unwrap().restart().await, handle.all().restart().await] {
        assert_eq!(outcome.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(), ["boss"]);
        outcome.into_result().unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(handle.states()["repair"].is_in(State::Exit) && handle.states()["minion"].is_in(State::Run));
    assert!(stop(&handle).await.is_ok());
}
