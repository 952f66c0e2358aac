//! The end of real processes: G50, X1, X15.

use crate::kit::{RunFn, silence_scripted_panics};
use crate::program::{CHOICE, Program, code_of, lines_ending_with, print_line};
use rxd::{Context, Daemon, Options, Service, State};
use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};

const PROGRAM: &str = "ending::program";

/// Services that leave work behind for which the runtime waits when it shuts down.
fn service(work: &str) -> Service {
    match work {
        "job" => leaves(|| tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(3600)))),
        "stdin" => leaves(|| {
            tokio::spawn(async {
                let _ = BufReader::new(tokio::io::stdin()).lines().next_line().await;
            })
        }),
        "lookup" => leaves(|| {
            tokio::spawn(async {
                let _ = tokio::net::lookup_host("nobody.answers.example:80").await;
            })
        }),
        "blocks" => Service::new(
            "a",
            RunFn(|_| async {
                print_line("a runs");
                std::thread::sleep(Duration::from_secs(3600));
                Ok(())
            }),
        ),
        "nothing" => leaves(|| tokio::spawn(std::future::ready(()))),
        _ => panic!("there is no work `{work}`"),
    }
}

fn leaves<T: Send + 'static>(begin: fn() -> tokio::task::JoinHandle<T>) -> Service {
    let run = RunFn(move |cx: Context| async move {
        drop(begin());
        print_line("a runs");
        cx.cancelled().await;
        Ok(())
    });
    Service::new("a", run)
}

/// Not a test: the program that the tests run. Its name is `work workers how`.
#[test]
fn program() {
    let Ok(choice) = std::env::var(CHOICE) else { return };
    let words: Vec<&str> = choice.split(' ').collect();
    let [work, workers, how] = words[..] else { panic!("`{choice}`") };
    let runtime = match workers.parse().unwrap() {
        0 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        workers => tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    };
    let runtime = runtime.unwrap();
    let daemon = || Daemon::new("program").shutdown_timeout(Duration::from_secs(60)).add(service(work));
    let code = runtime.block_on(async {
        match how {
            "main" => daemon().main().await,
            "run" => {
                let ended = daemon().run().await;
                print_line("run returned");
                ended.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
            }
            // A program with its own subscriber, whose standard error is a full pipe.
            "full-pipe" => {
                tracing_subscriber::fmt().with_writer(std::io::stderr).init();
                std::io::stderr().write_all(&[b'.'; 65_536 - 100]).unwrap();
                let ended = daemon().run().await;
                print_line("run returned");
                ended.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
            }
            "main-briefly" => daemon().shutdown_timeout(Duration::from_secs(1)).main().await,
            "two-signals" => {
                let first = Daemon::new("first").add(service("nothing")).start().await.unwrap();
                first.shutdown();
                let _ = first.wait().await;
                let ended = daemon().signals([rxd::Signal::USER1]).run().await;
                print_line("run returned");
                ended.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
            }
            "two-mains" => {
                let slow = RunFn(|cx: Context| async move {
                    cx.cancelled().await;
                    tokio::time::sleep(Duration::from_millis(2_500)).await;
                    print_line("slow stopped");
                    Ok(())
                });
                let other = Daemon::new("other").add(Service::new("slow", slow));
                tokio::join!(daemon().main(), other.main()).0
            }
            "twice" => {
                let first = Daemon::new("first").add(service("nothing")).start().await.unwrap();
                first.shutdown();
                first.wait().await.into_result().unwrap();
                print_line("first ended");
                daemon().run().await.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
            }
            "abandoned" => {
                let never = RunFn(|_| std::future::pending());
                let options = Options::DEFAULT.timeout_of(State::Stop, Duration::from_millis(10));
                let daemon = Daemon::new("program").add(service(work));
                let ended = daemon.add(Service::new("never", never).options(options)).run().await;
                print_line("run returned");
                ended.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
            }
            _ => panic!("`{how}`"),
        }
    });
    // As at the end of `main`: the runtime waits for what it has begun.
    drop(runtime);
    std::process::exit(code_of(code));
}

#[test]
fn g50_x1_signal_after_run_has_returned_ends_the_process() {
    silence_scripted_panics();
    for (work, workers) in [("job", 1), ("job", 2), ("job", 8), ("stdin", 2)] {
        for signal in ["TERM", "INT"] {
            let name = format!("{work} {workers} run");
            let program = Program::start(PROGRAM, &name).until("a runs").signal("TERM").until("run returned");
            let (code, ..) = program.signal(signal).end();
            assert_eq!(code, 0, "{name}: the daemon has ended well");
        }
    }
    let program = Program::start(PROGRAM, "job 2 abandoned").until("a runs").signal("TERM").until("run returned");
    assert_eq!(program.signal("TERM").end().0, 143, "a service was abandoned");
}

