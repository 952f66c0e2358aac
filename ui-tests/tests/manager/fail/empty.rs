//! `manager!` without input.

rxd::manager! {}

fn main() {}
