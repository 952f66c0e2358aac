//! A function without arguments.

use rxd as _;

#[rxd::service]
async fn sweeper() -> rxd::Result {
    Ok(())
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
