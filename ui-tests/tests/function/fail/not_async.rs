//! A function that is not async.

use rxd::Context;

#[rxd::service]
fn sweeper(_: &Context) -> rxd::Result {
    Ok(())
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
