//! `reconcile`: the added services of a group become those that are wanted.

use crate::kit::{daemon, idle_away, ready, service, stop};
use proptest::prelude::*;
use rxd::{Context, DaemonHandle, Filter, Reconciled, Service, State};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

fn tenant(name: &str, version: u32) -> Service {
    service(format!("t-{name}")).version(version).needs(["db"])
}

async fn reconcile(handle: &DaemonHandle, wanted: Vec<Service>) -> String {
    match handle.reconcile("tenants", wanted).await {
        Ok(done) => done.to_string(),
        Err(error) => error.to_string(),
    }
}

fn names(handle: &DaemonHandle) -> Vec<String> {
    let mut names: Vec<String> = handle.states().iter().map(|service| service.name.to_string()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(start_paused = true)]
async fn d30_what_is_wanted_is_added_replaced_removed_and_kept() {
    let handle = daemon().await;
    let wanted = vec![tenant("a", 1), tenant("b", 1), tenant("c", 1)];
    assert_eq!(reconcile(&handle, wanted).await, "added t-a, t-b, t-c; kept 0");
    handle.wait_for(["t-a", "t-b", "t-c"], State::Run).await.unwrap();
    let mut states = handle.watch_states(Filter::None).unwrap();
    ready(&mut states).await;
    let wanted = vec![tenant("d", 1), tenant("c", 2), tenant("a", 1)];
    assert_eq!(reconcile(&handle, wanted).await, "added t-d; replaced t-c; removed t-b; kept 1");
    handle.wait_for(["t-c", "t-d"], State::Run).await.unwrap();
    let seen = ready(&mut states).await;
    assert!(!seen.iter().any(|change| change.starts_with("t-a")), "it has gone on: {seen:?}");
    assert_eq!(names(&handle), ["cache", "db", "t-a", "t-c", "t-d"]);
    let again = handle.reconcile("tenants", [tenant("a", 1), tenant("c", 2), tenant("d", 1)]).await.unwrap();
    assert!(again.is_unchanged() && again.kept == ["t-a", "t-c", "t-d"], "{again:?}");
    assert_eq!(reconcile(&handle, Vec::new()).await, "removed t-a, t-d, t-c; kept 0");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d31_services_that_name_each_other_come_and_go_along_the_graph() {
    let handle = daemon().await;
    let chain = |version: u32| {
        // The first that is wanted names those after it.
        vec![tenant("c", 1).needs(["t-b"]), tenant("b", 1).needs(["t-a"]), tenant("a", version), tenant("x", 1)]
    };
    assert_eq!(reconcile(&handle, chain(1)).await, "added t-c, t-b, t-a, t-x; kept 0");
    handle.wait_for(["t-c"], State::Run).await.unwrap();
    let before = handle.states().seq();
    assert_eq!(reconcile(&handle, chain(2)).await, "replaced t-c, t-b, t-a; kept 1");
    let history = handle.history();
    let stops = history.iter().filter(|event| event.seq > before && event.is_in(State::Stop));
    assert_eq!(stops.map(|event| &*event.name).collect::<Vec<_>>(), ["t-c", "t-b", "t-a"]);
    handle.wait_for(["t-c"], State::Run).await.unwrap();
    assert_eq!(reconcile(&handle, vec![tenant("x", 1)]).await, "removed t-c, t-b, t-a; kept 1");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d32_refused_set_leaves_everything_as_it_was() {
    let handle = daemon().await;
    reconcile(&handle, vec![tenant("a", 1), tenant("b", 1)]).await;
    handle.wait_for(["t-a", "t-b"], State::Run).await.unwrap();
    handle.add(service("guest").needs(["t-b"])).await.unwrap();
    handle.wait_for("guest", State::Run).await.unwrap();
    let (before, there) = (handle.states().seq(), names(&handle));
    for (wanted, says) in [
        (vec![tenant("b", 1), tenant("c", 1).needs(["dbb"])], "did you mean `db`?"),
        (vec![tenant("b", 1), tenant("c", 1), tenant("c", 1)], "both called"),
        (vec![tenant("b", 1), service("db")], "daemon `d` has a service `db`\nhelp: give the new one another name"),
        (vec![tenant("b", 1), service("no name")], "no name"),
        // It would have gone: it is not wanted.
        (vec![tenant("b", 1), tenant("c", 1).needs(["t-a"])], "`t-a`"),
        (vec![tenant("b", 1), tenant("c", 1).needs(["t-d"]), tenant("d", 1).needs(["t-c"])], "t-c"),
        (vec![tenant("a", 1)], "failed to reconcile group `tenants`: `guest` is not in the group, and names `t-b`"),
        (vec![tenant("a", 1), tenant("b", 2)], "`guest` is not in the group, and names `t-b`, which would have to go"),
    ] {
        let error = reconcile(&handle, wanted).await;
        assert!(error.contains(says), "{says}: {error}");
        assert_eq!((handle.states().seq(), names(&handle)), (before, there.clone()), "{error}");
    }
    let follows = |name, other| {
        tenant(name, 1).watch(rxd::When::any(rxd::Action::Entering, State::Run, [other]).then(rxd::Effect::Stream))
    };
    let error = reconcile(&handle, vec![tenant("b", 1), follows("c", "t-d"), follows("d", "t-c")]).await;
    assert_eq!(
        error,
        "service `t-d` and service `t-c` name each other, directly or by others\n\
         help: services that are added to a running daemon name those that are there before them"
    );
    assert!(stop(&handle).await.is_ok());
    assert!(reconcile(&handle, Vec::new()).await.contains("the daemon is stopping"));
}

#[tokio::test(start_paused = true)]
async fn d33_service_that_would_have_to_go_itself_is_refused() {
    let handle = daemon().await;
    let said: Arc<Mutex<Option<String>>> = Arc::default();
    let says = said.clone();
    let caller = Service::from_fn("caller", move |cx: Context| {
        let says = says.clone();
        async move {
            let answer = cx.daemon().reconcile("tenants", [tenant("a", 1)]).await;
            *says.lock().unwrap() = Some(answer.unwrap_err().to_string());
            cx.cancelled().await;
            Ok(())
        }
    });
    handle.add(caller.group("tenants")).await.unwrap();
    handle.wait_for("caller", State::Run).await.unwrap();
    tokio::task::yield_now().await;
    let said = said.lock().unwrap().take().unwrap();
    assert_eq!(
        said,
        "failed to reconcile group `tenants`: service `caller` makes the call, and would have to go itself"
    );
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d34_calls_follow_each_other_and_what_is_owned_is_left_alone() {
    let handle = daemon().await;
    let boss = Service::from_fn("boss", |cx: Context| async move {
        cx.spawn_service(service("own").group("tenants")).await?;
        cx.cancelled().await;
        Ok(())
    });
    handle.add(boss).await.unwrap();
    let calls = (0..8).map(|nth| {
        let handle = handle.clone();
        tokio::spawn(async move { handle.reconcile("tenants", [tenant("a", nth % 2), tenant("b", 1)]).await.unwrap() })
    });
    let done: Vec<Reconciled> = futures_util::future::try_join_all(calls).await.unwrap();
    assert_eq!(done[0].to_string(), "added t-a, t-b; kept 0");
    assert!(done[1..].iter().all(|done| done.to_string() == "replaced t-a; kept 1"), "{done:?}");
    assert_eq!(names(&handle), ["boss", "cache", "db", "own", "t-a", "t-b"]);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d35_service_that_does_not_end_is_named_and_nothing_is_added() {
    let handle = daemon().await;
    let stubborn = Service::from_fn("t-stubborn", |cx: Context| async move {
        cx.cancelled().await;
        cx.extend(std::time::Duration::from_secs(36_000));
        std::future::pending().await
    });
    handle.reconcile("tenants", [stubborn]).await.unwrap();
    handle.wait_for("t-stubborn", State::Run).await.unwrap();
    let error = reconcile(&handle, vec![tenant("a", 1)]).await;
    let (begin, end) =
        ("failed to reconcile group `tenants`: did not end within ", ": `t-stubborn`; nothing was added");
    assert!(error.starts_with(begin) && error.ends_with(end), "{error}");
    assert_eq!(names(&handle), ["cache", "db", "t-stubborn"]);
    handle.shutdown();
    drop(handle.wait().await);
}

/// Takes a while to stop.
fn slow(name: &str) -> Service {
    Service::from_fn(name.to_owned(), |cx: Context| async move {
        cx.cancelled().await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn d37_call_waits_for_what_an_earlier_one_is_removing() {
    let handle = daemon().await;
    handle.reconcile("tenants", [slow("r0").version(1), slow("r1").version(1)]).await.unwrap();
    handle.wait_for(["r0", "r1"], State::Run).await.unwrap();
    let hurry = std::time::Duration::from_millis(100);
    let first = handle.reconcile("tenants", [slow("r0").version(2)]);
    assert!(tokio::time::timeout(hurry, first).await.is_err(), "it is dropped while `r0` and `r1` stop");
    let done = handle.reconcile("tenants", [slow("r0").version(2)]).await.unwrap();
    assert_eq!((done.to_string(), names(&handle).len()), ("added r0; kept 0".to_owned(), 3));
    // The same after a plain removal.
    let removal = tokio::spawn({
        let handle = handle.clone();
        async move { handle.remove("r0").await }
    });
    tokio::time::sleep(hurry).await;
    let done = handle.reconcile("tenants", Vec::<Service>::new()).await.unwrap();
    assert!(done.is_unchanged() && handle.states().get("r0").is_none(), "{done}");
    removal.await.unwrap().unwrap();
    assert!(stop(&handle).await.is_ok());
}

/// Some of ten services, each with a version and those that it needs, which have lower numbers: no
/// circles. Not all of those are wanted.
fn wanted() -> impl Strategy<Value = BTreeMap<usize, (u8, BTreeSet<usize>)>> {
    let one = (0..2_u8, proptest::collection::btree_set(0..10_usize, 0..3));
    let all = proptest::collection::btree_map(0..10_usize, one, 0..8);
    all.prop_map(|mut all| {
        all.iter_mut().for_each(|(nth, (_, needs))| needs.retain(|other| other < nth));
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever sets follow each other, each is there as a whole or changes nothing.
    #[test]
    fn d36_each_set_is_there_as_a_whole_or_changes_nothing(sets in proptest::collection::vec(wanted(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let handle = daemon().await;
            let mut there = BTreeMap::new();
            for set in sets {
                let services = set.iter().map(|(nth, (version, needs))| {
                    let service = Service::from_fn(format!("s{nth}"), idle_away).version((version, needs));
                    let needs: Vec<String> = needs.iter().map(|other| format!("s{other}")).collect();
                    if needs.is_empty() { service } else { service.needs(needs) }
                });
                let services: Vec<Service> = services.rev().collect();
                let is_complete = set.values().all(|(_, needs)| needs.iter().all(|other| set.contains_key(other)));
                match handle.reconcile("all", services).await {
                    Ok(done) => {
                        assert!(is_complete, "{done}");
                        let is_same = |nth: usize| there.get(&nth) == set.get(&nth);
                        assert!(done.kept.iter().all(|name| is_same(name[1..].parse().unwrap())), "{done}");
                        there = set;
                    }
                    Err(error) => assert!(!is_complete, "{error}"),
                }
                let mut expected: Vec<String> = there.keys().map(|nth| format!("s{nth}")).collect();
                expected.splice(0..0, ["cache".to_owned(), "db".to_owned()]);
                assert_eq!(names(&handle), expected);
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                assert!(handle.states().iter().all(|service| service.is_in(State::Run)), "{:?}", handle.states());
            }
            assert!(stop(&handle).await.is_ok());
        });
    }
}
