//! The context by a mutable reference.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &mut Context) -> rxd::Result {
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
