//! A key that does not exist.

use rxd::Context;

#[rxd::service(dely = "1s")]
async fn sweeper(cx: &Context) -> rxd::Result {
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
