//! What a process is started with, and what is wrong if it cannot be.

use crate::*;
use rxd::manager::until_success;
use rxd::process::Output;

/// Runs a job to its end, and returns its records.
async fn run(process: Process) -> String {
    let (records, _guard) = Records::capture();
    let job = Service::new("child", process.stdout(Output::Info)).options(options()).manager(until_success);
    let report = Daemon::new("d").add(job).signals([]).start().await.unwrap().wait().await;
    assert!(report.is_ok(), "{report}");
    records.text()
}

/// The error of a process that cannot be started.
async fn error(process: Process) -> String {
    let handle = start(process).await;
    let error = error_of(&handle).await;
    stop(handle).await;
    error
}

#[tokio::test]
async fn environment_directory_and_input_are_as_set() {
    let script = "echo a=$A b=$B pwd=$(pwd) input=$(cat).";
    let process = Process::new("sh").args(["-c", script]).env("A", "1").env("B", "2").env_remove("B");
    let directory = std::env::temp_dir().canonicalize().unwrap();
    let text = run(process.current_dir(&directory).stdin("given\n")).await;
    let line = format!("a=1 b= pwd={} input=given.", directory.display());
    assert!(text.contains(&line), "{text}");
}

/// A daemon that a service manager has started. What is for it alone is not passed on.
pub(crate) fn managed_daemon() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let script = "echo of=$NOTIFY_SOCKET,$WATCHDOG_USEC,$LISTEN_FDS other=$OTHER.";
    let text = runtime.block_on(run(Process::new("sh").args(["-c", script])));
    assert!(text.contains("of=,, other=1."), "{text}");
    let own = Process::new("sh").args(["-c", script]).env("LISTEN_FDS", "2");
    let text = runtime.block_on(run(own));
    assert!(text.contains("of=,,2 other=1."), "{text}");
}

#[test]
fn variables_of_the_service_manager_are_not_passed_on() {
    let mut command = crate::helper::command("managed");
    let variables =
        [("NOTIFY_SOCKET", "/no/such/socket"), ("WATCHDOG_USEC", "9000000"), ("LISTEN_FDS", "0"), ("OTHER", "1")];
    let output = command.envs(variables).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn empty_environment_has_only_what_is_added() {
    let text = run(Process::new("/usr/bin/env").env("LOST", "1").env_clear().env("KEPT", "1")).await;
    assert!(text.contains("KEPT=1") && !text.contains("LOST") && !text.contains("PATH="), "{text}");
}

#[tokio::test]
async fn without_input_it_is_at_its_end() {
    let text = run(Process::new("sh").args(["-c", "echo read=$(cat)."])).await;
    assert!(text.contains("read=."), "{text}");
}

#[tokio::test]
async fn input_that_is_not_read_holds_nothing_up() {
    let text = run(Process::new("sh").args(["-c", "sleep 0.2; echo done"]).stdin(vec![b'x'; 1 << 20])).await;
    assert!(text.contains("done"), "{text}");
    let mark = mark();
    let handle = start(shell(&mark, "sleep 1000").stdin(vec![b'x'; 1 << 20])).await;
    until_run(&handle).await;
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn process_of_another_user_has_its_numbers_and_no_other_groups() {
    if !is_root() {
        return;
    }
    let script = Process::new("sh").args(["-c", "echo ids=$(id -u):$(id -g):$(id -G)."]).user(65534, 65534);
    let text = run(script.current_dir("/")).await;
    assert!(text.contains("ids=65534:65534:65534."), "{text}");
}

fn is_root() -> bool {
    let id = std::process::Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

#[tokio::test]
async fn program_that_cannot_be_started_is_named_with_the_reason() {
    let directory = std::env::temp_dir().join(format!("rxd-start-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let plain = directory.join("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    let script = directory.join("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::process::Command::new("chmod").arg("+x").arg(&script).status().unwrap();

    let text = error(Process::new("rxd-no-such-program")).await;
    assert!(
        text.starts_with("failed to start `rxd-no-such-program`: there is no such program in PATH, which is `"),
        "{text}"
    );
    let text = error(Process::new("rxd-no-such-program").env("PATH", "/nowhere")).await;
    assert!(text.contains("in PATH, which is `/nowhere`"), "{text}");
    let text = error(Process::new("/no/such/program")).await;
    assert_eq!(text, "failed to start `/no/such/program`: there is no such file");
    let text = error(Process::new(&plain)).await;
    assert!(text.contains("make it executable, `chmod +x`"), "{text}");
    let text = error(Process::new(&script)).await;
    assert!(text.contains("not the interpreter in its first line"), "{text}");
    let text = error(Process::new(&directory)).await;
    assert!(text.ends_with("it is a directory"), "{text}");
    let text = error(Process::new("sh").current_dir("/no/such/folder")).await;
    assert!(text.ends_with("its working directory `/no/such/folder` does not exist"), "{text}");
    let text = error(Process::new("sh").arg("a\0b")).await;
    assert!(text.contains("nul byte"), "{text}");
    let text = error(Process::new("")).await;
    assert!(text.starts_with("failed to start ``: "), "{text}");
    fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn arguments_and_variables_are_not_printed() {
    let shown = format!("{:?}", Process::new("sh").arg("secret").env("TOKEN", "secret").stdin("secret"));
    assert!(shown.contains("sh") && !shown.contains("secret"), "{shown}");
}
