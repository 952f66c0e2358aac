//! A service on a thread of its own, with the trait of one without.

use rxd::{Context, Runner};

#[rxd::service(thread)]
struct Gui;

impl Runner for Gui {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct D {
    gui: Gui,
}

fn main() {
    let _ = D { gui: Gui }.into_daemon();
}
