//! Standard streams and files of a real process: F76, F77, G44.
//!
//! Each test runs this program again, with the name of a part in its environment, and checks what
//! that process writes.
#![allow(clippy::print_stdout, reason = "a part reports to its test on standard output")]

use rxd::log::Level;
use rxd::{Context, Daemon, Runner, Service, State};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PART: &str = "RXD_LOG_TEST_PART";

/// A command that runs this part of the program.
fn run_part(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "console::part", "--nocapture", "--test-threads=1"]);
    command.env(PART, part).env_remove("RUST_LOG").env_remove("NO_COLOR").env_remove("JOURNAL_STREAM");
    command
}

/// Logs far more than a pipe holds, then starts, restarts and stops a daemon whose service logs all
/// the time.
fn flood() {
    for n in 0..20_000 {
        tracing::info!(n, "{}", "x".repeat(100));
    }
    struct Loud;
    impl Runner for Loud {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            while !cx.is_cancelled() {
                tracing::info!("still here");
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let handle = Daemon::new("d").signals([]).add(Service::new("loud", Loud)).start().await.unwrap();
        handle.wait_for("loud", State::Run).await.unwrap();
        handle.restart("loud").await.unwrap();
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    });
}

/// Logs what `RUST_LOG` of the test is about.
fn environment(guard: rxd::log::LogGuard) {
    tracing::info!("an information");
    tracing::trace!(target: "hyper::client", "a connection");
    tracing::warn!("a warning");
    drop(guard);
}

/// What the process that `run_part` starts does. As a test by itself it does nothing.
#[test]
fn part() {
    let Ok(part) = std::env::var(PART) else { return };
    let builder = rxd::log::builder().internal_level(Level::Debug);
    let dropped = || rxd::log::dropped_records().iter().map(|(_, dropped)| dropped).sum::<u64>();
    match &part[..] {
        "flood" => {
            let guard = builder.init().unwrap();
            flood();
            println!("dropped={}", dropped());
            drop(guard);
        }
        "full" => {
            let guard = builder.console(false).internal_file("/dev/full", 1 << 20, 0).init().unwrap();
            flood();
            drop(guard);
            println!("dropped={}", dropped());
        }
        "split" => {
            let _guard = builder.split_stdout(true).init().unwrap();
            tracing::info!("to out");
            tracing::warn!("to err");
        }
        "plain" => {
            let _guard = builder.init().unwrap();
            tracing::info!("hello");
            tracing::error!("ouch");
        }
        "init" => environment(rxd::log::init().unwrap()),
        "builder" => environment(rxd::log::builder().init().unwrap()),
        "layer" => {
            use tracing_subscriber::prelude::*;
            let (logs, guard) = rxd::log::builder().layer().unwrap();
            tracing_subscriber::registry().with(logs).init();
            environment(guard);
        }
        "levels" => environment(rxd::log::builder().levels("warn,hyper=trace").init().unwrap()),
        "coloured" => {
            let _guard = builder.colours(true).init().unwrap();
            tracing::info!("hello");
            tracing::error!("ouch");
        }
        "file" => {
            let path = std::env::var("RXD_LOG_TEST_FILE").unwrap();
            let _guard = rxd::log::builder().internal_file(path, 1 << 20, 1).init().unwrap();
            tracing::info!("mine");
            flood();
        }
        "twice" => {
            let _guard = rxd::log::init().unwrap();
            assert!(rxd::log::init().is_err());
        }
        #[cfg(feature = "journald")]
        "journald" => {
            let _guard = builder.journald_at(std::env::var("RXD_LOG_TEST_SOCKET").unwrap()).init().unwrap();
            tracing::info!("hello");
        }
        #[cfg(feature = "journald")]
        "no journal" => {
            let _guard = builder.console(false).journald_at("/nonexistent/socket").init().unwrap();
            tracing::info!("hello");
        }
        other => panic!("unknown part {other}"),
    }
}

fn ends_within(child: &mut Child, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    false
}

fn out_of(child: &mut Child) -> String {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

fn dropped(text: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.split_once("dropped="))
        .expect("the part prints its count of dropped records");
    line.1.parse().unwrap()
}

#[test]
fn f76_stderr_into_a_full_pipe_delays_no_service() {
    let mut child = run_part("flood").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The child holds the pipe open and is not read from.
    assert!(ends_within(&mut child, Duration::from_secs(60)), "no service waits for the pipe");
    assert!(dropped(&out_of(&mut child)) > 10_000);
}

#[test]
fn f76_stderr_into_a_closed_pipe_ends_no_process() {
    let mut child = run_part("flood").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert!(ends_within(&mut child, Duration::from_secs(60)), "SIGPIPE does not end it either");
    assert!(dropped(&out_of(&mut child)) > 10_000);
}

