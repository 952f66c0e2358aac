//! Two services that name each other by type are not a cycle of constants.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, Second)]
struct First;

impl Runner for First {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[watch(any, exited, Run, First, then(stop))]
struct Second;

impl Runner for Second {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    first: First,
    second: Second,
}

fn main() {
    let _ = Edge { first: First, second: Second }.into_daemon();
}
