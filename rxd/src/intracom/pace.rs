//! Taking part in tokio's cooperative scheduling, at a price that fits a message.
//!
//! A publisher that always finds room, or a receiver that always finds a message, would otherwise
//! never let go of its thread.

use std::cell::Cell;

/// The messages that count as one of the 128 operations a task may do before it has to let others run.
const MESSAGES: u32 = 16;

thread_local! {
    static PASSED: Cell<u32> = const { Cell::new(0) };
}

/// Whether one of them is to be accounted for now, by [`consume_budget`](tokio::task::coop::consume_budget).
#[inline]
pub(super) fn is_due() -> bool {
    PASSED.with(|passed| {
        let count = passed.get().wrapping_add(1);
        passed.set(count);
        count % MESSAGES == 0
    })
}
