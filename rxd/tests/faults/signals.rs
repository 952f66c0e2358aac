//! Group E: real signals to real processes, and their exit status (G18, G20).
//!
//! Each test runs this test program anew, as the one of [`daemon`] that it names. Once all limits are
//! over there are 100 ms of real time, in which a busy machine need not give anybody a turn: what
//! happens within them, and in which order, is tried in paused time, in `limits`.

use crate::program::{CHOICE, Program, code_of, say, words};
use rxd::prestart::Stage;
use rxd::testing::{Behavior, FakeService, ReloadingFake};
use rxd::{Context, Daemon, Options, Service, Signal, State};
use std::process::Command;
use std::time::Duration;

fn says(line: &'static str) -> Behavior {
    Behavior::call(async move |_| {
        say(line);
        Ok(())
    })
}

/// Says `{name} runs` and `{name} stops`.
fn chatty(name: &'static str) -> FakeService {
    let run = Behavior::call(move |cx: Context| async move {
        say(&format!("{name} runs"));
        cx.cancelled().await;
        Ok(())
    });
    let stop = Behavior::call(move |_| async move {
        say(&format!("{name} stops"));
        Ok(())
    });
    FakeService::new().on(State::Run, [run]).on(State::Stop, [stop])
}

fn plain(name: &'static str) -> Service {
    Service::new(name, chatty(name))
}

/// Never stops by itself.
fn stubborn(name: &'static str) -> Service {
    let run = Behavior::call(move |_| async move {
        say(&format!("{name} runs"));
        std::future::pending().await
    });
    let options = Options::DEFAULT.timeout_of(State::Stop, Duration::from_secs(3600));
    let fake = chatty(name).on(State::Run, [run]).on_reload([says("stubborn reloads")]);
    Service::new(name, ReloadingFake(fake)).options(options)
}

/// Blocks its thread for longer than any test lasts.
fn blocked(name: &'static str) -> Service {
    let run = Behavior::call(move |_| async move {
        say(&format!("{name} runs"));
        std::thread::sleep(Duration::from_secs(3600));
        Ok(())
    });
    Service::new(name, chatty(name).on(State::Run, [run]))
}

/// Waits for a log that nobody reads.
fn waits_for_the_log(name: &'static str) -> Service {
    let run = Behavior::call(move |_| async move {
        say(&format!("{name} runs"));
        // As much as the pipe holds, and more.
        loop {
            tracing::error!("{}", "a long line ".repeat(100));
        }
    });
    Service::new(name, chatty(name).on(State::Run, [run]))
}

fn reloads(name: &'static str, reload: Behavior) -> Service {
    Service::new(name, ReloadingFake(chatty(name).on_reload([reload])))
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
                say("stage runs");
                std::future::pending::<rxd::Result>()
            }))
            .add(Service::new("a", chatty("a").on(State::Init, [says("a inits")]))),
        "blocked-prestart" => daemon
            .prestart(Stage::new("blocks", async || {
                say("a runs");
                std::thread::sleep(Duration::from_secs(3600));
                Ok(())
            }))
            .add(plain("a")),
        "reload" => daemon.add(reloads("a", says("a reloads"))).add(plain("b").needs(["a"])),
        "reload-fails" => daemon.add(reloads("a", Behavior::Fail)),
        "reload-slow" => daemon.add(reloads(
            "a",
            Behavior::call(async |_| {
                say("a reloads");
                tokio::time::sleep(Duration::from_millis(300)).await;
                say("a reloaded");
                Ok(())
            }),
        )),
        "extra" => daemon.signals([Signal::TERMINATE, Signal::USER1, Signal::HANGUP]).add(plain("a")),
        _ => panic!("there is no program `{name}`"),
    }
}

/// The test that is run anew.
const PROGRAM: &str = "signals::program";

/// Not a test: what the tests run.
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
    let code = runtime.block_on(daemon(name).main());
    drop(runtime);
    // What `main` does with it.
    std::process::exit(if code == std::process::ExitCode::SUCCESS { 0 } else { code_of(code) });
}

#[test]
fn f65_one_signal_is_a_graceful_stop_in_order() {
    for (signal, name) in [("TERM", "two"), ("INT", "single two")] {
        let (code, said, _) = Program::start(PROGRAM, name).until("b runs").signal(signal).end();
        assert_eq!(code, 0, "G20");
        assert_eq!(words(&said, "stops"), ["b stops", "a stops"]);
    }
}

