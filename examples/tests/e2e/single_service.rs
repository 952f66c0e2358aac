//! One service, end to end.

use crate::program::{Program, transition_of};

const BIN: &str = env!("CARGO_BIN_EXE_single-service");

#[test]
fn greeter_restarts_and_calls_stop_at_the_end() {
    let mut program = Program::start(BIN, &["--greetings", "1", "--every", "1ms"]);
    program.until("hello 1 of incarnation 3");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0));
    let last = program.seen.iter().rposition(|line| line.contains("stop: here a service closes")).unwrap();
    assert!(program.place(0, &transition_of("greeter", "exit", "entering")) > last);
}
