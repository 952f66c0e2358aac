//! Nothing at all.

rxd::manager! {}

fn main() {}
