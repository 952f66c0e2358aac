//! A type whose name cannot be the name of a service.

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
