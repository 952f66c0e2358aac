//! Tests of what compiles and of the errors about what does not: see `tests/`.
//!
//! The cases use the services here as those of another crate.

use rxd::{Context, Runner};

/// A service for the daemons of other crates.
#[rxd::service]
#[derive(Debug, Default)]
pub struct Clock {
    ticks: u64,
}

impl Runner for Clock {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.ticks += 1;
        cx.cancelled().await;
        Ok(())
    }
}

/// A service that names another one of its own crate.
#[rxd::service]
#[needs(Clock)]
#[derive(Debug)]
pub struct Journal<T>(
    /// What is written down.
    pub T,
);

impl<T: Send + 'static> Runner for Journal<T> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}
