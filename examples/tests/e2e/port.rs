//! The pair of `examples/port` is one program, and rxd's is the shorter one.

use crate::gateway::{assert_narrow, lines_of_code, tests};

tests!(tokio, env!("CARGO_BIN_EXE_port-tokio"));
tests!(rxd, env!("CARGO_BIN_EXE_port-rxd"));

#[test]
fn rxd_takes_fewer_lines_than_tokio() {
    let [rxd, tokio] = [include_str!("../../port/rxd.rs"), include_str!("../../port/tokio.rs")];
    assert_narrow("rxd.rs", rxd);
    assert_narrow("tokio.rs", tokio);
    assert!(lines_of_code(rxd) < lines_of_code(tokio));
}
