//! One gateway, four times: with tokio alone, with rxd, and with two of the peers. All four do the
//! same, and rxd's takes the fewest lines.
#![cfg(unix)]

#[path = "../../../../examples/tests/e2e/gateway.rs"]
mod gateway;
#[path = "../../../../examples/tests/e2e/program.rs"]
#[allow(dead_code, reason = "the examples use all of it")]
mod program;

use gateway::{assert_narrow, lines_of_code, tests};

tests!(tokio, env!("CARGO_BIN_EXE_port-tokio"));
tests!(rxd, env!("CARGO_BIN_EXE_port-rxd"));
tests!(graceful_shutdown, env!("CARGO_BIN_EXE_port-graceful-shutdown"));
tests!(task_supervisor, env!("CARGO_BIN_EXE_port-task-supervisor"));

/// The sources, by their paths from the repository's root.
const SOURCES: [(&str, &str); 4] = [
    ("examples/port/rxd.rs", include_str!("../../../../examples/port/rxd.rs")),
    ("examples/port/tokio.rs", include_str!("../../../../examples/port/tokio.rs")),
    ("rxd/benches/peers/port/graceful_shutdown.rs", include_str!("../port/graceful_shutdown.rs")),
    ("rxd/benches/peers/port/task_supervisor.rs", include_str!("../port/task_supervisor.rs")),
];

#[test]
fn rxd_takes_the_fewest_lines_and_the_page_says_how_many() {
    let [(_, rxd), peers @ ..] = SOURCES;
    for (name, peer) in peers {
        assert!(lines_of_code(rxd) < lines_of_code(peer), "{name}");
    }
    let page = include_str!("../README.md");
    for (name, source) in SOURCES {
        assert_narrow(name, source);
        let file = name.rsplit('/').next().unwrap();
        let row = page.lines().find(|line| line.contains(&format!("[`{file}`]"))).expect("it has a row");
        assert!(row.contains(&format!(" {} ", lines_of_code(source))), "{name} has {}", lines_of_code(source));
    }
}
