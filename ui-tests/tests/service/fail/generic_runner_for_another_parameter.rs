//! A field of a generic service that is a runner for another parameter.

use rxd::{Context, Runner};

#[rxd::service]
struct Pool<T>(T);

impl Runner for Pool<u8> {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    pool: Pool<u16>,
}

fn main() {
    let _ = Edge { pool: Pool(1) }.into_daemon();
}
