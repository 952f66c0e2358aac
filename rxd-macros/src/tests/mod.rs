//! Tests of the whole crate: each expands an attribute, and checks the output.

mod fuzz;
mod keywords;
mod snapshots;
