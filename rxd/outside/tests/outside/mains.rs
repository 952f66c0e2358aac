//! Programs of this suite: a `main` that returns the result of another crate, an error type that
//! converts from rxd's, a dependency with another name, a build with fewer log records. They are in
//! `user/mains`, `user/renamed` and `user/limited`.

use crate::program;
use outside::process::{LIMIT, Place, Program};

/// The programs. Each logs one line, waits for a signal, and fails if `FAIL` is set.
const MAINS: [&str; 6] = ["rxd_main", "anyhow_main", "eyre_main", "box_main", "thiserror_main", "renamed"];

#[test]
fn g61_main_with_the_result_of_any_crate_ends_by_a_signal_with_status_0() {
    for name in MAINS {
        for (place, signal) in Place::ALL.into_iter().flat_map(|place| [(place, "TERM"), (place, "INT")]) {
            let mut program = Program::start(&program(name), place, &[]);
            assert!(program.handles_signals(), "{name} ({place:?}) ended by itself: {}", program.output());
            program.signal(signal);
            assert_eq!(program.ended_within(LIMIT), 0, "{name} ({place:?}), SIG{signal}: {}", program.output());
        }
    }
}

#[test]
fn g61_main_of_a_daemon_that_fails_says_why_with_status_1() {
    for name in MAINS {
        let mut program = Program::start(&program(name), Place::IdleInput, &[("FAIL", "1")]);
        assert_eq!(program.ended_within(LIMIT), 1, "{name}: {}", program.output());
        let output = program.output();
        assert!(
            output.contains("service `wait`") && output.contains("no such device"),
            "{name} does not say why: {output}"
        );
    }
}

#[test]
fn g61_log_in_a_terminal_is_coloured_and_elsewhere_is_not() {
    for place in [Place::Terminal, Place::PlainTerminal, Place::IdleInput] {
        let mut program = Program::start(&program("rxd_main"), place, &[]);
        program.until_output("waiting", 1);
        let output = program.output();
        assert_eq!(output.contains("\x1b[32m INFO\x1b[0m"), place == Place::Terminal, "{place:?}: {output:?}");
        assert_eq!(output.contains('\x1b'), place == Place::Terminal, "{place:?}: {output:?}");
        program.signal("TERM");
        program.ended_within(LIMIT);
    }
}

#[test]
fn g61_log_with_colours_asked_for_writes_them_into_a_pipe() {
    let mut program = Program::start(&program("colours"), Place::IdleInput, &[]);
    assert_eq!(program.ended_within(LIMIT), 0, "{}", program.output());
    assert!(program.output().contains("\x1b[32m INFO\x1b[0m"), "{}", program.output());
}

/// The feature `unblock-signals` is off: then the daemon cannot do more than say it.
#[cfg(target_os = "linux")]
#[test]
fn gap_blocked_signal_is_said() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    let script = std::env::temp_dir().join(format!("rxd-blocks-term-{}.sh", std::process::id()));
    let text = format!("#!/bin/sh\nexec env --block-signal=TERM '{}'\n", program("rxd_main").display());
    std::fs::write(&script, text).expect("a file can be written");
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("a file can be executable");

    let mut program = Program::start(&script, Place::IdleInput, &[]);
    program.until_output("waiting", 1);
    let output = program.output();
    assert!(output.contains("WARN rxd: SIGTERM does not reach this daemon"), "{output}");
    assert!(!output.contains("SIGINT"), "{output}");
    program.signal("INT");
    assert_eq!(program.ended_within(LIMIT), 0, "{}", program.output());
    let _ = std::fs::remove_file(script);
}

#[test]
fn p_level_that_the_build_does_not_contain_is_said_once_and_in_the_setting() {
    let mut program = Program::start(&program("limited"), Place::IdleInput, &[]);
    assert_eq!(program.ended_within(LIMIT), 0, "{}", program.output());
    let output = program.output();
    assert!(output.contains("limited to None at first"), "{output}");
    assert_eq!(output.matches("limited to Some(Info)").count(), 2, "{output}");
    assert_eq!(output.matches("this build contains no log records above info").count(), 1, "{output}");
}
