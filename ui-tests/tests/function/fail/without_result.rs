//! A function that returns nothing.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context) {
    cx.cancelled().await;
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
