//! An argument without a name.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context, _: u8) -> rxd::Result {
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
