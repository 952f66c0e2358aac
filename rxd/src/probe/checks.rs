//! What all probes have in common: how often they check, and how many results in a row count.

use crate::error::{AnyError, Result};
use crate::panic::emit;
use crate::service::context::Context;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;

/// The settings of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checks {
    period: Duration,
    timeout: Duration,
    failures: u32,
    successes: u32,
}

impl Checks {
    pub(super) const DEFAULT: Checks =
        Checks { period: Duration::from_secs(10), timeout: Duration::from_secs(3), failures: 3, successes: 1 };

    #[track_caller]
    pub(super) const fn period(mut self, period: Duration) -> Self {
        assert!(!period.is_zero(), "`period` cannot be zero\nhelp: write how long: `Duration::from_secs(5)`");
        self.period = period;
        self
    }

    #[track_caller]
    pub(super) const fn timeout(mut self, timeout: Duration) -> Self {
        assert!(!timeout.is_zero(), "`timeout` cannot be zero\nhelp: write how long: `Duration::from_secs(5)`");
        self.timeout = timeout;
        self
    }

    #[track_caller]
    pub(super) const fn failures(mut self, in_a_row: u32) -> Self {
        assert!(in_a_row > 0, "`failures` cannot be 0\nhelp: write a number from 1 to 4294967295");
        self.failures = in_a_row;
        self
    }

    #[track_caller]
    pub(super) const fn successes(mut self, in_a_row: u32) -> Self {
        assert!(in_a_row > 0, "`successes` cannot be 0\nhelp: write a number from 1 to 4294967295");
        self.successes = in_a_row;
        self
    }

    /// Checks until enough checks in a row have passed.
    pub(super) async fn until_healthy<F>(
        &self,
        cx: &Context,
        target: &impl fmt::Display,
        check: impl Fn() -> F,
    ) -> Result
    where
        F: Future<Output = Result<(), String>>,
    {
        let mut every = cx.every(self.period);
        let (mut passed, mut failed) = (0, None);
        while every.tick().await {
            match self.check(cx, &check).await? {
                Ok(()) => passed += 1,
                Err(cause) => {
                    passed = 0;
                    cx.status(format!("{target}: {cause}"));
                    if failed.as_ref() != Some(&cause) {
                        emit!(INFO, target: "rxd", "waits until {target} is healthy: {cause}");
                    }
                    failed = Some(cause);
                }
            }
            if passed >= self.successes {
                if failed.is_some() {
                    cx.status("");
                }
                return Ok(());
            }
        }
        Err(crate::error::Cancelled.into())
    }

    /// Checks until enough checks in a row have failed.
    pub(super) async fn while_healthy<F>(
        &self,
        cx: &Context,
        target: &impl fmt::Display,
        check: impl Fn() -> F,
    ) -> Result
    where
        F: Future<Output = Result<(), String>>,
    {
        let mut every = cx.every(self.period);
        // The first check was the last one in Idle.
        every.tick().await;
        let mut failed = 0;
        while every.tick().await {
            match self.check(cx, &check).await? {
                Ok(()) => failed = 0,
                Err(cause) => {
                    failed += 1;
                    if failed >= self.failures {
                        let text = match failed {
                            1 => format!("{target}: {cause}"),
                            _ => format!("{target}: {failed} checks failed in a row, the last: {cause}"),
                        };
                        return Err(AnyError::msg(text));
                    }
                }
            }
        }
        Ok(())
    }

    /// One check: its result, or an error if the context is cancelled first.
    async fn check<F>(&self, cx: &Context, check: &impl Fn() -> F) -> Result<Result<(), String>>
    where
        F: Future<Output = Result<(), String>>,
    {
        let limit = self.timeout;
        let result = cx.or_cancelled(timeout(limit, check())).await?;
        Ok(result.unwrap_or_else(|_| Err(format!("no answer within {limit:?}"))))
    }
}

/// The setters that all probes have.
macro_rules! setters {
    ($probe:ident) => {
        impl $probe {
            /// Sets how often the target is checked. Default: 10 s.
            ///
            /// # Panics
            ///
            /// If it is zero; in a `const` this is a compile error.
            #[track_caller]
            pub const fn period(mut self, period: std::time::Duration) -> Self {
                self.checks = self.checks.period(period);
                self
            }

            /// Sets how long one check may take, from its beginning to its result. Default: 3 s.
            ///
            /// # Panics
            ///
            /// If it is zero; in a `const` this is a compile error.
            #[track_caller]
            pub const fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.checks = self.checks.timeout(timeout);
                self
            }

            /// Sets how many checks in a row must fail for the service to leave Run. Default: 3.
            ///
            /// # Panics
            ///
            /// If it is 0; in a `const` this is a compile error.
            #[track_caller]
            pub const fn failures(mut self, in_a_row: u32) -> Self {
                self.checks = self.checks.failures(in_a_row);
                self
            }

            /// Sets how many checks in a row must pass for the service to enter Run. Default: 1.
            ///
            /// # Panics
            ///
            /// If it is 0; in a `const` this is a compile error.
            #[track_caller]
            pub const fn successes(mut self, in_a_row: u32) -> Self {
                self.checks = self.checks.successes(in_a_row);
                self
            }
        }

        #[diagnostic::do_not_recommend]
        impl crate::service::runner::Runner for $probe {
            async fn idle(&mut self, cx: &crate::service::context::Context) -> crate::error::Result {
                self.checks.until_healthy(cx, &self.target(), || self.check()).await
            }

            async fn run(&mut self, cx: &crate::service::context::Context) -> crate::error::Result {
                self.checks.while_healthy(cx, &self.target(), || self.check()).await
            }
        }
    };
}

pub(super) use setters;
