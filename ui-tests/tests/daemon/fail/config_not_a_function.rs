//! A value in place of the function that loads it.

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

const LOAD: Config = Config { port: 80 };

#[rxd::daemon(config = LOAD)]
struct Agent {
    api: Api,
}

fn main() {
    let _ = Agent { api: Api };
}
