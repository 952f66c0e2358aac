//! A file to watch, without the feature for that.

use rxd::{Configure, Context, Runner};

struct Config {
    port: u16,
}

#[rxd::service(config = Config)]
struct Api;

impl Configure<Config> for Api {
    async fn apply(&mut self, new: &Config, _: &Context) -> rxd::Result {
        println!("{}", new.port);
        Ok(())
    }
}

impl Runner for Api {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn load() -> rxd::Result<Config> {
    Ok(Config { port: 80 })
}

#[rxd::daemon(config = load, watch_config = "/etc/agent.toml")]
struct Agent {
    api: Api,
}

fn main() {
    let _ = Agent { api: Api };
}
