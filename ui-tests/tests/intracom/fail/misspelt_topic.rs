//! A topic with a typo.

use rxd::intracom::StaticTopic;
use rxd::{Context, Runner};

static READINGS: StaticTopic<f64> = StaticTopic::new("readings");

#[rxd::service]
struct Sampler;

impl Runner for Sampler {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        READNGS.open(&cx.intracom())?.publish(21.5).await?;
        READINGS.open(&cx.intracom())?.publish(21.5).await?;
        Ok(())
    }
}

#[rxd::daemon]
struct Station {
    sampler: Sampler,
}

fn main() {
    drop(Station { sampler: Sampler }.into_daemon());
}
