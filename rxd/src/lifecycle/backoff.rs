//! Restarts of one service: how many are allowed, and the delay before each.
//!
//! The engine asks for each restart ([`restart`](RestartHistory::restart)), says when it has been
//! made ([`restarted`](RestartHistory::restarted)), and how long each Run lasted
//! ([`ran`](RestartHistory::ran)). Nothing here waits.

use crate::lifecycle::options::{Backoff, Restarts};
use crate::random;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The least pause of an evicted service, whatever its back-off.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// The window in which at most [`MOST_RECORDS`] tell of reactions that took one service out of Run.
pub(crate) const RECORD_WINDOW: Duration = Duration::from_secs(10);
const MOST_RECORDS: u32 = 5;

/// How long a Run must last to reset the back-off, if `reset` is not declared. (A longer delay
/// before it raises this.)
const DEFAULT_SUSTAINED_RUN: Duration = Duration::from_secs(60);

/// The longest delay: 30 years, as tokio takes for a sleep that never ends.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The restarts of one service so far. Each service has a separate one.
#[derive(Debug, Default)]
pub(crate) struct RestartHistory {
    /// How many restarts there were in a row, without a sustained Run between them.
    failures: u32,
    /// The delay that was granted last.
    last_delay: Duration,
    /// When it restarted within the window, oldest first; only if there is a limit.
    #[expect(clippy::box_collection, reason = "most services have none: it is 24 bytes for each of those")]
    recent: Option<Box<VecDeque<Instant>>>,
    /// Whether the restart that was granted last has still to be made.
    granted: bool,
}

/// The instant after this delay. A delay that the clock cannot count is cut to [`FAR_FUTURE`].
pub(crate) fn later(delay: Duration) -> Instant {
    later_than(Instant::now(), delay)
}

/// The instant this delay after another one.
pub(crate) fn later_than(instant: Instant, delay: Duration) -> Instant {
    instant.checked_add(delay.min(FAR_FUTURE)).unwrap_or(instant)
}

/// How long a service waits before its next Init, if a `then(stop)` took it out of Run less than
/// this after it had entered Run.
///
/// It bounds the rate at which services evict each other. It does not grow: an eviction is not a
/// failure.
pub(crate) fn pause(backoff: &Backoff) -> Duration {
    backoff.base.max(LEAST_PAUSE)
}

/// The records about reactions that have taken a service out of Run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReactionRecords {
    /// When the window began, and the records in it.
    window: Option<(Instant, u32)>,
    /// How often reactions have taken it out since the last record.
    unrecorded: u32,
}

impl ReactionRecords {
    /// Counts a reaction. Returns how many times the record about
    /// it is to tell of, if there is to be one.
    pub(crate) fn add(&mut self) -> Option<u32> {
        let (since, records) = self.window.get_or_insert_with(|| (Instant::now(), 0));
        if since.elapsed() >= RECORD_WINDOW {
            (*since, *records) = (Instant::now(), 0);
        }
        if *records == MOST_RECORDS {
            self.unrecorded = self.unrecorded.saturating_add(1);
            return None;
        }
        *records += 1;
        Some(std::mem::take(&mut self.unrecorded).saturating_add(1))
    }
}

impl RestartHistory {
    /// How many restarts there were in a row, without a sustained Run between them.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Notes a Run that lasted this long. A sustained one resets the back-off.
    pub(crate) fn ran(&mut self, lasted: Duration, backoff: &Backoff) {
        let sustained = backoff.reset.unwrap_or(DEFAULT_SUSTAINED_RUN.max(self.last_delay));
        if lasted >= sustained {
            self.failures = 0;
        }
    }

    /// Notes that the restart that was granted last has been made.
    ///
    /// It counts from now, not from when it was granted: the delay lies between the two, and
    /// counting from the grant would allow more restarts within a window than the limit.
    pub(crate) fn restarted(&mut self) {
        if std::mem::take(&mut self.granted) {
            if let Some(recent) = &mut self.recent {
                recent.push_back(Instant::now());
            }
        }
    }

    /// Withdraws the restart that was granted last: an operator or a reaction asked for the next
    /// incarnation, or there is none. Returns whether that restart had still to be made.
    pub(crate) fn withdraw(&mut self) -> bool {
        std::mem::take(&mut self.granted)
    }

    /// Grants a restart: the delay before it, or `None` if the restart limit is reached.
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
        self.granted = true;
        self.failures = self.failures.saturating_add(1);
        self.last_delay = nth_delay(backoff, self.failures, random::fraction);
        Some(self.last_delay)
    }
}

/// The delay before the n-th restart in a row: `min(max, base * factor^(n-1)) * U[1-jitter,
/// 1+jitter]`. `random` returns a number in `[0, 1)`.
fn nth_delay(backoff: &Backoff, n: u32, random: impl FnOnce() -> f64) -> Duration {
    if backoff.base.is_zero() {
        return Duration::ZERO;
    }
    // `powi` goes to infinity rather than overflow, and `min` takes it back to `max`.
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
    fn g22_nth_delay_lies_within_its_bounds() {
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
    fn nth_delay_without_backoff_is_zero() {
        assert_eq!(nth_delay(&Backoff::NONE, 1_000_000, || 0.9), Duration::ZERO);
    }

    #[test]
    fn pause_is_the_base_and_at_least_10_ms() {
        for (base, expected) in [(0, 10_000_000), (1, 10_000_000), (10_000_001, 10_000_001)] {
            let backoff = Backoff::fixed(Duration::from_nanos(base));
            assert_eq!(pause(&backoff), Duration::from_nanos(expected), "{base} ns");
        }
    }

    #[test]
    fn nth_delay_of_a_fixed_backoff_does_not_grow() {
        let fixed = Backoff::fixed(Duration::from_millis(100));
        assert_eq!(nth_delay(&fixed, 1, || 0.9), nth_delay(&fixed, 50, || 0.1));
    }
}
