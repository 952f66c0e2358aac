//! An argument that cannot move to another thread.

use rxd::Context;
use std::rc::Rc;

#[rxd::service]
async fn sweeper(cx: &Context, cache: &mut Rc<u8>) -> rxd::Result {
    let _ = cache;
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
