//! The end of a process, its group, a stop and a reload.

use crate::*;
use rxd::manager::until_success;
use rxd::{Signal, process::Ready};

#[tokio::test]
async fn dependents_leave_run_with_the_process_and_come_back() {
    let mark = mark();
    let handle = start(shell(&mark, "sleep 1000 & wait")).await;
    until_run(&handle).await;
    let first = until_marked(&mark, 2).await;
    let leader = *first.iter().min().unwrap();
    kill("KILL", leader);
    assert_eq!(error_of(&handle).await, "`sh` was killed by signal 9 (SIGKILL)");
    until("it is restarted", || handle.states()["child"].restarts > 0).await;
    until_run(&handle).await;
    until("all of the first is gone", || first.iter().all(|pid| !exists(*pid))).await;
    stop(handle).await;
    assert_gone(&mark, &first);
}

#[tokio::test]
async fn process_that_ends_with_a_status_is_a_failure_that_says_so() {
    let mark = mark();
    let handle = start(shell(&mark, "sleep 0.2; echo 'out of disk' >&2; exit 3")).await;
    assert_eq!(error_of(&handle).await, "`sh` exited with status 3; its last lines: out of disk");
    stop(handle).await;
}

#[tokio::test]
async fn job_that_ends_with_status_zero_has_completed() {
    for script in ["exit 0", "sleep 0.2"] {
        let job = Service::new("child", shell(&mark(), script)).manager(until_success);
        let report = Daemon::new("d").add(job).signals([]).start().await.unwrap().wait().await;
        assert!(report.is_ok(), "{report}");
    }
}

