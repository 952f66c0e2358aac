//! A service of another crate, without the one that it needs.

use ui_tests::Journal;

#[rxd::daemon]
struct Edge {
    journal: Journal<u8>,
}

fn main() {
    let _ = Edge { journal: Journal(1) }.into_daemon();
}
