//! A pattern.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context, (a, b): (u8, u8)) -> rxd::Result {
    let _ = (a, b);
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
