//! Two members of a group share a hundred messages; a second group receives them all.

use crate::program::Program;

const BIN: &str = env!("CARGO_BIN_EXE_pubsub");

/// The number of messages that the service printed, and their sum.
fn count(program: &Program, service: &str) -> (u32, u32) {
    let line = &program.seen[program.place(0, &format!("{service}: "))];
    let number = |after: &str| {
        let rest = &line[line.find(after).unwrap() + after.len()..];
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    (number(&format!("{service}: ")), number("their sum is "))
}

#[test]
fn each_message_goes_to_one_worker_and_to_the_audit() {
    let mut program = Program::start(BIN, &[]);
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    program.place(0, "publisher: 100 messages");
    let [first, second, audit] = ["worker-1", "worker-2", "audit"].map(|service| count(&program, service));
    assert_eq!(audit, (100, 5050));
    assert_eq!((first.0 + second.0, first.1 + second.1), audit);
    assert!(first.0 > 0 && second.0 > 0, "{first:?} {second:?}");
}

#[test]
fn publisher_that_is_interrupted_ends_with_status_0() {
    let mut program = Program::start(BIN, &["--count", "1000000"]);
    program.until_state("publisher", "run", "entering");
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}