#[test]
fn f66_the_second_signal_ends_all_limits() {
    let (code, _, errors) =
        Program::start(PROGRAM, "stubborn").until("a runs").signal("TERM").pause().signal("INT").end();
    assert_eq!(code, 1, "G20: one was abandoned");
    assert!(errors.contains("service `a` was abandoned: it did not leave run within its limit"), "{errors}");
}

#[test]
fn g14_the_overall_deadline_holds() {
    let (code, _, errors) = Program::start(PROGRAM, "limit").until("a runs").signal("TERM").end();
    assert_eq!(code, 1);
    assert!(errors.contains("`a` was abandoned"), "{errors}");
}

#[test]
fn f67_g18_the_third_signal_ends_the_process_at_once() {
    // Everybody blocks, for an hour: services, a stage before them, and the log.
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
        // Where two of them became one, another is the third.
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
fn f68_a_storm_is_one_shutdown() {
    let storm = "i=0; while [ $i -lt 3333 ]; do kill -s USR1 $PID; kill -s HUP $PID; kill -s TERM $PID; i=$((i+1)); done 2>/dev/null; true";
    let (code, said, _) = Program::start(PROGRAM, "extra").until("a runs").shell(storm).end();
    assert_eq!(code, 0);
    assert_eq!(words(&said, "stops"), ["a stops"]);
}

#[test]
fn f69_a_signal_during_prestart() {
    for signal in ["TERM", "INT"] {
        let (code, said, errors) = Program::start(PROGRAM, "prestart").until("stage runs").signal(signal).end();
        assert_eq!(code, 0, "{errors}");
        assert_eq!(words(&said, "inits"), [""; 0]);
    }
}

#[test]
fn f70_hangup_where_there_is_nothing_to_reload() {
    let program = Program::start(PROGRAM, "two").until("b runs").signal("HUP").pause().signal("HUP").pause();
    let (code, said, _) = program.signal("TERM").end();
    assert_eq!(code, 0);
    assert_eq!(words(&said, "runs").len(), 2, "nobody was disturbed");
}

#[test]
fn f71_hangup_reloads() {
    let (code, said, _) =
        Program::start(PROGRAM, "reload").until("b runs").signal("HUP").until("a reloads").signal("TERM").end();
    assert_eq!(code, 0);
    assert_eq!(words(&said, "stops"), ["b stops", "a stops"]);
    assert_eq!(words(&said, "b runs").len(), 1);
}

#[test]
fn f72_a_reload_that_fails() {
    let program = Program::start(PROGRAM, "reload-fails").until("a runs").signal("HUP").pause();
    let (code, said, _) = program.signal("TERM").end();
    assert_eq!((code, words(&said, "stops").len()), (0, 1));
}

#[test]
fn f73_a_thousand_hangups_during_one_reload() {
    let storm = "i=0; while [ $i -lt 1000 ]; do kill -s HUP $PID; i=$((i+1)); done";
    let program = Program::start(PROGRAM, "reload-slow").until("a runs").signal("HUP").until("a reloads").shell(storm);
    let program = program.until("a reloaded").until("a reloads").until("a reloaded").pause();
    let (code, said, _) = program.signal("TERM").end();
    assert_eq!(code, 0);
    // Where the storm outlasts the reload it was sent during, it falls into the next as well.
    let reloads = words(&said, "reloads").len();
    assert!((2..=3).contains(&reloads), "{reloads}");
}

#[test]
fn f74_hangup_during_the_shutdown_is_ignored() {
    let program = Program::start(PROGRAM, "stubborn").until("a runs").signal("TERM").pause().signal("HUP").pause();
    let (code, said, _) = program.signal("TERM").end();
    assert_eq!(code, 1);
    assert_eq!(words(&said, "reloads"), [""; 0]);
}

#[test]
fn f75_an_extra_signal_is_honoured() {
    for signal in ["USR1", "HUP"] {
        let (code, said, _) = Program::start(PROGRAM, "extra").until("a runs").signal(signal).end();
        assert_eq!((code, words(&said, "stops").len()), (0, 1));
    }
}

#[test]
fn g20_the_status_says_what_failed_and_the_message_says_it_in_words() {
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
fn x20_a_daemon_that_is_refused_for_an_exit_code_of_zero_exits_with_one() {
    let (code, _, errors) = Program::start(PROGRAM, "exit-code-zero").end();
    assert_eq!(code, 1);
    assert!(errors.contains("Error: daemon `program`: `exit_code` cannot be 0\nhelp: write a number from 1 to 255"));
}
