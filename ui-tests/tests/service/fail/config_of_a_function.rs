//! A function that takes a configuration.

use rxd::Context;

struct Config;

#[rxd::service(config = Config)]
async fn api(_: &Context) -> rxd::Result {
    Ok(())
}

fn main() {
    let _ = Config;
}
