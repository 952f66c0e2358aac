//! A declared daemon to test.

use rxd::testing::Harness;
use rxd::{Context, Daemon, Runner};
use std::panic::AssertUnwindSafe;

#[rxd::service(backoff(base = "1s", jitter = 0.0), restarts(max = 3, within = "1m"))]
pub(crate) struct Db;

#[rxd::service(manager = "until_success")]
pub(crate) struct Migrate;

#[rxd::service]
#[needs("db")]
#[after("migrate")]
pub(crate) struct Api;

/// In Run while the API is.
#[rxd::service]
#[watch(any, entering, Run, Api)]
#[watch(any, exited, Run, Api, then(stop))]
pub(crate) struct Poller {
    pub(crate) polls: u32,
}

macro_rules! real {
    ($($service:ident)*) => { $(
        impl Runner for $service {
            async fn run(&mut self, _cx: &Context) -> rxd::Result {
                unreachable!("the real {} must not be called in a test", stringify!($service))
            }
        }
    )* };
}

real!(Db Migrate Api);

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.polls += 1;
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
pub(crate) struct Agent {
    db: Db,
    migrate: Migrate,
    api: Api,
    poller: Poller,
    #[service(name = "spare")]
    spare: Option<Poller>,
}

pub(crate) fn agent() -> Daemon {
    Agent { db: Db, migrate: Migrate, api: Api, poller: Poller { polls: 0 }, spare: None }.into_daemon()
}

/// All services but the poller are fakes.
pub(crate) fn harness() -> Harness {
    Harness::new(agent()).fake_all_except("poller")
}

/// The text of the panic.
pub(crate) fn panic_of(panics: impl FnOnce()) -> String {
    let payload = std::panic::catch_unwind(AssertUnwindSafe(panics)).expect_err("the closure panics");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("the payload is a text")).to_owned(),
    }
}
