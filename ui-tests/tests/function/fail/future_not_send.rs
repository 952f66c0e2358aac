//! A value in the body that cannot move to another thread.

use rxd::Context;
use std::rc::Rc;

#[rxd::service]
async fn sweeper(cx: &Context) -> rxd::Result {
    let count = Rc::new(1_u8);
    cx.cancelled().await;
    assert_eq!(*count, 1);
    Ok(())
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
