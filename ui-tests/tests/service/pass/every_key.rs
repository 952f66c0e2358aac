//! Every key, in each form that it can be written in.

use rxd::{Context, Declared, Runner};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(3);

mod managers {
    rxd::manager! {
        pub FailFast {
            Init => { ok: Idle, failed: Exit },
            Idle => { ok: Run, failed: Exit },
            Run => { ok: Stop, failed: Exit },
            Stop => { ok: Init, failed: Exit },
        }
    }
}

#[rxd::service(
    name = "strings",
    manager = "until_success",
    startup_delay = "100ms",
    delay = "5us",
    delays(Run = "1s", Stop = "1m30s"),
    timeouts(Init = "5s", Idle = "1h", Run = "1d", Stop = "7ns"),
    backoff(base = "100ms", factor = 2.5, max = "30s", jitter = 0.2, reset = "60s"),
    restarts(max = 5, within = "1m"),
    on_failure = "shutdown",
    heartbeat = "2s",
    crate = rxd
)]
struct Strings;

impl Runner for Strings {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

const MOST: u32 = 3;
const FACTOR: f64 = 1.5;

#[rxd::service(
    manager(managers::FailFast),
    startup_delay = LIMIT,
    delay = Duration::from_millis(1),
    delays(Init = LIMIT,),
    backoff(base = LIMIT, factor = FACTOR, max = Duration::from_secs(9), jitter = 0),
    restarts(max = MOST, within = LIMIT),
    on_failure(ignore),
    heartbeat = LIMIT,
    every = LIMIT,
    jitter = "1s",
    within = LIMIT,
    first(after_period),
    missed = "run_once",
    crate = "::rxd",
)]
struct Expressions;

impl Runner for Expressions {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service(manager(continuous), backoff(factor = 2))]
struct Words;

impl Runner for Words {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

const LEAST: Duration = Duration::from_nanos(1);

/// The smallest and the largest value of each key.
#[rxd::service(
    manager = "until_success",
    startup_delay = Duration::ZERO,
    delay = Duration::ZERO,
    timeouts(Init = LEAST.saturating_mul(1_000_000_000), Run = Duration::MAX),
    backoff(base = Duration::ZERO, factor = 1.0 + 0.0, max = Duration::ZERO, jitter = Self::JITTER, reset = LEAST),
    restarts(max = 0 + 0, within = LEAST),
    heartbeat = Duration::MAX
)]
#[watch(any, not_in, Exit, "default-max", within = Duration::MAX)]
struct Bounds;

impl Bounds {
    const JITTER: f64 = 1.0;
}

impl Runner for Bounds {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

/// The first delay is the longest one.
#[rxd::service(manager = "until_success", backoff(base = "30s"))]
struct DefaultMax;

impl Runner for DefaultMax {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service(manager = "until_success", backoff(max = "100ms"))]
struct DefaultBase;

impl Runner for DefaultBase {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

/// A value that depends on a parameter.
#[rxd::service(manager = "until_success", heartbeat = Duration::from_secs(LIMIT))]
struct Generic<const LIMIT: u64>;

impl<const LIMIT: u64> Runner for Generic<LIMIT> {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct All {
    bounds: Bounds,
    default_max: DefaultMax,
    default_base: DefaultBase,
    generic: Generic<3>,
}

fn main() {
    let all = All { bounds: Bounds, default_max: DefaultMax, default_base: DefaultBase, generic: Generic };
    assert!(all.into_daemon().check().is_ok());
    assert_eq!(Strings::DECLARATION.name, "strings");
    assert!(Strings::DECLARATION.table.succeeds());
    assert_eq!(Expressions::DECLARATION.name, "expressions");
    assert!(Expressions::DECLARATION.table.ends());
    assert_eq!(Words::DECLARATION.name, "words");
    assert!(!Words::DECLARATION.table.ends());
    let options = rxd::Options::DEFAULT.backoff(rxd::Backoff::DEFAULT.factor(2.0));
    assert_eq!(*Words::DECLARATION.options, options);
    let options = rxd::Options::DEFAULT
        .startup_delay(LIMIT)
        .delay(Duration::from_millis(1))
        .delay_of(rxd::State::Init, LIMIT)
        .backoff(rxd::Backoff::DEFAULT.base(LIMIT).factor(1.5).max(Duration::from_secs(9)).jitter(0.0))
        .restarts(3, LIMIT)
        .on_failure(rxd::OnFailure::Ignore)
        .heartbeat(LIMIT);
    assert_eq!(*Expressions::DECLARATION.options, options);
}
