//! Group E: real signals to real processes, and their exit status (G18, G20).
//!
//! Each test runs this test program again, with the daemon of [`daemon`] that it names. After the
//! deadline only 100 ms of real time are left, in which a busy machine may run no task at all. So
//! `limits` tests in paused time what happens within them, and in which order.

use crate::program::{CHOICE, Program, code_of, lines_ending_with, print_line};
use rxd::prestart::Stage;
use rxd::testing::{Behavior, FakeService, ReloadingFake};
use rxd::{Configure, Context, Daemon, Options, Runner, Service, Signal, State};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

fn prints(line: &'static str) -> Behavior {
    Behavior::call(async move |_| {
        print_line(line);
        Ok(())
    })
}

/// Prints `{name} runs` and `{name} stops`.
fn chatty(name: &'static str) -> FakeService {
    let run = Behavior::call(move |cx: Context| async move {
        print_line(&format!("{name} runs"));
        cx.cancelled().await;
        Ok(())
    });
    let stop = Behavior::call(move |_| async move {
        print_line(&format!("{name} stops"));
        Ok(())
    });
    FakeService::new().on(State::Run, [run]).on(State::Stop, [stop])
}

fn plain(name: &'static str) -> Service {
    Service::new(name, chatty(name))
}

/// Ignores cancellation.
fn stubborn(name: &'static str) -> Service {
    let run = Behavior::call(move |_| async move {
        print_line(&format!("{name} runs"));
        std::future::pending().await
    });
    let options = Options::DEFAULT.timeout_of(State::Stop, Duration::from_secs(3600));
    let fake = chatty(name).on(State::Run, [run]).on_reload([prints("stubborn reloads")]);
    Service::new(name, ReloadingFake(fake)).options(options)
}

/// Blocks its thread for longer than any test lasts.
fn blocked(name: &'static str) -> Service {
    let run = Behavior::call(move |_| async move {
        print_line(&format!("{name} runs"));
        std::thread::sleep(Duration::from_secs(3600));
        Ok(())
    });
    Service::new(name, chatty(name).on(State::Run, [run]))
}

/// Prints `{name} drains` once it is to.
fn drains(name: &'static str) -> Service {
    let run = Behavior::call(move |cx: Context| async move {
        print_line(&format!("{name} runs"));
        cx.draining().await;
        print_line(&format!("{name} drains"));
        cx.cancelled().await;
        Ok(())
    });
    Service::new(name, chatty(name).on(State::Run, [run]))
}

/// Blocks on a log whose pipe is full.
fn waits_for_the_log(name: &'static str) -> Service {
    let run = Behavior::call(move |_| async move {
        print_line(&format!("{name} runs"));
        // More than the pipe holds.
        loop {
            tracing::error!("{}", "a long line ".repeat(100));
        }
    });
    Service::new(name, chatty(name).on(State::Run, [run]))
}

fn reloads(name: &'static str, reload: Behavior) -> Service {
    Service::new(name, ReloadingFake(chatty(name).on_reload([reload])))
}

/// Counts its calls: the second candidate is refused.
fn load() -> rxd::Result<u32> {
    static LOADS: AtomicU32 = AtomicU32::new(1);
    Ok(LOADS.fetch_add(1, Ordering::Relaxed))
}

struct Takes(u32);

impl Configure<u32> for Takes {
    fn check(new: &u32) -> rxd::Result {
        print_line(&format!("a checks {new}"));
        if *new == 2 { Err("`port` must not be 2".into()) } else { Ok(()) }
    }

    async fn apply(&mut self, new: &u32, _: &Context) -> rxd::Result {
        self.0 = *new;
        Ok(())
    }
}

impl Runner for Takes {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        print_line(&format!("a runs {}", self.0));
        cx.cancelled().await;
        Ok(())
    }
}

