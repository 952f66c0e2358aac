//! The methods of a service on a thread of its own, without the word for it.

use rxd::{Context, LocalRunner};

#[rxd::service]
struct Gui;

impl LocalRunner for Gui {
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
