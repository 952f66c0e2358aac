//! The wall clock. Only services with a `schedule` follow it: every other time in rxd is measured by
//! tokio's monotonic clock.
//!
//! In a test it advances with tokio's clock, also in paused time, and from an instant that the test
//! may set.

/// What the wall clock shows.
#[cfg(not(any(test, feature = "test-util")))]
pub(crate) fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

#[cfg(any(test, feature = "test-util"))]
pub(crate) use of_tests::{now, set};

#[cfg(any(test, feature = "test-util"))]
mod of_tests {
    use std::cell::Cell;
    use std::time::SystemTime;
    use tokio::time::Instant;

    thread_local! {
        /// What a test has set, and when.
        static SET: Cell<Option<(SystemTime, Instant)>> = const { Cell::new(None) };
    }

    /// What the wall clock shows.
    pub(crate) fn now() -> SystemTime {
        let tokio = Instant::now();
        if let Some((start, since)) = SET.get() {
            return start + tokio.saturating_duration_since(since);
        }
        // Both are one clock unless time was paused: then tokio's is ahead, or behind.
        let (tokio, real) = (tokio.into_std(), std::time::Instant::now());
        SystemTime::now() + tokio.saturating_duration_since(real) - real.saturating_duration_since(tokio)
    }

    /// Sets what the wall clock of this thread shows now.
    pub(crate) fn set(time: SystemTime) {
        SET.set(Some((time, Instant::now())));
    }
}