#[test]
fn g50_x1_main_ends_the_process_without_a_further_signal() {
    for (work, workers) in [("job", 1), ("job", 2), ("job", 8), ("stdin", 2), ("nothing", 2)] {
        let name = format!("{work} {workers} main");
        let program = Program::start(PROGRAM, &name).until("a runs").signal("TERM");
        let began = Instant::now();
        let (code, _, errors) = program.end();
        assert_eq!(code, 0, "{name}: {errors}");
        assert!(began.elapsed() < Duration::from_secs(20), "{name}: {:?}", began.elapsed());
    }
}

#[test]
fn g50_main_with_its_only_thread_blocked_ends_the_process() {
    let (code, ..) = Program::start(PROGRAM, "blocks 0 main-briefly").until("a runs").signal("TERM").end();
    assert_eq!(code, 1, "a service was abandoned");
}

#[test]
fn g50_signal_of_an_earlier_daemon_ends_the_process_after_the_last_daemon() {
    let program = Program::start(PROGRAM, "job 2 two-signals").until("a runs");
    let program = program.pause().signal("USR1").until("run returned");
    assert_eq!(program.signal("TERM").end().0, 0);
}

#[test]
fn g50_main_of_one_daemon_waits_for_the_other_daemons() {
    let (code, output, _) = Program::start(PROGRAM, "job 2 two-mains").until("a runs").pause().signal("TERM").end();
    assert_eq!((code, lines_ending_with(&output, "slow stopped").len()), (0, 1));
}

#[test]
fn g50_log_blocked_on_a_full_pipe_delays_neither_stop_nor_exit() {
    let program = Program::start(PROGRAM, "nothing 2 full-pipe").until("a runs");
    let program = program.signal("TERM").until("run returned");
    assert_eq!(program.signal("TERM").end().0, 0);
}

#[test]
fn g50_second_daemon_stops_gracefully_at_its_first_signal() {
    let program = Program::start(PROGRAM, "nothing 2 twice").until("first ended").until("a runs");
    assert_eq!(program.signal("TERM").end().0, 0);
}

/// Prints why a test is skipped on this machine.
fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// A library that blocks when the process exits.
fn blocks_at_exit() -> Option<std::path::PathBuf> {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) = (folder.join("blocks_at_exit.c"), folder.join("blocks_at_exit.so"));
    let text = "#include <unistd.h>\n__attribute__((destructor)) static void at_exit(void) { for (;;) sleep(3600); }\n";
    std::fs::write(&source, text).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    built.is_ok_and(|status| status.success()).then_some(library)
}

#[test]
fn g50_x15_exit_handler_that_blocks_does_not_delay_the_exit() {
    let Some(library) = blocks_at_exit() else {
        skip("there is no C compiler");
        return;
    };
    let preloaded = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("LD_PRELOAD", &library);
        command
    };
    let program = Program::start_by(preloaded(), PROGRAM, "nothing 2 main").until("a runs");
    assert_eq!(program.signal("TERM").end().0, 0);
    // The third signal calls no exit handler either.
    let program = Program::start_by(preloaded(), "signals::program", "blocked").until("a runs").pause();
    let (code, ..) = program.signal("TERM").pause().signal("TERM").pause().signal("TERM").end();
    assert_eq!(code, 143);
}

/// A resolver that gets no answer: its own `resolv.conf` in a mount namespace, and a silent socket.
#[test]
fn g50_resolver_that_hangs_does_not_delay_the_exit() {
    let Ok(_silent) = std::net::UdpSocket::bind("127.0.0.1:53") else {
        skip("port 53 of 127.0.0.1 cannot be bound");
        return;
    };
    let conf = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("resolv.conf");
    std::fs::write(&conf, "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n").unwrap();
    let script = format!("mount --bind {} /etc/resolv.conf && exec \"$0\" \"$@\"", conf.display());
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
    let can = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        skip("no mount namespace can be made");
        return;
    }
    let program = Program::start_by(command, PROGRAM, "lookup 2 run").until("a runs").pause();
    let program = program.signal("TERM").until("run returned");
    let (code, output, _) = program.signal("TERM").end();
    assert_eq!((code, lines_ending_with(&output, "returned").len()), (0, 1));
}
