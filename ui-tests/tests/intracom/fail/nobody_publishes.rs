//! A topic that nothing publishes to: the compiler's own warning, at the end that is never used.

#![deny(dead_code)]

use rxd::intracom::{Group, Publisher, StaticTopic, Subscriber};
use rxd::{Context, Runner};

const READINGS: StaticTopic<f64> = StaticTopic::new("readings");
static SENSORS: Publisher<f64> = READINGS.publisher();
static DISPLAYS: Subscriber<f64> = READINGS.subscriber();

#[rxd::service]
struct Display;

impl Runner for Display {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut readings = DISPLAYS.subscribe(&cx.intracom(), Group::named("display"))?;
        while readings.recv().await.is_some() {}
        Ok(())
    }
}

#[rxd::daemon]
struct Station {
    display: Display,
}

fn main() {
    drop(Station { display: Display }.into_daemon());
}
