//! A daemon of functions derives `Debug`, also of arguments that are not.

use rxd::Context;

pub struct Cache;

#[rxd::service]
async fn sweeper(cx: &Context, _cache: &mut Cache) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

#[rxd::service]
async fn r#loop<T: Clone>(cx: &Context, _shown: T) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

#[derive(Debug)]
#[rxd::daemon]
struct D {
    sweeper: Sweeper,
    r#loop: Loop<u8>,
}

fn main() {
    let daemon = D { sweeper: Sweeper::new(Cache), r#loop: Loop::new(7) };
    assert_eq!(format!("{daemon:?}"), "D { sweeper: Sweeper, loop: Loop }");
}
