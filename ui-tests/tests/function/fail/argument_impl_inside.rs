//! A type without a name inside another one.

use rxd::Context;

trait Source: Send + Sync + 'static {}

#[rxd::service]
async fn sweeper(cx: &Context, sources: &mut Vec<impl Source>) -> rxd::Result {
    let _ = sources;
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
