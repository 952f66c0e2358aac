//! Tests of the whole crate: each expands an attribute and looks at what comes out.

mod fuzz;
mod keywords;
mod snapshots;
