//! A service that blocks, with the trait of one that does not.

use rxd::{Context, Runner};

#[rxd::service(blocking)]
struct Port;

impl Runner for Port {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct D {
    port: Port,
}

fn main() {
    let _ = D { port: Port }.into_daemon();
}
