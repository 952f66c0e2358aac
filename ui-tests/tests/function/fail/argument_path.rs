//! A reference to a path.

use rxd::Context;
use std::path::Path;

#[rxd::service]
async fn sweeper(cx: &Context, folder: &Path) -> rxd::Result {
    let _ = folder;
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
