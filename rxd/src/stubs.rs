//! Placeholders.
#![allow(missing_docs, unused_variables)]

use crate::graph::Edge;
use crate::{Context, Declared, Result, Runner};
use std::borrow::Cow;
use std::time::Duration;

#[derive(Debug)]
pub struct Daemon;
impl Daemon {
    pub fn new(name: impl Into<Cow<'static, str>>) -> Daemon {
        Daemon
    }
    #[must_use]
    pub fn add(self, service: impl Into<Service>) -> Daemon {
        self
    }
    #[must_use]
    pub fn shutdown_timeout(self, limit: Duration) -> Daemon {
        self
    }
    #[must_use]
    pub fn signals(self, signals: &'static [SignalKind]) -> Daemon {
        self
    }
    pub async fn run(self) -> Result {
        Ok(())
    }
    pub async fn start(self) -> Result<DaemonHandle> {
        Ok(DaemonHandle)
    }
}
#[derive(Debug)]
pub struct DaemonHandle;
#[derive(Debug)]
pub struct Watch;
#[derive(Debug)]
pub struct SignalKind;
impl SignalKind {
    pub const fn interrupt() -> Self {
        SignalKind
    }
    pub const fn terminate() -> Self {
        SignalKind
    }
    pub const fn quit() -> Self {
        SignalKind
    }
    pub const fn hangup() -> Self {
        SignalKind
    }
    pub const fn user_defined1() -> Self {
        SignalKind
    }
    pub const fn user_defined2() -> Self {
        SignalKind
    }
}
#[derive(Debug)]
pub struct Service;
impl Service {
    pub fn declared<R: Runner + Declared>(runner: R) -> Service {
        Service
    }
    #[must_use]
    pub fn named(self, name: impl Into<Cow<'static, str>>) -> Service {
        self
    }
}
impl<R: Runner + Declared> From<R> for Service {
    fn from(runner: R) -> Service {
        Service
    }
}
pub fn optional<R: Runner + Declared>(runner: Option<R>, name: Option<&'static str>) -> Service {
    Service
}
pub fn stream(cx: &Context, edge: &'static Edge<'static>) -> Watch {
    Watch
}
