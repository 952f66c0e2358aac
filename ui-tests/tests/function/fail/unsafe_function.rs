//! An unsafe function.

use rxd::Context;

#[rxd::service]
async unsafe fn sweeper(cx: &Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
