//! A generic service with a parameter that cannot move between threads.

use rxd::{Context, Runner};
use std::rc::Rc;

#[rxd::service]
struct Pool<T>(T);

impl<T: Send + 'static> Runner for Pool<T> {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    pool: Pool<Rc<u8>>,
}

fn main() {
    let _ = Edge { pool: Pool(Rc::new(1)) }.into_daemon();
}
