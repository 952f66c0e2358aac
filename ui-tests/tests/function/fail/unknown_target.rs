//! A function that needs a service which is not there.

use rxd::Context;

#[rxd::service]
#[needs("cahce")]
async fn sweeper(cx: &Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

#[rxd::service]
async fn cache(cx: &Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
    cache: Cache,
}

fn main() {
    let _ = D::GRAPH;
}
