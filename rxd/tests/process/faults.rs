//! Code that calls the methods by hand, or takes the exit status of a child.

use crate::*;

#[tokio::test]
async fn run_without_init_is_an_error() {
    let mut process = shell(&mark(), "true");
    let error = process.run(&Context::detached("a")).await.unwrap_err();
    assert!(error.to_string().starts_with("the process was not started"), "{error}");
    assert!(process.stop(&Context::detached("a")).await.is_ok());
}

#[tokio::test]
async fn process_that_is_dropped_is_killed() {
    let mark = mark();
    let mut process = shell(&mark, "sleep 1000 & wait");
    let cx = Context::detached("a");
    process.init(&cx).await.unwrap();
    let pids = until_marked(&mark, 2).await;
    drop(process);
    until("nothing is left", || pids.iter().all(|pid| !exists(*pid))).await;
    assert_gone(&mark, &pids);
}

#[tokio::test]
async fn stop_that_is_dropped_kills_the_process() {
    let mark = mark();
    let mut process = shell(&mark, "trap '' TERM; sleep 1000 & while :; do sleep 1000; done");
    let cx = Context::detached("a");
    process.init(&cx).await.unwrap();
    let pids = until_marked(&mark, 2).await;
    assert!(tokio::time::timeout(50 * MS, process.stop(&cx)).await.is_err());
    until("nothing is left", || pids.iter().all(|pid| !exists(*pid))).await;
    drop(process);
}

#[tokio::test]
async fn second_init_ends_the_first_process() {
    let mark = mark();
    let mut process = shell(&mark, "sleep 1000");
    let cx = Context::detached("a");
    process.init(&cx).await.unwrap();
    let first = until_marked(&mark, 1).await;
    process.init(&cx).await.unwrap();
    until("the first is gone", || first.iter().all(|pid| !exists(*pid))).await;
    process.stop(&cx).await.unwrap();
    assert_gone(&mark, &first);
}
