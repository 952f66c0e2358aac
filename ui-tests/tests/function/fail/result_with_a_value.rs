//! A function whose result has a value.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context) -> Result<u8, std::io::Error> {
    cx.cancelled().await;
    Ok(1)
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
