//! A service with a thread that takes a configuration.

use rxd::{Context, LocalRunner};

struct Config;

#[rxd::service(thread, config = Config)]
struct Api;

impl LocalRunner for Api {
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
