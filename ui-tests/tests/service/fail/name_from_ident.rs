//! A type whose name makes no service name.

use rxd::{Context, Runner};

#[rxd::service]
struct Größe {
    client: u8,
}

impl Runner for Größe {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let size = Größe { client: 1 };
    assert_eq!(size.client, 1);
}
