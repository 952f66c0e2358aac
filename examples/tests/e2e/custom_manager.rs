//! Custom managers, end to end.

use crate::program::{Program, transition_of};

const BIN: &str = env!("CARGO_BIN_EXE_custom-manager");

#[test]
fn link_that_has_been_up_restarts_after_a_refusal() {
    let mut program = Program::start(BIN, &["--holds", "1ms"]);
    program.until("imported");
    program.until("import: stop is called");
    program.until("link up");
    program.until("connection reset");
    program.until("attempt 2: connection refused");
    program.until("link up");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}

#[test]
fn link_that_was_never_up_ends_with_status_1() {
    let mut program = Program::start(BIN, &["--refused", "1"]);
    assert_eq!(program.end().code(), Some(1), "{}", program.seen.join("\n"));
    program.place(0, "service `link` failed");
    let ran = transition_of("link", "run", "entering");
    assert!(!program.seen.iter().any(|line| line.contains(&ran)));
}

#[test]
fn import_that_fails_has_one_attempt() {
    let mut program = Program::start(BIN, &["--fail-import"]);
    assert_eq!(program.end().code(), Some(1), "{}", program.seen.join("\n"));
    let attempts = transition_of("import", "run", "entering");
    assert_eq!(program.seen.iter().filter(|line| line.contains(&attempts)).count(), 1);
    program.place(0, "import: stop is called");
    program.place(0, "service `import` failed");
    program.place(0, "service `link` ended: service `import` failed: failed because of --fail-import");
}
