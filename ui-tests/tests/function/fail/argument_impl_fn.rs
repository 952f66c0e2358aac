//! A closure as an argument: its copy for each Run needs `Clone`.

use rxd::Context;

#[rxd::service]
async fn sweeper(cx: &Context, check: impl Fn() + Send + Sync + 'static) -> rxd::Result {
    check();
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
