//! How often a service may come round, and how long it waits before it does.

use crate::lifecycle::options::{Backoff, Restarts};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The shortest Run that counts as sustained where nothing else is declared.
const DEFAULT_SUSTAINED_RUN: Duration = Duration::from_secs(60);

/// The pacing of one service. Nothing in it is shared with another's.
#[derive(Debug, Default)]
pub(crate) struct RestartHistory {
    /// How many restarts in a row, without a sustained Run between them.
    failures: u32,
    last_delay: Duration,
    /// When it restarted within the window; kept only where there is a limit.
    #[expect(clippy::box_collection, reason = "most services have none: it is 24 bytes for each of those")]
    recent: Option<Box<VecDeque<Instant>>>,
    /// The restart that was granted last counts once it is made.
    counts: bool,
}

/// The instant after this delay; one too far away to be told is as good as never.
pub(crate) fn later(delay: Duration) -> Instant {
    later_than(Instant::now(), delay)
}

/// The instant this delay after another.
pub(crate) fn later_than(instant: Instant, delay: Duration) -> Instant {
    const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 86_400);
    instant.checked_add(delay.min(FAR_FUTURE)).unwrap_or(instant)
}

impl RestartHistory {
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// A Run has ended after this long.
    pub(crate) fn ran(&mut self, lasted: Duration, backoff: &Backoff) {
        let sustained = backoff.reset.unwrap_or(DEFAULT_SUSTAINED_RUN.max(self.last_delay));
        if lasted >= sustained {
            self.failures = 0;
        }
    }

    /// A restart that was granted has been made: it counts from now on.
    ///
    /// Not from when it was granted: within any window there are then no more than the limit's.
    pub(crate) fn restarted(&mut self) {
        if std::mem::take(&mut self.counts) {
            self.recent.get_or_insert_default().push_back(Instant::now());
        }
    }

    /// The round that follows is no restart.
    pub(crate) fn forget(&mut self) {
        self.counts = false;
    }

    /// The delay before the next restart; none if the limit is reached.
    pub(crate) fn restart(&mut self, backoff: &Backoff, limit: Option<Restarts>) -> Option<Duration> {
        if let Some(Restarts { max, within }) = limit {
            let now = Instant::now();
            let recent = self.recent.get_or_insert_default();
            while recent.front().is_some_and(|then| now.duration_since(*then) >= within) {
                recent.pop_front();
            }
            if recent.len() >= max as usize {
                return None;
            }
        }
        self.counts = limit.is_some();
        self.failures = self.failures.saturating_add(1);
        self.last_delay = nth_delay(backoff, self.failures, fastrand::f64);
        Some(self.last_delay)
    }
}

/// `min(max, base * factor^(n-1)) * U[1-jitter, 1+jitter]`, where `random` makes one in `[0, 1)`.
fn nth_delay(backoff: &Backoff, n: u32, random: impl FnOnce() -> f64) -> Duration {
    if backoff.base.is_zero() {
        return Duration::ZERO;
    }
    let exponent = i32::try_from(n.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = backoff.base.as_secs_f64() * backoff.factor.powi(exponent);
    let jitter = backoff.jitter;
    let capped = grown.min(backoff.max.as_secs_f64());
    Duration::try_from_secs_f64(capped * (1.0 - jitter + 2.0 * jitter * random())).unwrap_or(backoff.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g22_the_nth_delay_lies_within_its_bounds() {
        let backoff = Backoff::DEFAULT;
        for n in (1..100).chain([1_000, 1_000_000, u32::MAX]) {
            let exact = (0.1 * 2f64.powi((n - 1).min(1_000) as i32)).min(30.0);
            for random in [0.0, 0.25, 0.5, 0.999_999] {
                let delay = nth_delay(&backoff, n, || random).as_secs_f64();
                assert!(delay >= exact * 0.8 - 1e-9 && delay <= exact * 1.2 + 1e-9, "n = {n}: {delay}");
            }
        }
    }

    #[test]
    fn no_delay_is_no_delay_however_often() {
        assert_eq!(nth_delay(&Backoff::NONE, 1_000_000, || 0.9), Duration::ZERO);
    }

    #[test]
    fn a_fixed_delay_does_not_grow() {
        let fixed = Backoff::fixed(Duration::from_millis(100));
        assert_eq!(nth_delay(&fixed, 1, || 0.9), nth_delay(&fixed, 50, || 0.1));
    }
}
