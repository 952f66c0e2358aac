use rxd::intracom::Declared;
use rxd::{Context, Runner};

static READINGS: Declared<f64> = Declared::new("readings");

#[rxd::service]
struct Sampler;

impl Runner for Sampler {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        READINGS.on(&cx.intracom())?.publish("21.5").await?;
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
