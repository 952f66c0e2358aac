//! An async function that is to block a thread.

use rxd::Context;

#[rxd::service(blocking)]
async fn poll(cx: &Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

#[rxd::daemon]
struct D {
    poll: Poll,
}

fn main() {
    let _ = D { poll: Poll }.into_daemon();
}
