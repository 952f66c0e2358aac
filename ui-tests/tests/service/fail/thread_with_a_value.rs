//! The word for a thread, with a value.

use rxd::{Context, LocalRunner};

#[rxd::service(thread = "gui")]
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
