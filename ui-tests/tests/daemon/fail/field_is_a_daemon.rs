//! A daemon as a field of another.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Inner {
    health: Health,
}

#[rxd::daemon]
struct Outer {
    inner: Inner,
}

fn main() {
    let _ = Outer { inner: Inner { health: Health } }.into_daemon();
}
