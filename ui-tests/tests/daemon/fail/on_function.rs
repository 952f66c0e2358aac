//! The attribute on a function.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
fn helper() -> u8 {
    1
}

fn main() {
    let _ = Health;
    assert_eq!(helper(), 1);
}
