//! A typo in the attribute of the second of two services of one type: no error follows from it.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    #[service(nmae = "first")]
    first: Health,
    second: Health,
    #[service(name = "the third")]
    third: Option<Health>,
}

fn main() {
    let _ = Edge { first: Health, second: Health, third: None }.into_daemon();
}
