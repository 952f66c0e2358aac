//! A service takes another configuration than the daemon loads.

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

struct Whole {
    api: Config,
}

fn load() -> rxd::Result<Whole> {
    let whole = Whole { api: Config { port: 80 } };
    println!("{}", whole.api.port);
    Ok(whole)
}

#[rxd::daemon(config = load)]
struct Agent {
    api: Api,
}

fn main() {
    let _ = Agent { api: Api };
}