#[test]
#[cfg(unix)]
fn f77_internal_file_on_a_full_disk_drops_and_counts_records() {
    let mut child = run_part("full").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    assert!(ends_within(&mut child, Duration::from_secs(60)));
    assert!(dropped(&out_of(&mut child)) > 10, "the transitions that could not be written are counted");
}

#[test]
fn split_stdout_sends_warnings_and_errors_to_stderr() {
    let output = run_part("split").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("to out") && !out.contains("to err"), "{out}");
    assert!(err.contains("to err") && !err.contains("to out"), "{err}");
    assert!(!err.contains('\x1b'), "a pipe gets no colours");
}

#[test]
fn g61_log_with_colours_asked_for_writes_them_into_a_pipe() {
    let output = run_part("coloured").output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !err.contains("tracing-subscriber"), "{}: {err}", output.status);
    assert!(err.contains("\x1b[32m INFO\x1b[0m") && err.contains("\x1b[31mERROR\x1b[0m"), "{err:?}");
}

#[test]
fn internal_file_gets_the_internal_records_and_no_others() {
    let path = std::env::temp_dir().join(format!("rxd-internal-{}.log", std::process::id()));
    let output = run_part("file").env("RXD_LOG_TEST_FILE", &path).output().unwrap();
    assert!(output.status.success());
    let internal = std::fs::read_to_string(&path).unwrap();
    let _ = std::fs::remove_file(&path);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(internal.lines().all(|line| line.contains(" rxd")) && internal.contains("rxd::state"), "{internal}");
    assert!(err.contains("mine") && !err.contains("rxd::state"));
}

#[test]
fn init_with_a_subscriber_already_set_returns_an_error() {
    assert!(run_part("twice").output().unwrap().status.success());
}

#[cfg(unix)]
#[test]
fn lines_into_the_journal_begin_with_their_priority() {
    use std::os::unix::fs::MetadataExt;
    let path = std::env::temp_dir().join(format!("rxd-journal-stream-{}", std::process::id()));
    let file = std::fs::File::create(&path).unwrap();
    let meta = file.metadata().unwrap();
    let stream = format!("{}:{}", meta.dev(), meta.ino());
    let status = run_part("plain").env("JOURNAL_STREAM", stream).stderr(file).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    let text = std::fs::read_to_string(&path).unwrap();
    let _ = std::fs::remove_file(&path);
    assert!(text.contains("<6>log::console: hello\n<3>log::console: ouch\n"), "{text}");
}

#[cfg(all(unix, feature = "journald"))]
#[test]
fn journald_with_stderr_in_the_journal_writes_each_record_once() {
    use std::os::unix::fs::MetadataExt;
    let path = std::env::temp_dir().join(format!("rxd-journal-twice-{}", std::process::id()));
    let socket = std::os::unix::net::UnixDatagram::bind(path.with_extension("sock")).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let meta = file.metadata().unwrap();
    let mut command = run_part("journald");
    command.env("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino()));
    command.env("RXD_LOG_TEST_SOCKET", path.with_extension("sock"));
    assert!(command.stderr(file).stdout(Stdio::null()).status().unwrap().success());
    let mut bytes = [0; 4096];
    let count = socket.recv(&mut bytes).unwrap();
    assert!(String::from_utf8_lossy(&bytes[..count]).contains("MESSAGE=hello"));
    let text = std::fs::read_to_string(&path).unwrap();
    let _ = std::fs::remove_file(path.with_extension("sock"));
    let _ = std::fs::remove_file(&path);
    assert!(!text.contains("hello"), "{text}");
}

#[cfg(all(unix, feature = "journald"))]
#[test]
fn journald_without_a_journal_writes_to_stderr() {
    let output = run_part("no journal").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("hello"), "{output:?}");
}

#[test]
fn t_log_environment_is_read_alike_and_what_is_wrong_in_it_is_one_warning() {
    let written = |part: &str, levels: &str| {
        let output = run_part(part).env("RUST_LOG", levels).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for part in ["init", "builder", "layer"] {
        let text = written(part, "warn,hyper,=2,=info/re,app[span]=debug,debug;a=warn,[x]");
        let warning = "RUST_LOG: `=2`, `=info/re`, `app[span]=debug`, `debug;a=warn`, `[x]` is ignored; write ";
        assert_eq!(text.matches(warning).count(), 1, "{part}: {text}");
        assert_eq!(text.matches("RUST_LOG").count(), 1, "{part}: {text}");
        assert!(text.contains("a connection") && text.contains("a warning"), "{part}: {text}");
        assert!(!text.contains("an information"), "{part}: {text}");
        assert!(!written(part, "info").contains("RUST_LOG"));
    }
    // A program that says its levels itself decides.
    let text = written("levels", "=2,error");
    assert!(text.contains("a connection") && !text.contains("RUST_LOG"), "{text}");
}