fn daemon(name: &str) -> Daemon {
    let daemon = Daemon::new("program").shutdown_timeout(Duration::from_secs(3600));
    let fails = || {
        Service::new("bad", FakeService::new().on(State::Init, [Behavior::Fail]))
            .options(Options::DEFAULT.restarts(0, Duration::from_secs(1)))
    };
    match name {
        "two" => daemon.add(plain("a")).add(plain("b").needs(["a"])),
        "stubborn" | "limit" => {
            let limit = if name == "limit" { Duration::from_millis(200) } else { Duration::from_secs(3600) };
            daemon.shutdown_timeout(limit).add(stubborn("a")).add(plain("b").needs(["a"]))
        }
        "draining" => daemon.drain(Duration::from_secs(3600)).add(drains("a")),
        "short-drain" => daemon.drain(Duration::from_millis(700)).add(drains("a")),
        "blocked-drain" => {
            let limit = Duration::from_millis(300);
            daemon.drain(Duration::from_millis(500)).shutdown_timeout(limit).add(blocked("a"))
        }
        "blocked" => daemon.add(blocked("a")),
        "log" => {
            tracing_subscriber::fmt().with_writer(std::io::stderr).init();
            daemon.blocking_threshold(Duration::from_millis(50)).add(waits_for_the_log("a"))
        }
        "failing" => daemon.exit_code(3).add(fails()),
        "exit-code-zero" => daemon.exit_code(0).add(fails()),
        "failing-prestart" => {
            daemon.exit_code(4).prestart(Stage::new("port", async || Err("refused".into()))).add(plain("a"))
        }
        "prestart" => daemon
            .prestart(Stage::new("slow", || {
                print_line("stage runs");
                std::future::pending::<rxd::Result>()
            }))
            .add(Service::new("a", chatty("a").on(State::Init, [prints("a inits")]))),
        "blocked-prestart" => daemon
            .prestart(Stage::new("blocks", async || {
                print_line("a runs");
                std::thread::sleep(Duration::from_secs(3600));
                Ok(())
            }))
            .add(plain("a")),
        "reload-after-prestart" => daemon
            .prestart(Stage::new("slow", async || {
                print_line("stage runs");
                tokio::time::sleep(Duration::from_millis(800)).await;
                Ok(())
            }))
            .add(reloads("a", prints("a reloads"))),
        "reload" => daemon.add(reloads("a", prints("a reloads"))).add(plain("b").needs(["a"])),
        "reload-fails" => daemon.add(reloads("a", Behavior::Fail)),
        "reload-slow" => daemon.add(reloads(
            "a",
            Behavior::call(async |_| {
                print_line("a reloads");
                tokio::time::sleep(Duration::from_millis(300)).await;
                print_line("a reloaded");
                Ok(())
            }),
        )),
        "config" => {
            tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
            daemon.config(load).add(Service::configured::<u32>("a", Takes(0)))
        }
        "extra" => daemon.signals([Signal::TERMINATE, Signal::USER1, Signal::HANGUP]).add(plain("a")),
        _ => panic!("there is no program `{name}`"),
    }
}

/// The test that runs the daemon.
const PROGRAM: &str = "signals::program";

