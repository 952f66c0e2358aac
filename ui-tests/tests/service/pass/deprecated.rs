//! A deprecated service: only the user's own mention of it warns, where the user can allow that.
#![deny(warnings)]

use rxd::{Context, Runner};

#[rxd::service]
#[deprecated]
pub struct Old;

#[allow(deprecated)]
impl Runner for Old {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service]
#[needs("old")]
pub struct New;

impl Runner for New {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
pub struct Agent {
    #[allow(deprecated)]
    pub old: Old,
    pub new: New,
}

#[allow(deprecated)]
fn main() {
    let _ = Agent { old: Old, new: New }.into_daemon();
}
