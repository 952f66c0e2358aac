//! A service on a thread of its own, without methods.

#[rxd::service(thread)]
struct Gui;

#[rxd::daemon]
struct D {
    gui: Gui,
}

fn main() {
    let _ = D { gui: Gui }.into_daemon();
}
