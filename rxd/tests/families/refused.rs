//! What is refused, and in which words.

use crate::kit::{daemon, service, stop, workers};
use rxd::{Daemon, Family, Service};

fn text<T: std::fmt::Debug>(result: Result<T, rxd::Error>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn f50_names_of_members_are_reserved() {
    let refused = Daemon::new("d").family(workers(1)).add(service("worker-7"));
    assert!(text(refused.check()).contains("`worker-7` of daemon `d` has the name of a member of family `workers`"));
    let handle = daemon(1, |api| api).await;
    for name in ["worker-0", "worker-7"] {
        let error = handle.add(service(name)).await.unwrap_err();
        assert!(
            error.is_graph() && error.to_string().contains("has the name of a member of family `workers`"),
            "{error}"
        );
    }
    assert!(
        text(handle.add(service("workers")).await)
            .contains("has a family `workers`\nhelp: give the service another name")
    );
    handle.add(service("worker")).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f51_watch_names_the_family_and_not_a_member() {
    let refused = Daemon::new("d").family(workers(1)).add(service("api").needs(["worker-0"]));
    let expected =
        "needs `worker-0`, a member of family `workers`, and members come and go\nhelp: name the family: `\"workers\"`";
    assert!(text(refused.check()).contains(expected));
    let handle = daemon(1, |api| api).await;
    assert!(text(handle.add(service("late").needs(["worker-0"])).await).contains(expected));
    assert!(text(handle.add(service("late").needs(["worker-9"])).await).contains("a member of family `workers`"));
    assert!(text(handle.add(service("late").needs(["worrkers"])).await).contains("did you mean `workers`?"));
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f52_scale_is_refused_for_what_is_no_family_and_for_too_many() {
    let handle = daemon(1, |api| api).await;
    assert_eq!(
        text(handle.scale("worker", 2).await),
        "daemon `d` has no family `worker`\nhelp: did you mean `workers`? it has: `workers`"
    );
    assert_eq!(
        text(handle.scale("api", 2).await),
        "failed to scale `api`: it is not a family\nhelp: it has: `workers`"
    );
    assert_eq!(
        text(handle.scale("workers", 10_001).await),
        "failed to scale `workers`: a family has at most 10000 members, not 10001"
    );
    assert!(text(handle.restart("workers").await).starts_with("`workers` is a family of daemon `d`, not a service"));
    assert!(text(handle.remove("worker-0").await).contains("it is a member of family `workers`"));
    handle.shutdown();
    assert_eq!(text(handle.scale("workers", 2).await), "failed to scale `workers`: the daemon is stopping");
    let _ = handle.wait().await;
    assert_eq!(text(handle.scale("workers", 2).await), "failed to scale `workers`: the daemon is stopping");
}

#[tokio::test(start_paused = true)]
async fn f53_members_are_alike() {
    let mixed = Family::new("workers", [service("a"), service("b").needs(["db"])]);
    let error = text(Daemon::new("d").add(service("db")).family(mixed).check());
    assert!(
        error.contains("member 1 of family `workers` of daemon `d` has another manager, or other watches"),
        "{error}"
    );
    let growing = Family::new("workers", [service("a")]).made_by(|_| service("b").needs(["db"]));
    let handle = Daemon::new("d").signals([]).add(service("db")).family(growing).start().await.unwrap();
    let error = text(handle.scale("workers", 2).await);
    assert!(error.contains("service `worker-1` of daemon `d` has another manager, or other watches"), "{error}");
    assert!(handle.states().get("worker-1").is_none());
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f54_panic_of_what_makes_members_is_an_error() {
    let family = Family::new("workers", [service("a")]).made_by(|index| -> Service {
        if index == 2 { std::panic::panic_any("scripted: no more") } else { service("b") }
    });
    let handle = Daemon::new("d").signals([]).family(family).start().await.unwrap();
    let error = text(handle.scale("workers", 4).await);
    assert!(error.contains("`worker-2` was not made") && error.contains("no more"), "{error}");
    assert!(handle.states().get("worker-1").is_some(), "those before it stay");
    assert!(stop(&handle).await.is_ok());
}

#[test]
fn f55_families_with_invalid_names_are_refused() {
    let long = Family::new("workers", [service("a")]).stem("x".repeat(60));
    assert!(text(Daemon::new("d").family(long).check()).contains("a name is at most 64 bytes long"));
    let same = Daemon::new("d").family(workers(1)).family(Family::new("ingest", [service("a")]).stem("worker"));
    assert!(text(same.check()).contains("families `workers` and `ingest` of daemon `d` both have a member `worker-0`"));
    let own = Daemon::new("d").family(Family::new("workers", [service("a").needs(["workers"])]));
    assert!(text(own.check()).contains("waits for itself"));
}
