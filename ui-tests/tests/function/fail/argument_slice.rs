//! A slice.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context, names: &[String]) -> rxd::Result {
    let _ = names;
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
