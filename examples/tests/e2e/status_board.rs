//! A view of all services, end to end: what it shows where nobody has a terminal.

use crate::program::Program;

const BIN: &str = env!("CARGO_BIN_EXE_status-board");

#[test]
fn it_shows_where_everybody_is_and_ends_by_itself() {
    let mut program = Program::start(BIN, &["--for", "3s", "--holds", "50ms"]);
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    let first = program.place(0, "db       ");
    let up = program.place(first, "api      in run");
    // `db` breaks down, and `api` leaves with it, and comes back.
    let down = program.place(up, "db       left run   error");
    let left = program.place(down, "api      left run   reaction");
    program.place(left, "api      in run");
    // Its second attempt is refused.
    program.place(down, "db       left init  error");
}

#[test]
fn it_can_be_interrupted() {
    let mut program = Program::start(BIN, &["--for", "1h"]);
    program.until("api      in run");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}
