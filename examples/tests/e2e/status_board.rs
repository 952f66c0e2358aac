//! A view of all services, end to end, with standard output that is not a terminal.

use crate::program::Program;

const BIN: &str = env!("CARGO_BIN_EXE_status-board");

#[test]
fn board_without_a_terminal_prints_each_transition() {
    let mut program = Program::start(BIN, &["--for", "3s", "--holds", "50ms"]);
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    let first = program.place(0, "db       ");
    let up = program.place(first, "api      in run");
    // `db` fails, and `api` leaves Run with it and enters it again.
    let down = program.place(up, "db       left run   error");
    let left = program.place(down, "api      left run   reaction");
    program.place(left, "api      in run");
    // Its second attempt is refused.
    program.place(down, "db       left init  error");
}

#[test]
fn board_that_is_interrupted_ends_with_status_0() {
    let mut program = Program::start(BIN, &["--for", "1h"]);
    program.until("api      in run");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}
