//! A value that cannot be passed twice.

use rxd::Context;

struct Cache(u8);

#[rxd::service]
async fn sweeper(cx: &Context, cache: Cache) -> rxd::Result {
    let _ = cache.0;
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
