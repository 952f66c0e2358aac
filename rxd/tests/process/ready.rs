//! When a process is ready.

use crate::helper::{free_port, process};
use crate::*;
use rxd::process::{Output, Ready};

/// Starts it, and looks that its service is in Init until it is ready, and stops it.
async fn enters_run_when_ready(process: Process, mark: &str) {
    let handle = start(process).await;
    let pids = until_marked(mark, 1).await;
    assert!(handle.states()["child"].is_in(State::Init), "it is not ready yet");
    until_run(&handle).await;
    stop(handle).await;
    assert_gone(mark, &pids);
}

#[tokio::test]
async fn process_is_ready_when_its_port_accepts() {
    let (mark, port) = (mark(), free_port());
    enters_run_when_ready(process(&mark, &format!("port {port}")).ready(Ready::port(port)), &mark).await;
}

#[tokio::test]
async fn process_is_ready_when_its_url_answers_with_success() {
    let (mark, port) = (mark(), free_port());
    let ready = Ready::http(format!("http://127.0.0.1:{port}/healthz"));
    let handle = start(process(&mark, &format!("http {port}")).ready(ready)).await;
    until_run(&handle).await;
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn process_is_ready_when_it_says_so() {
    let mark = mark();
    let sockets = || {
        let own = format!("rxd-{}-", std::process::id());
        let names = fs::read_dir(std::env::temp_dir()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with(&own)).count()
    };
    enters_run_when_ready(process(&mark, "notify").ready(Ready::notify()), &mark).await;
    assert_eq!(sockets(), 0, "the socket is removed");
}

#[tokio::test]
async fn process_is_ready_when_it_writes_the_line() {
    for redirect in ["", " >&2"] {
        let mark = mark();
        let script = format!("echo starting{redirect}; sleep 0.2; echo '1: Ready to accept'{redirect}; sleep 1000");
        enters_run_when_ready(shell(&mark, &script).ready(Ready::line("Ready to")), &mark).await;
    }
}

#[tokio::test]
async fn line_of_outputs_that_are_not_recorded_is_refused() {
    let process = shell(&mark(), "sleep 1000").stdout(Output::Discard).stderr(Output::Inherit);
    let handle = start(process.ready(Ready::line("now"))).await;
    let error = error_of(&handle).await;
    assert!(error.starts_with("`sh` was not started: it could not be seen to write the line `now`"), "{error}");
    stop(handle).await;
}

#[tokio::test]
async fn process_that_exits_before_it_is_ready_fails_with_its_status_and_last_lines() {
    let mark = mark();
    let script = "echo one >&2; echo 'bad config: no port' >&2; exit 78";
    let handle = start(shell(&mark, script).ready(Ready::line("never"))).await;
    let error = error_of(&handle).await;
    assert_eq!(error, "`sh` exited with status 78 before it was ready; its last lines: one | bad config: no port");
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn process_that_fails_at_once_never_enters_run() {
    let mark = mark();
    let handle = start(shell(&mark, "exit 1")).await;
    assert_eq!(error_of(&handle).await, "`sh` exited with status 1 before it was ready");
    stop(handle).await;
}

#[tokio::test]
async fn process_that_puts_itself_into_the_background_is_named() {
    let mark = mark();
    let handle = start(shell(&mark, "sleep 1000 & exit 0").ready(Ready::port(free_port()))).await;
    let error = error_of(&handle).await;
    assert!(
        error.contains("exited with status 0 before it was ready; if it has put itself into the background"),
        "{error}"
    );
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn process_that_is_not_ready_in_time_fails_with_the_cause_and_is_ended() {
    let (mark, port) = (mark(), free_port());
    let process = shell(&mark, "echo waits >&2; sleep 1000").ready(Ready::port(port)).ready_within(300 * MS);
    let handle = start(process).await;
    let error = error_of(&handle).await;
    let begin = format!("`sh` was not ready within 300ms: waited for a connection to 127.0.0.1:{port}: ");
    assert!(error.starts_with(&begin) && error.ends_with("; its last lines: waits"), "{error}");
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn process_whose_port_is_in_use_is_not_started() {
    let mark = mark();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let handle = start(shell(&mark, "sleep 1000").ready(Ready::port(port))).await;
    let error = error_of(&handle).await;
    let begin = format!("`sh` was not started: something answers at 127.0.0.1:{port} already");
    assert!(error.starts_with(&begin), "{error}");
    drop(other);
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn stop_before_a_process_is_ready_ends_it() {
    let mark = mark();
    let handle = start(shell(&mark, "sleep 1000").ready(Ready::line("never"))).await;
    let pids = until_marked(&mark, 1).await;
    stop(handle).await;
    assert_gone(&mark, &pids);
}

#[tokio::test]
async fn what_can_never_be_ready_is_refused_before_the_start() {
    let cases = [
        (Ready::http("https://127.0.0.1:1/"), "`https://127.0.0.1:1/` is not a URL that this probe can request"),
        (Ready::tcp("localhost"), "`localhost` has no port; write `127.0.0.1:6379`"),
        (Ready::line("ab\ncd"), "no line contains `ab\\ncd`; leave out the line end"),
    ];
    for (ready, says) in cases {
        let handle = start(shell(&mark(), "sleep 1000").ready(ready)).await;
        let error = error_of(&handle).await;
        assert!(
            error.starts_with("`sh` was not started: its `ready` cannot come: ") && error.contains(says),
            "{error}"
        );
        stop(handle).await;
    }
}

#[tokio::test]
async fn why_says_what_a_process_is_waited_for() {
    let handle = start(shell(&mark(), "sleep 1000").ready(Ready::line("never"))).await;
    until("it says so", || handle.why("child").unwrap().to_string() == "child in Init: waits for the line `never`")
        .await;
    stop(handle).await;
}
