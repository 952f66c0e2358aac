//! A topic whose two ends have names, and are both used.

#![deny(dead_code)]

use rxd::intracom::{Group, Publisher, StaticTopic, Subscriber};
use rxd::{Context, Runner};

const READINGS: StaticTopic<f64> = StaticTopic::new("readings").keep_last();
static SENSORS: Publisher<f64> = READINGS.publisher();
static DISPLAYS: Subscriber<f64> = READINGS.subscriber();

#[rxd::service(manager = "until_success")]
struct Sampler;

impl Runner for Sampler {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        SENSORS.open(&cx.intracom())?.publish(21.5).await?;
        Ok(())
    }
}

#[rxd::service(manager = "until_success")]
#[after("sampler")]
struct Display;

impl Runner for Display {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut readings = DISPLAYS.subscribe(&cx.intracom(), Group::private().replay_last())?;
        assert_eq!(readings.recv().await, Some(21.5));
        Ok(())
    }
}

#[rxd::daemon]
struct Station {
    sampler: Sampler,
    display: Display,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    Station { sampler: Sampler, display: Display }.run().await?;
    Ok(())
}
