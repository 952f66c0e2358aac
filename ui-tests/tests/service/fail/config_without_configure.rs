//! A service that takes a configuration, and does not say how.

use rxd::{Context, Runner};

struct Config;

#[rxd::service(config = Config)]
struct Api;

impl Runner for Api {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn load() -> rxd::Result<Config> {
    Ok(Config)
}

#[rxd::daemon(config = load)]
struct Agent {
    api: Api,
}

fn main() {
    let _ = Agent { api: Api };
}
