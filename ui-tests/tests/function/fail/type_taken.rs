//! The type of the function has a name that is taken.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

struct Sweeper;

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
