//! The smallest daemon: one service with every method of the lifecycle.
//!
//! What to watch for: the order of the calls. An incarnation calls `init`, then `idle`, then `run`,
//! which here ends after a few greetings, and then `stop`. After it the service is restarted,
//! because the default manager is `continuous`. Ctrl-C ends it in any state. Try
//!
//! ```text
//! RUST_LOG=info,rxd=debug cargo run -p examples --bin single-service -- --greetings 2
//! ```
#![allow(clippy::print_stdout, reason = "the greetings are the program's output")]

use clap::Parser;
use rxd::{Context, Runner};
use std::time::Duration;

/// Prints some greetings in each incarnation.
#[rxd::service]
struct Greeter {
    greetings: u32,
    every: Duration,
    incarnation: u32,
}

impl Runner for Greeter {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        self.incarnation += 1;
        tracing::info!(incarnation = self.incarnation, "init: here a service opens what it needs");
        Ok(())
    }

    async fn idle(&mut self, _cx: &Context) -> rxd::Result {
        tracing::info!("idle: here a service waits until it can run");
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        for greeting in 1..=self.greetings {
            println!("hello {greeting} of incarnation {}", self.incarnation);
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                () = cx.cancelled() => return Ok(()),
            }
        }
        Ok(())
    }

    async fn stop(&mut self, _cx: &Context) -> rxd::Result {
        tracing::info!("stop: here a service closes what it opened");
        Ok(())
    }
}

#[rxd::daemon]
struct SingleService {
    greeter: Greeter,
}

/// One service that greets, stops, and restarts.
#[derive(Parser)]
struct Args {
    /// The number of greetings in each incarnation.
    #[arg(long, default_value_t = 5)]
    greetings: u32,
    /// The time between two greetings.
    #[arg(long, value_parser = humantime::parse_duration, default_value = "1s")]
    every: Duration,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { greetings, every } = Args::parse();
    examples::log_to_stderr();
    SingleService { greeter: Greeter { greetings, every, incarnation: 0 } }.run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State::{Init, Run};
    use rxd::testing::Harness;

    /// In paused time: five incarnations of two greetings, a second apart, take no real time.
    #[tokio::test(start_paused = true)]
    async fn greeter_that_returns_ok_restarts() {
        let greeter = Greeter { greetings: 2, every: Duration::from_secs(1), incarnation: 0 };
        let test = Harness::new(SingleService { greeter }.into_daemon()).start().await;
        for _ in 0..5 {
            test.until("greeter", Run).await;
            test.until("greeter", rxd::State::Stop).await;
        }
        let ended = test.shutdown().await;
        ended.trace.expect("greeter").enters(Init).times(5);
        ended.trace.expect("greeter").leaves(Run).at(Duration::from_secs(2));
    }
}
