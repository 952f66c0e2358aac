//! The context after another argument.

use rxd::Context;

struct Cache(u8);

#[rxd::service]
async fn sweeper(cache: &mut Cache, cx: &Context) -> rxd::Result {
    cache.0 += 1;
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
