//! A type parameter without an argument.

use rxd::Context;

#[rxd::service]
async fn sweeper<T>(cx: &Context) -> rxd::Result {
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
