//! A value that cannot be moved to its thread.

use rxd::{Context, LocalRunner};
use std::rc::Rc;

#[rxd::service(thread)]
struct Gui {
    clicks: Rc<u32>,
}

impl LocalRunner for Gui {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        println!("{}", self.clicks);
        Ok(())
    }
}

#[rxd::daemon]
struct D {
    gui: Gui,
}

fn main() {
    let _ = D { gui: Gui { clicks: Rc::new(1) } }.into_daemon();
}
