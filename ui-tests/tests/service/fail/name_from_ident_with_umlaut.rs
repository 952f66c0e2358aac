//! A service whose type's name is not a name.

use rxd::{Context, Runner};

#[rxd::service]
struct Größe;

impl Runner for Größe {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Größe;
}
