//! Both kinds of thread.

use rxd::{Context, LocalRunner};

#[rxd::service(thread, name = "gui", blocking)]
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
