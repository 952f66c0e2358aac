//! A mutable reference to a trait object.

use rxd::Context;

trait Sink {}

#[rxd::service]
async fn sweeper(cx: &Context, sink: &mut (dyn Sink + Send)) -> rxd::Result {
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
