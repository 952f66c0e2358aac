//! A lifetime parameter.

use rxd::Context;

struct Cache(u8);

#[rxd::service]
async fn sweeper<'a>(cx: &Context, cache: &'a mut Cache) -> rxd::Result {
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
