//! A type without a name.

use rxd::Context;

trait Source: Clone + Send + Sync + 'static {}

#[rxd::service]
async fn sweeper(cx: &Context, source: impl Source) -> rxd::Result {
    let _ = source;
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
