//! The type of the configuration in quotes.

use rxd::{Configure, Context, Runner};

struct Config;

#[rxd::service(config = "Config")]
struct Api;

impl Configure<Config> for Api {
    async fn apply(&mut self, _: &Config, _: &Context) -> rxd::Result {
        Ok(())
    }
}

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
