//! A function that returns something else.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context) -> u8 {
    cx.cancelled().await;
    1
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
