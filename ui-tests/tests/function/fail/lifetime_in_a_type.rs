//! A type with a lifetime that is left out.

use rxd::Context;
use std::borrow::Cow;

#[rxd::service]
async fn sweeper(cx: &Context, name: Cow<'_, str>) -> rxd::Result {
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
