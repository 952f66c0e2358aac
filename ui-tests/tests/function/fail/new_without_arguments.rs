//! A service with arguments, made without them.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context, count: u8) -> rxd::Result {
    let _ = count;
    cx.cancelled().await;
    Ok(())
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D { sweeper: Sweeper };
}
