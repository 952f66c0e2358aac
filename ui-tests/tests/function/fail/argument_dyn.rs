//! A reference to a trait object.

use rxd::Context;

trait Sink: Send + Sync {}

#[rxd::service]
async fn sweeper(cx: &Context, sink: &dyn Sink) -> rxd::Result {
    let _ = sink;
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
