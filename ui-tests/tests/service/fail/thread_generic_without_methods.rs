//! A generic service on a thread of its own, without methods.

use std::marker::PhantomData;

#[rxd::service(thread)]
struct Gui<T>(PhantomData<T>);

#[rxd::daemon]
struct D {
    gui: Gui<u8>,
}

fn main() {
    let _ = D { gui: Gui(PhantomData) }.into_daemon();
}
