//! Taking part in tokio's cooperative scheduling, at a price that fits a message.
//!
//! A publisher that always finds room, a receiver that always finds a message, or whoever waits again and
//! again for what is so already, would otherwise never let go of its thread.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use tokio::task::coop::consume_budget;

/// The messages, or looks at a watch, that count as one of the 128 operations a task may do before it has to let others run.
const LOOKS_PER_OPERATION: u32 = 16;

thread_local! {
    static LOOKS: Cell<u32> = const { Cell::new(0) };
}

/// Ready, unless the task has used up what it may do for now; then it is polled again.
#[inline]
pub(crate) fn poll(cx: &mut Context<'_>) -> Poll<()> {
    let count = LOOKS.get().wrapping_add(1);
    LOOKS.set(count);
    if count % LOOKS_PER_OPERATION == 0 { account(cx) } else { Poll::Ready(()) }
}

#[cold]
fn account(cx: &mut Context<'_>) -> Poll<()> {
    // It keeps nothing between two polls but the wake-up that it has asked for.
    pin!(consume_budget()).poll(cx)
}
