//! A job and the service after it, end to end.

use crate::program::{Program, transition_of};

const BIN: &str = env!("CARGO_BIN_EXE_run-until-success");

#[test]
fn job_with_three_failures_succeeds_at_the_fourth_attempt() {
    let mut program = Program::start(BIN, &[]);
    let status = program.end();
    assert_eq!(status.code(), Some(0), "{}", program.seen.join("\n"));
    let attempts = transition_of("migrate", "run", "entering");
    assert_eq!(program.seen.iter().filter(|line| line.contains(&attempts)).count(), 4);
    let ended = program.place(0, &transition_of("migrate", "exit", "entering"));
    assert!(program.place(0, &transition_of("report", "run", "entering")) > ended);
    program.place(0, "migrate is in exit");
}

#[test]
fn job_at_its_restart_limit_ends_its_report_and_fails_the_daemon() {
    let mut program = Program::start(BIN, &["--failures", "9"]);
    let status = program.end();
    assert_eq!(status.code(), Some(1), "{}", program.seen.join("\n"));
    program.place(0, "service `migrate` failed after 5 restarts: attempt 6 failed");
    program.place(0, "service `report` ended");
    let ran = transition_of("report", "run", "entering");
    assert!(!program.seen.iter().any(|line| line.contains(&ran)));
}
