//! A function that is called as the type of its argument.

use rxd::Context;

struct Cache;

#[rxd::service]
async fn cache(cx: &Context, cache: &mut Cache) -> rxd::Result {
    let _ = cache;
    cx.cancelled().await;
    Ok(())
}

fn main() {
    let _ = (cache, Cache);
}
