//! Watches and streams against a model, over random lives of random services.

mod declared;
mod dropped;
mod model;
mod polled;
mod world;
mod write_before_wake;

use proptest::test_runner::Config;

/// As many cases as `PROPTEST_CASES` says, or else this many, which fit into a run of all tests.
fn cases(few: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(few);
    Config { cases, failure_persistence: None, ..Config::default() }
}
