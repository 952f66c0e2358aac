//! Stands in for `systemd` where the feature is off: the same methods, which do nothing.

use crate::core::Core;
use crate::lifecycle::options::{Options, WatchdogOptions};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Systemd;

#[derive(Debug)]
pub(crate) struct StoppingNotice;

impl StoppingNotice {
    pub(crate) fn stopping(&self, _: Duration) {}
}

#[derive(Debug)]
pub(crate) struct ReadinessHold;

impl ReadinessHold {
    pub(crate) fn release(self) {}
}

impl Systemd {
    pub(crate) fn begin<'a>(_: &Arc<Core>, _: WatchdogOptions, _: impl Iterator<Item = &'a Options>) -> Self {
        Systemd
    }

    pub(crate) fn warn_of_long_stop(&self, _: Duration) {}

    pub(crate) fn hold(&self) -> ReadinessHold {
        ReadinessHold
    }

    pub(crate) fn prestart_stage(&self, _: &str, _: Option<Duration>) {}

    pub(crate) fn prestart_restarts(&self, _: &dyn std::fmt::Display, _: Duration) {}

    pub(crate) fn start_failed(&self, _: &dyn std::fmt::Display) {}

    pub(crate) fn services_start(&self) {}

    pub(crate) fn pings_watchdog(&self) -> bool {
        false
    }

    pub(crate) fn answer_probe(&self) {}

    pub(crate) fn reloading(&self, _: Duration) {}

    pub(crate) fn reloaded(&self, _: &[String]) {}

    pub(crate) fn notice(&self) -> StoppingNotice {
        StoppingNotice
    }

    pub(crate) async fn finish(&mut self) {}
}
