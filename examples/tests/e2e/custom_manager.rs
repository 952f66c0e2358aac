//! Managers of one's own, end to end.

use crate::program::{Program, transition_of};

const BIN: &str = env!("CARGO_BIN_EXE_custom-manager");

#[test]
fn a_table_ends_it_at_the_first_failure_and_logic_at_the_third_in_a_row() {
    let mut program = Program::start(BIN, &["--fails-at", "2"]);
    let status = program.end();
    let all = program.seen.join("\n");
    assert_eq!(status.code(), Some(1), "{all}");
    let times = |transition: &str| program.seen.iter().filter(|line| line.contains(transition)).count();
    assert_eq!(times(&transition_of("importer", "run", "entering")), 2, "{all}");
    assert_eq!(
        times(&transition_of("importer", "stop", "entering")),
        2,
        "stop was not called after the failure\n{all}"
    );
    assert_eq!(times(&transition_of("sender", "run", "entering")), 3, "{all}");
    for service in ["importer", "sender"] {
        assert_eq!(times(&transition_of(service, "exit", "entering")), 1, "{all}");
    }
    program.place(0, "service `importer` gave up");
    program.place(0, "service `sender` gave up");
}
