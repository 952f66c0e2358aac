//! A watch on a function that is no service.

use rxd::Context;

#[rxd::needs("db")]
async fn sweeper(cx: &Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

fn main() {
    let _ = sweeper;
}
