//! Services on threads in processes of their own: this test program, run again.

use rxd::{BlockingContext, BlockingRunner, Context, Daemon, LocalRunner, Options, Report, Service, State};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the process that a test starts.
const CHILD: &str = "RXD_TEST_CHILD";

const SECOND: Duration = Duration::from_secs(1);

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs this test alone in a process of its own, with this many file descriptors at most. Asserts
/// that it passes, and ends in time.
fn run_again(test: &str, descriptors: u32) {
    let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let began = Instant::now();
    let output = command.env(CHILD, "1").stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    assert!(began.elapsed() < 20 * SECOND, "{:?}", began.elapsed());
}

fn run(test: impl Future<Output = Report>) -> Report {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

struct Never;

impl BlockingRunner for Never {
    fn run(&mut self, _: &BlockingContext) -> rxd::Result {
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn process_with_a_thread_that_never_returns_ends() {
    if !is_child() {
        return run_again("process::process_with_a_thread_that_never_returns_ends", 256);
    }
    let report = run(async {
        let daemon = Daemon::new("d").add(Service::blocking("never", Never)).signals([]).shutdown_timeout(SECOND);
        let handle = daemon.start().await.unwrap();
        handle.wait_for("never", State::Run).await.unwrap();
        handle.shutdown();
        handle.wait().await
    });
    assert!(report.to_string().ends_with("it blocks its thread in run"), "{report}");
    // Now this process ends, or its parent waits for ever.
}

struct Quiet;

impl LocalRunner for Quiet {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[test]
fn thread_that_cannot_be_started_is_a_failure_of_init_and_is_tried_again() {
    if !is_child() {
        return run_again("process::thread_that_cannot_be_started_is_a_failure_of_init_and_is_tried_again", 64);
    }
    let report = run(async {
        let options = Options::DEFAULT.startup_delay(Duration::from_millis(100));
        let mut made = 0;
        let local = Service::local("gui", move || {
            made += 1;
            assert_eq!(made, 1, "it is made once its thread has started");
            Quiet
        });
        let handle = Daemon::new("d").add(local.options(options)).signals([]).start().await.unwrap();
        // No descriptor is left for the runtime of the thread.
        let files: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        assert!(files.len() < 64);
        handle.wait_for("gui", State::Stop).within(10 * SECOND).await.unwrap();
        drop(files);
        handle.wait_for("gui", State::Run).within(10 * SECOND).await.unwrap();
        handle.shutdown();
        handle.wait().await
    });
    let error = report.services()[0].error.clone().unwrap();
    assert!(error.starts_with("cannot start the thread of service `gui`: ") && error.contains("files"), "{error}");
    assert!(report.is_ok(), "{report}");
}