#[tokio::test]
async fn process_that_forks_and_ends_is_named_and_nothing_of_it_is_left() {
    let mark = mark();
    let handle = start(shell(&mark, "sleep 1000 & sleep 0.2")).await;
    let error = error_of(&handle).await;
    assert!(error.starts_with("`sh` exited with status 0, and has left processes in its group"), "{error}");
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn stop_waits_for_the_whole_group_to_end_by_itself() {
    let (mark, done) = (mark(), std::env::temp_dir().join(format!("rxd-done-{}", std::process::id())));
    let _ = fs::remove_file(&done);
    // The shell in front ends at once, the one behind it saves something.
    let save = format!("trap 'sleep 0.5; echo saved > {}; exit' TERM; while :; do sleep 0.05; done", done.display());
    let handle = start(shell(&mark, &format!("({save}) & wait"))).await;
    until_run(&handle).await;
    let pids = until_marked(&mark, 2).await;
    stop(handle).await;
    assert_eq!(fs::read_to_string(&done).unwrap_or_default(), "saved\n");
    assert_gone(&mark, &pids);
    fs::remove_file(&done).unwrap();
}

#[tokio::test]
async fn process_that_ignores_the_signal_is_killed_with_its_group_within_the_limit() {
    let mark = mark();
    let (records, _guard) = Records::capture();
    let process = shell(&mark, "trap '' TERM; sleep 1000 & while :; do sleep 1000; done");
    let options = options().timeout_of(State::Stop, Duration::from_secs(1));
    let handle = start_with(Service::new("child", process).options(options)).await;
    until_run(&handle).await;
    let pids = until_marked(&mark, 2).await;
    stop(handle).await;
    assert!(
        records.has("`sh`, or what it has started, did not end within 800ms of SIGTERM: the group is killed"),
        "{}",
        records.text()
    );
    assert_gone(&mark, &pids);
}

#[tokio::test]
async fn stop_signal_is_the_one_that_is_set() {
    let mark = mark();
    let (records, _guard) = Records::capture();
    let script = "trap '' TERM; trap 'echo interrupted; exit 0' INT; while :; do sleep 0.05; done";
    let handle = start(shell(&mark, script).stop_signal(Signal::INTERRUPT)).await;
    until_run(&handle).await;
    stop(handle).await;
    assert!(records.has("interrupted"), "what it writes at the end is recorded: {}", records.text());
    assert!(records.has("it exited with status 0"), "{}", records.text());
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn forced_shutdown_kills_the_group() {
    let mark = mark();
    let process = Service::new("child", shell(&mark, "trap '' TERM; sleep 1000 & while :; do sleep 1000; done"));
    let daemon = Daemon::new("d").add(process).signals([]).shutdown_timeout(300 * MS);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("child", State::Run).await.unwrap();
    let pids = until_marked(&mark, 2).await;
    handle.shutdown();
    let _report = handle.wait().await;
    // The runtime waits for what is killed so.
    until("nothing is left", || pids.iter().all(|pid| !exists(*pid))).await;
    assert_gone(&mark, &pids);
}

#[test]
fn runtime_that_is_dropped_kills_the_group() {
    let mark = mark();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let pids = runtime.block_on(async {
        let handle = start(shell(&mark, "trap '' TERM; sleep 1000 & while :; do sleep 1000; done")).await;
        until_run(&handle).await;
        until_marked(&mark, 2).await
    });
    drop(runtime);
    let begun = Instant::now();
    while !marked(&mark).is_empty() {
        assert!(begun.elapsed() < STEP_LIMIT, "{pids:?} are left");
        std::thread::sleep(5 * MS);
    }
}

#[tokio::test]
async fn reload_sends_its_signal_to_the_process_alone_and_leaves_it_running() {
    let mark = mark();
    let (records, _guard) = Records::capture();
    // Of those that get it, each says so.
    let script = "trap 'echo outer reloads' HUP; sh -c \"trap 'echo inner reloads' HUP; while :; do sleep 0.05; done\" & \
                  echo begun; while :; do sleep 0.05; done";
    let handle = start(shell(&mark, script).ready(Ready::line("begun")).reload_signal(Signal::HANGUP)).await;
    until_run(&handle).await;
    until_marked(&mark, 2).await;
    for _ in 0..3 {
        handle.reload("child").await.unwrap();
        until_run(&handle).await;
    }
    records.until("outer reloads").await;
    assert!(!records.has("inner reloads"));
    assert_eq!(handle.states()["child"].restarts, 0);
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn reload_without_a_signal_changes_nothing() {
    let mark = mark();
    let (records, _guard) = Records::capture();
    let handle = start(shell(&mark, "while :; do echo tick; sleep 0.02; done")).await;
    until_run(&handle).await;
    let before = *until_marked(&mark, 1).await.iter().min().unwrap_or(&0);
    handle.reload("child").await.unwrap();
    let seen = records.text().matches("tick").count();
    until("its output is read on", || records.text().matches("tick").count() > seen + 3).await;
    assert_eq!(marked(&mark).iter().min().copied().unwrap_or(0), before);
    stop(handle).await;
}

#[tokio::test]
async fn reload_does_not_complete_a_job() {
    let mark = mark();
    let job = Service::new("child", shell(&mark, "sleep 1000")).manager(until_success);
    let handle = Daemon::new("d").add(job).signals([]).start().await.unwrap();
    handle.wait_for("child", State::Run).await.unwrap();
    let pids = until_marked(&mark, 1).await;
    handle.reload("child").await.unwrap();
    tokio::time::sleep(50 * MS).await;
    assert!(handle.states()["child"].is_in(State::Run));
    assert_eq!(marked(&mark), pids);
    stop(handle).await;
    assert_gone(&mark, &pids);
}

#[tokio::test]
async fn operator_restarts_stops_and_starts_a_process() {
    let mark = mark();
    let handle = start(shell(&mark, "sleep 1000")).await;
    until_run(&handle).await;
    let first = until_marked(&mark, 1).await;
    handle.restart("child").await.unwrap();
    until_run(&handle).await;
    handle.stop("child").await.unwrap();
    handle.wait_for("child", State::Exit).await.unwrap();
    assert_gone(&mark, &first);
    handle.start("child").await.unwrap();
    until_run(&handle).await;
    stop(handle).await;
    assert_gone(&mark, &first);
}

#[tokio::test]
async fn declared_process_delegates_and_has_watches() {
    use rxd::process::Process;

    #[rxd::service(name = "child", delegate)]
    #[watch(any, entering, Run, "api", then(init))]
    struct Sidecar(Process);

    #[rxd::service(name = "api")]
    struct First;
    impl Runner for First {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }

    #[rxd::daemon(signals())]
    struct Pair {
        sidecar: Sidecar,
        first: First,
    }

    let mark = mark();
    let handle = Pair { sidecar: Sidecar(shell(&mark, "sleep 1000")), first: First }.start().await.unwrap();
    handle.wait_for("child", State::Run).await.unwrap();
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn process_that_is_stopped_gets_the_signal() {
    let mark = mark();
    let options = options().timeout_of(State::Stop, Duration::from_secs(3600));
    let handle = start_with(Service::new("child", shell(&mark, "exec sleep 1000")).options(options)).await;
    until_run(&handle).await;
    let pids = until_marked(&mark, 1).await;
    kill("STOP", pids[0]);
    // Within the limit of the test, and not that of Stop.
    stop(handle).await;
    assert_gone(&mark, &pids);
}
