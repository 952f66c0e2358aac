//! An argument with an attribute.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context, #[cfg(unix)] cache: u8) -> rxd::Result {
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
