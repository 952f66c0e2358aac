//! What a record costs, disabled and enabled, with 0, 1 and 100 levels per service, next to a plain
//! `tracing-subscriber` in the same run: `cargo bench -p rxd --bench log`.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use rxd::log::{Level, LevelHandle};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

/// Nanoseconds of one call: the best of twelve samples, because anything slower is noise.
fn measure(mut call: impl FnMut()) -> f64 {
    let mut calls = 1_000_u32;
    let mut best = f64::MAX;
    for _ in 0..12 {
        let begun = Instant::now();
        for _ in 0..calls {
            call();
        }
        let took = begun.elapsed();
        best = best.min(took.as_nanos() as f64 / f64::from(calls));
        if took < Duration::from_millis(20) {
            calls = calls.saturating_mul(4);
        }
    }
    best
}

fn row(name: &str, subscriber: impl Subscriber + Send + Sync + 'static) {
    let _guard = subscriber.set_default();
    let service = tracing::error_span!(target: "rxd", "service", service = "api");
    let disabled = measure(|| tracing::debug!(n = black_box(1), "disabled"));
    let (mut inside, mut enabled) = (0.0, 0.0);
    service.in_scope(|| {
        inside = measure(|| tracing::trace!(n = black_box(1), "disabled"));
        enabled = measure(|| tracing::info!(n = black_box(1), "enabled"));
    });
    let enter = measure(|| drop(black_box(service.enter())));
    println!("{name:<44} {disabled:>9.1} {inside:>9.1} {enabled:>9.1} {enter:>9.1}");
}

fn lines<S>() -> impl tracing_subscriber::Layer<S>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::sink)
}

fn levels(services: usize) -> LevelHandle {
    let levels = LevelHandle::new(Level::Info);
    for n in 0..services {
        levels.set(format!("service-{n}"), Level::Debug);
    }
    levels
}

fn main() {
    println!("{:<44} {:>9} {:>9} {:>9} {:>9}", "ns a record", "disabled", "in span", "enabled", "enter");
    row("tracing-subscriber, INFO", tracing_subscriber::registry().with(LevelFilter::INFO).with(lines()));
    for services in [0, 1, 100] {
        let name = format!("rxd before all layers, {services} services at DEBUG");
        row(&name, tracing_subscriber::registry().with(levels(services).filter()).with(lines()));
    }
    row(
        "tracing-subscriber, INFO before a layer",
        tracing_subscriber::registry().with(lines().with_filter(LevelFilter::INFO)),
    );
    for services in [0, 1, 100] {
        let name = format!("rxd before a layer, {services} services at DEBUG");
        row(&name, tracing_subscriber::registry().with(lines().with_filter(levels(services).filter())));
    }
}
