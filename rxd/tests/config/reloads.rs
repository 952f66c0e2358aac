//! Reloads that succeed, and those that are refused before any service is interrupted.

use crate::kit::*;
use rxd::State;
use rxd::testing::Harness;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

#[tokio::test(start_paused = true)]
async fn reload_applies_the_new_value_in_graph_order_without_a_transition() {
    let (test, source, log) = start().await;
    let before = test.trace().steps.len();
    source.set(Config::of(2));
    test.handle().reload_all().await.unwrap();
    test.settle().await;
    assert_eq!(log.values(), vec![2; SERVICES]);
    assert_eq!(log.order("apply"), Vec::from_iter(1..=SERVICES));
    assert_eq!(log.of(7), ["cancelled 1", "apply 2", "run 2"]);
    assert_eq!((test.trace().steps.len(), source.loads()), (before, 2));
    let ended = test.shutdown().await;
    assert!(ended.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn reload_that_one_of_twenty_refuses_interrupts_none() {
    let (test, source, log) = start().await;
    let before = test.trace().steps.len();
    source.set(Config { refused_by: vec![13], ..Config::of(2) });
    assert_eq!(
        refused(&test).await,
        "reload failed: service `worker-13` refuses the configuration: `port` must not be 0, the old configuration \
         stays in force"
    );
    test.settle().await;
    assert_eq!((log.count("apply"), log.count("cancelled"), log.count("run")), (0, 0, 0));
    assert_eq!(test.trace().steps.len(), before);
    // A service that restarts later has the old value, too.
    test.handle().restart("worker-20").await.unwrap();
    test.until("worker-20", State::Run).await;
    test.settle().await;
    assert_eq!(log.of(20), ["cancelled 1", "stop 1", "init 1", "run 1"]);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn all_refusals_are_named_in_graph_order() {
    let (test, source, log) = start().await;
    source.set(Config { refused_by: vec![17, 2, 13], ..Config::of(2) });
    let message = refused(&test).await;
    let at = |service| message.find(&format!("service `worker-{service}` refuses")).unwrap();
    assert!(at(2) < at(13) && at(13) < at(17), "{message}");
    assert_eq!(log.count("cancelled"), 0);
    test.shutdown().await;
}

/// The first reload loads for as long as the requests come.
#[tokio::test(start_paused = true)]
async fn thousand_requests_at_once_are_two_loads() {
    let (log, loads) = (Log::default(), Arc::<AtomicU32>::default());
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (count, released) = (loads.clone(), Mutex::new(released));
    let load = move || -> rxd::Result<Config> {
        let value = count.fetch_add(1, Ordering::Relaxed) + 1;
        if value == 2 {
            begun.send(())?;
            let _ = released.lock().unwrap().recv();
        }
        Ok(Config::of(value))
    };
    let test = Harness::isolated(worker::<1>(&log)).config(load).start().await;
    test.until("worker-1", State::Run).await;
    let request = || {
        let handle = test.handle().clone();
        tokio::spawn(async move { handle.reload_all().await })
    };
    let first = request();
    has_begun.recv().await.unwrap();
    let others: Vec<_> = (0..999).map(|_| request()).collect();
    tokio::task::yield_now().await;
    drop(release);
    first.await.unwrap().unwrap();
    for request in others {
        request.await.unwrap().unwrap();
    }
    test.settle().await;
    assert_eq!(loads.load(Ordering::Relaxed), 3, "the one of the start, and two more");
    assert_eq!(log.of(1).last().unwrap(), "run 3", "each request has what was loaded after it");
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn load_that_fails_or_panics_leaves_the_old_value() {
    let (test, source, log) = start().await;
    source.fail("failed to read /etc/agent.toml");
    assert_eq!(
        refused(&test).await,
        "reload failed: the configuration cannot be loaded: failed to read /etc/agent.toml, the old configuration \
         stays in force"
    );
    source.fail("panic");
    let message = refused(&test).await;
    assert!(message.contains("the configuration cannot be loaded: panicked: scripted panic of load (at "), "{message}");
    assert_eq!((log.count("cancelled"), log.count("apply")), (0, 0));
    source.set(Config::of(3));
    test.handle().reload_all().await.unwrap();
    test.settle().await;
    assert_eq!(log.values(), vec![3; SERVICES]);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn reload_of_one_service_applies_the_value_in_force_again() {
    let (test, source, log) = start().await;
    source.set(Config::of(2));
    test.handle().reload("worker-20").await.unwrap();
    test.settle().await;
    assert_eq!((log.of(20), log.count("apply")), (vec!["cancelled 1".into(), "apply 1".into(), "run 1".into()], 1));
    assert_eq!(source.loads(), 1);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn service_in_exit_gets_the_value_in_force_when_it_starts() {
    let (test, source, log) = start().await;
    test.handle().stop("worker-20").await.unwrap();
    log.clear();
    source.set(Config::of(2));
    test.handle().reload_all().await.unwrap();
    assert_eq!(log.of(20), [""; 0]);
    test.handle().start("worker-20").await.unwrap();
    test.until("worker-20", State::Run).await;
    test.settle().await;
    assert_eq!(log.of(20), ["apply 2", "init 2", "run 2"]);
    test.shutdown().await;
}
