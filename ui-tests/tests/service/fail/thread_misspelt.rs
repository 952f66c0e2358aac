//! The word for a thread, with a letter too few.

use rxd::{Context, Runner};

#[rxd::service(tread)]
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
