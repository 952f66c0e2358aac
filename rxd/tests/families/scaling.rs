//! `scale`: what comes, what goes, and in which order.

use crate::kit::{daemon, idle_away, is_in, names, service, settle, stop, workers};
use rxd::{Context, Daemon, Family, Service, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn f30_family_grows_and_shrinks_also_below_its_first_number() {
    let handle = daemon(2, |api| api.needs(["workers"])).await;
    handle.scale("workers", 4).await.unwrap();
    settle().await;
    assert_eq!(names(&handle), ["api", "worker-0", "worker-1", "worker-2", "worker-3"]);
    assert!(is_in(&handle, "worker-3", State::Run));
    handle.scale("workers", 1).await.unwrap();
    assert_eq!(names(&handle), ["api", "worker-0"]);
    assert!(is_in(&handle, "api", State::Run));
    handle.scale("workers", 0).await.unwrap();
    assert_eq!(names(&handle), ["api"]);
    handle.scale("workers", 2).await.unwrap();
    settle().await;
    assert_eq!(names(&handle), ["api", "worker-0", "worker-1"]);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f31_highest_members_go_first() {
    let handle = daemon(4, |api| api).await;
    handle.scale("workers", 1).await.unwrap();
    let history = handle.history();
    let left: Vec<&str> = history.iter().filter(|event| event.is_in(State::Stop)).map(|event| &*event.name).collect();
    assert_eq!(left, ["worker-3", "worker-2", "worker-1"]);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f32_calls_for_one_family_are_carried_out_one_after_the_other() {
    let handle = daemon(1, |api| api).await;
    let all = [5, 2, 7, 0, 3].map(|count| {
        let handle = handle.clone();
        tokio::spawn(async move { handle.scale("workers", count).await })
    });
    for call in all {
        call.await.unwrap().unwrap();
    }
    assert_eq!(names(&handle), ["api", "worker-0", "worker-1", "worker-2"]);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f33_dropped_call_leaves_a_family_that_can_be_scaled_again() {
    let slow = |_| {
        Service::from_fn("worker", |cx: Context| async move {
            cx.cancelled().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
    };
    let family = Family::new("workers", (0..3).map(slow)).made_by(slow);
    let handle = Daemon::new("d").signals([]).family(family).start().await.unwrap();
    handle.wait_for(["worker-0", "worker-2"], State::Run).await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(100), handle.scale("workers", 1)).await;
    assert!(dropped.is_err(), "two are still ending");
    // Their names are in use until they are gone.
    handle.scale("workers", 3).await.unwrap();
    handle.wait_for(["worker-1", "worker-2"], State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f34_member_can_scale_its_own_family_away() {
    let worker = |_| {
        Service::from_fn("worker", |cx: Context| async move {
            if cx.name() == "worker-1" {
                cx.daemon().scale("workers", 1).await?;
            }
            idle_away(cx).await
        })
    };
    let family = Family::new("workers", (0..2).map(worker));
    let handle = Daemon::new("d").signals([]).family(family).start().await.unwrap();
    settle().await;
    assert_eq!(names(&handle), ["worker-0"]);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f35_members_are_made_with_their_numbers() {
    let sum = Arc::new(AtomicUsize::new(0));
    let counted = sum.clone();
    let family = Family::new("workers", [service("worker")]).made_by(move |index| {
        counted.fetch_add(index, Ordering::Relaxed);
        service("any name")
    });
    let handle = Daemon::new("d").signals([]).family(family.stem("job")).start().await.unwrap();
    handle.scale("workers", 4).await.unwrap();
    assert_eq!((sum.load(Ordering::Relaxed), names(&handle).join(" ")), (6, "job-0 job-1 job-2 job-3".to_owned()));
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f36_readiness_counts_the_members_of_the_start_and_no_others() {
    use rxd::testing::{Behavior, FakeService};
    let hanging = |_| Service::new("worker", FakeService::new().on(State::Init, [Behavior::Hang]));
    let daemon = |count| {
        let family = Family::new("workers", (0..count).map(hanging)).made_by(hanging);
        Daemon::new("d").signals([]).family(family).add(service("api")).start_timeout(Duration::from_secs(5))
    };
    let failed = daemon(1).start().await.unwrap();
    let report = failed.wait().await;
    assert!(!report.is_ok() && report.to_string().contains("worker-0"), "{report}");
    let handle = daemon(0).start().await.unwrap();
    handle.scale("workers", 1).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(is_in(&handle, "worker-0", State::Init) && is_in(&handle, "api", State::Run));
    let _ = stop(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn f37_many_members_come_and_go() {
    let daemon = Daemon::new("d").signals([]).family(workers(10)).add(service("api").needs(["workers"]));
    let handle = daemon.start().await.unwrap();
    handle.scale("workers", 3_000).await.unwrap();
    handle.wait_for("worker-2999", State::Run).await.unwrap();
    handle.scale("workers", 3).await.unwrap();
    assert_eq!(names(&handle).len(), 4);
    assert!(is_in(&handle, "api", State::Run));
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f38_harness_replaces_members_also_those_that_come_later() {
    use rxd::testing::{Behavior, Harness};
    let panics = |_| Service::from_fn("worker", |_: Context| async { panic!("a fake replaces it") });
    let family = Family::new("workers", (0..2).map(panics)).made_by(panics);
    let daemon = Daemon::new("d").family(family).add(service("api").needs(["workers"]));
    let test = Harness::new(daemon).fake_all_except("api").start().await;
    test.until("api", State::Run).await;
    test.handle().scale("workers", 3).await.unwrap();
    test.until("worker-2", State::Run).await;
    test.set_behavior("worker-1", Behavior::Fail);
    test.until("api", State::Idle).await;
    test.until("api", State::Run).await;
    assert!(test.shutdown().await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f38_members_are_in_the_group_of_their_service() {
    let worker = |_| service("worker").group("pool");
    let family = Family::new("workers", (0..2).map(worker)).made_by(worker);
    let handle = Daemon::new("d").signals([]).family(family).add(service("api")).start().await.unwrap();
    handle.scale("workers", 3).await.unwrap();
    settle().await;
    let outcome = handle.group("pool").unwrap().restart().await;
    assert_eq!(outcome.iter().count(), 3);
    outcome.into_result().unwrap();
    assert_eq!(handle.states()["api"].incarnation, 1);
    assert!(stop(&handle).await.is_ok());
}