/// Not a test: the program that the tests run.
#[test]
fn program() {
    let Ok(name) = std::env::var(CHOICE) else { return };
    let (name, single) = match name.strip_prefix("single ") {
        Some(name) => (name, true),
        None => (&*name, false),
    };
    let mut builder = match single {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let (name, as_started) = match name.strip_prefix("as-started ") {
        Some(name) => (name, true),
        None => (name, false),
    };
    // The tests themselves may be run with these ignored.
    if !as_started {
        let _runtime = runtime.enter();
        for kind in [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()] {
            drop(signal(kind).unwrap());
        }
    }
    let code = runtime.block_on(daemon(name).main());
    drop(runtime);
    // As at the end of `main`.
    std::process::exit(if code == std::process::ExitCode::SUCCESS { 0 } else { code_of(code) });
}

#[test]
fn f65_first_signal_stops_gracefully_in_order() {
    for (signal, name) in [("TERM", "two"), ("INT", "single two")] {
        let (code, output, _) = Program::start(PROGRAM, name).until("b runs").signal(signal).end();
        assert_eq!(code, 0, "G20");
        assert_eq!(lines_ending_with(&output, "stops"), ["b stops", "a stops"]);
    }
}

#[test]
fn f66_second_signal_ends_all_limits() {
    let (code, _, errors) =
        Program::start(PROGRAM, "stubborn").until("a runs").signal("TERM").pause().signal("INT").end();
    assert_eq!(code, 1, "G20: a service was abandoned");
    assert!(errors.contains("service `a` was abandoned: it did not leave run within its limit"), "{errors}");
}

#[test]
fn g18_second_signal_ends_a_drain_and_the_third_the_process() {
    for name in ["draining", "single draining"] {
        let program = Program::start(PROGRAM, name).until("a runs").signal("TERM").until("a drains").pause();
        let (code, output, errors) = program.signal("TERM").end();
        assert_eq!((code, lines_ending_with(&output, "stops")), (0, vec!["a stops".to_owned()]), "{name}: {errors}");
    }
    // A thread that is blocked for an hour keeps the supervisor from acting: the monitor does.
    let program = Program::start(PROGRAM, "single blocked-drain").until("a runs").signal("TERM").pause();
    let (code, _, errors) = program.signal("INT").end();
    assert_eq!(code, 1, "{errors}");
}

#[test]
fn g14_drain_ends_by_itself_also_where_code_blocks() {
    let began = std::time::Instant::now();
    let (code, output, _) = Program::start(PROGRAM, "short-drain").until("a runs").signal("TERM").end();
    assert_eq!(
        (code, lines_ending_with(&output, "s")),
        (0, ["a runs", "a drains", "a stops"].map(str::to_owned).into())
    );
    assert!(began.elapsed() >= Duration::from_millis(700));
    for name in ["blocked-drain", "single blocked-drain"] {
        let began = std::time::Instant::now();
        let (code, _, errors) = Program::start(PROGRAM, name).until("a runs").signal("TERM").end();
        assert!(began.elapsed() >= Duration::from_millis(800), "the drain, and the shutdown timeout");
        assert_eq!(code, 1, "{name}: {errors}");
    }
}

/// Ctrl-C stops at once.
#[cfg(target_os = "linux")]
#[test]
fn signal_in_a_terminal_does_not_drain() {
    let program = Program::start_by(in_terminal(""), PROGRAM, "draining").until("a runs");
    let (_, output, errors) = program.shell("kill -s TERM $(cat /proc/$PID/task/$PID/children)").end();
    assert_eq!(lines_ending_with(&output, "stops"), ["a stops"], "{errors}");
}

#[test]
fn g14_shutdown_deadline_abandons_a_hanging_service() {
    let (code, _, errors) = Program::start(PROGRAM, "limit").until("a runs").signal("TERM").end();
    assert_eq!(code, 1);
    assert!(errors.contains("`a` was abandoned"), "{errors}");
}

#[test]
fn f67_g18_third_signal_ends_the_process_at_once() {
    // Services, a prestart stage or the log block for an hour.
    let cases = [
        ("blocked", "TERM", 143),
        ("single blocked", "INT", 130),
        ("blocked-prestart", "INT", 130),
        ("single blocked-prestart", "TERM", 143),
        ("log", "TERM", 143),
        ("single log", "INT", 130),
    ];
    for (name, last, status) in cases {
        let program = Program::start(PROGRAM, name).until("a runs").pause();
        // If two signals count as one, a further signal is the third.
        let again = format!("sleep 1; while kill -s {last} $PID 2>/dev/null; do sleep 1; done");
        let program = program.signal("TERM").pause().signal("TERM").pause().signal(last);
        let mut again =
            Command::new("sh").args(["-c", &again]).env("PID", program.child.id().to_string()).spawn().unwrap();
        let (code, ..) = program.end();
        let _ = (again.kill(), again.wait());
        assert_eq!(code, status, "{name}");
    }
}

#[test]
fn f68_signal_storm_is_one_shutdown() {
    let storm = "i=0; while [ $i -lt 3333 ]; do kill -s USR1 $PID; kill -s HUP $PID; kill -s TERM $PID; i=$((i+1)); done 2>/dev/null; true";
    let (code, output, _) = Program::start(PROGRAM, "extra").until("a runs").shell(storm).end();
    assert_eq!(code, 0);
    assert_eq!(lines_ending_with(&output, "stops"), ["a stops"]);
}

#[test]
fn f69_signal_during_prestart_starts_no_service() {
    for signal in ["TERM", "INT"] {
        let (code, output, errors) = Program::start(PROGRAM, "prestart").until("stage runs").signal(signal).end();
        assert_eq!(code, 0, "{errors}");
        assert_eq!(lines_ending_with(&output, "inits"), [""; 0]);
    }
}

#[test]
fn f71_hangup_during_prestart_reloads_once_the_services_are_there() {
    let program = Program::start(PROGRAM, "reload-after-prestart").until("stage runs").signal("HUP");
    let (code, output, errors) = program.until("a reloads").signal("TERM").end();
    assert_eq!((code, lines_ending_with(&output, "reloads").len()), (0, 1), "{errors}");
}

#[test]
fn f70_hangup_with_nothing_to_reload_changes_nothing() {
    let program = Program::start(PROGRAM, "two").until("b runs").signal("HUP").pause().signal("HUP").pause();
    let (code, output, _) = program.signal("TERM").end();
    assert_eq!(code, 0);
    assert_eq!(lines_ending_with(&output, "runs").len(), 2, "no service is interrupted");
}

#[test]
fn f71_hangup_reloads_services() {
    let (code, output, _) =
        Program::start(PROGRAM, "reload").until("b runs").signal("HUP").until("a reloads").signal("TERM").end();
    assert_eq!(code, 0);
    assert_eq!(lines_ending_with(&output, "stops"), ["b stops", "a stops"]);
    assert_eq!(lines_ending_with(&output, "b runs").len(), 1);
}

#[test]
fn f72_reload_failing_after_hangup_leaves_the_daemon_running() {
    let program = Program::start(PROGRAM, "reload-fails").until("a runs").signal("HUP").pause();
    let (code, output, _) = program.signal("TERM").end();
    assert_eq!((code, lines_ending_with(&output, "stops").len()), (0, 1));
}

#[test]
fn f73_thousand_hangups_during_a_reload_are_one_more() {
    let storm = "i=0; while [ $i -lt 1000 ]; do kill -s HUP $PID; i=$((i+1)); done";
    let program = Program::start(PROGRAM, "reload-slow").until("a runs").signal("HUP").until("a reloads").shell(storm);
    let program = program.until("a reloaded").until("a reloads").until("a reloaded").pause();
    let (code, output, _) = program.signal("TERM").end();
    assert_eq!(code, 0);
    // If the storm outlasts the first reload, it reaches into the second as well.
    let reloads = lines_ending_with(&output, "reloads").len();
    assert!((2..=3).contains(&reloads), "{reloads}");
}

#[test]
fn hangup_with_a_refused_configuration_interrupts_nothing_and_names_service_and_field() {
    let program = Program::start(PROGRAM, "config").until("a runs 1").signal("HUP").until("a checks 2").pause();
    let (code, output, errors) = program.signal("HUP").until("a runs 3").signal("TERM").end();
    assert_eq!(code, 0, "{errors}");
    let runs = output.iter().filter(|line| line.starts_with("a runs"));
    assert_eq!(Vec::from_iter(runs), ["a runs 1", "a runs 3"]);
    let refused = "reload failed: service `a` refuses the configuration: `port` must not be 2, the old configuration \
                   stays in force";
    assert!(errors.contains(refused), "{errors}");
}

#[test]
fn f74_hangup_during_the_shutdown_is_ignored() {
    let program = Program::start(PROGRAM, "stubborn").until("a runs").signal("TERM").pause().signal("HUP").pause();
    let (code, output, _) = program.signal("TERM").end();
    assert_eq!(code, 1);
    assert_eq!(lines_ending_with(&output, "reloads"), [""; 0]);
}

#[test]
fn f75_configured_signal_stops_the_daemon() {
    for signal in ["USR1", "HUP"] {
        let (code, output, _) = Program::start(PROGRAM, "extra").until("a runs").signal(signal).end();
        assert_eq!((code, lines_ending_with(&output, "stops").len()), (0, 1));
    }
}

/// The test program, started by this script as `"$0" "$@"`.
#[cfg(target_os = "linux")]
fn by_script(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(std::env::current_exe().unwrap());
    command
}

#[cfg(target_os = "linux")]
#[test]
fn o_signals_ignored_at_the_start_neither_stop_nor_reload() {
    let ignores = r#"trap '' HUP INT QUIT; exec "$0" "$@""#;
    for (script, signals) in [(ignores, &["HUP", "INT"][..]), (r#"exec nohup "$0" "$@""#, &["HUP"])] {
        let mut program = Program::start_by(by_script(script), PROGRAM, "as-started reload").until("b runs");
        for signal in signals {
            program = program.signal(signal).pause();
        }
        let (code, output, errors) = program.signal("TERM").end();
        assert_eq!(code, 0, "{script}: {errors}");
        assert_eq!(lines_ending_with(&output, "reloads"), [""; 0], "{script}");
        assert_eq!(lines_ending_with(&output, "stops"), ["b stops", "a stops"], "{script}");
    }
}

/// In a terminal whose other end is the process `script`. What the program prints does not go
/// there.
#[cfg(target_os = "linux")]
fn in_terminal(input: &str) -> Command {
    let script = "exec 3>&1; export PROGRAM=\"exec '$0' $* INPUT >&3 2>&3\"; exec script -qfec \"$PROGRAM\" /dev/null";
    by_script(&script.replace("INPUT", input))
}

#[cfg(target_os = "linux")]
#[test]
fn o_hangup_in_a_terminal_stops_gracefully() {
    // Its standard input is the terminal, or it only leads the terminal's foreground. The signal is
    // sent by hand, or by the system when the terminal goes.
    for input in ["", "< /dev/null"] {
        for hang_up in ["kill -s HUP $(cat /proc/$PID/task/$PID/children)", "kill -s KILL $PID"] {
            let program = Program::start_by(in_terminal(input), PROGRAM, "as-started reload").until("b runs");
            let (_, output, errors) = program.shell(hang_up).end();
            assert_eq!(lines_ending_with(&output, "reloads"), [""; 0], "{errors}");
            assert_eq!(lines_ending_with(&output, "stops"), ["b stops", "a stops"], "{hang_up} {input}: {errors}");
        }
    }
}

#[cfg(feature = "unblock-signals")]
#[test]
fn gap_blocked_signal_stops_the_daemon_all_the_same() {
    use nix::sys::signal::{SigSet, Signal};
    for name in ["reload", "single reload"] {
        // A process inherits what the thread that starts it has blocked.
        let blocks = std::thread::spawn(move || {
            let mut blocked = SigSet::empty();
            blocked.extend([Signal::SIGTERM, Signal::SIGHUP]);
            blocked.thread_block().unwrap();
            Program::start(PROGRAM, name)
        });
        let program = blocks.join().unwrap().until("b runs").signal("HUP").pause();
        let (code, output, _) = program.signal("TERM").end();
        assert_eq!((code, lines_ending_with(&output, "stops").len()), (0, 2), "{name}");
        assert_eq!(lines_ending_with(&output, "reloads").len(), 1, "{name}");
    }
}

#[test]
fn g20_failure_sets_exit_status_and_is_printed() {
    let (code, _, errors) = Program::start(PROGRAM, "failing").end();
    assert_eq!(code, 3);
    assert!(
        errors.contains("Error: daemon `program` failed\n  service `bad` failed after 0 restarts: scripted failure"),
        "{errors}"
    );
    let (code, _, errors) = Program::start(PROGRAM, "failing-prestart").end();
    assert_eq!(code, 4);
    assert!(errors.contains("Error: prestart stage `port` failed: refused"), "{errors}");
}

#[test]
fn x20_daemon_refused_for_exit_code_zero_exits_with_one() {
    let (code, _, errors) = Program::start(PROGRAM, "exit-code-zero").end();
    assert_eq!(code, 1);
    assert!(errors.contains("Error: daemon `program`: `exit_code` cannot be 0\nhelp: write a number from 1 to 255"));
}
