//! A watch above the attribute of a daemon.

use rxd::Context;

#[rxd::service]
async fn api(cx: &Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

#[rxd::needs("db")]
#[rxd::daemon]
struct App {
    api: Api,
}

fn main() {
    let _ = App::GRAPH;
}
