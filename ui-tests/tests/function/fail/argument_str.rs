//! A `&str`.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context, name: &str) -> rxd::Result {
    let _ = name;
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
