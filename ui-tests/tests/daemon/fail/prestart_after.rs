//! A delay of a stage, under a key that is an attribute of services.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

async fn reach() -> rxd::Result {
    Ok(())
}

#[rxd::daemon(prestart(reach(after = "1s")))]
struct Edge {
    health: Health,
}

fn main() {
    let _ = Edge { health: Health };
}
