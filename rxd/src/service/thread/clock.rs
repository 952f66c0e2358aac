//! The paused clock of a test, beside threads that have real time.

use crate::spawn::{Completer, completion};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// How much real time a thread gets for a call while the clock stands still. Then the clock goes on:
/// a thread that never answers must not make a test hang.
const LIMIT: Duration = Duration::from_millis(200);

/// While it lives, at most for [`LIMIT`], a paused clock does not advance by itself. Otherwise it
/// would jump over the limit of a method before a thread has had any time for that.
pub(crate) struct HeldClock(#[expect(dead_code, reason = "its drop ends the hold")] Completer);

impl HeldClock {
    /// Holds the clock of this runtime if it is paused.
    pub(crate) fn new() -> Option<Self> {
        if !is_paused() {
            return None;
        }
        let (hold, held) = completion();
        // tokio does not advance the clock while code runs in its pool of threads.
        Handle::current().spawn_blocking(move || held.wait(LIMIT));
        Some(HeldClock(hold))
    }
}

/// Whether tokio's clock stands still while the system's clock advances.
pub(crate) fn is_paused() -> bool {
    let (before, real) = (Instant::now(), std::time::Instant::now());
    while real.elapsed() < Duration::from_micros(10) {}
    Instant::now() == before
}
