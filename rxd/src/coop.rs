//! Takes part in tokio's cooperative scheduling, at a price that fits a single message.
//!
//! tokio makes a task yield after a budget of operations on its own types. Without this module a
//! task that keeps awaiting ready futures of rxd would never yield: a publisher that always finds
//! room, a receiver that always finds a message, or a watch whose condition holds already.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use tokio::task::coop::consume_budget;

/// How many messages, or polls of a watch, count as one of the 128 operations of a task's budget.
const POLLS_PER_OPERATION: u32 = 16;

thread_local! {
    /// The polls of this thread so far, of whichever task.
    static POLLS: Cell<u32> = const { Cell::new(0) };
}

/// Ready, unless the task has used up its budget. It is then woken at once, and polled again after
/// others.
#[inline]
pub(crate) fn poll(cx: &mut Context<'_>) -> Poll<()> {
    let count = POLLS.get().wrapping_add(1);
    POLLS.set(count);
    if count % POLLS_PER_OPERATION == 0 { account(cx) } else { Poll::Ready(()) }
}

#[cold]
fn account(cx: &mut Context<'_>) -> Poll<()> {
    // A new future for each poll will do: it keeps no state, and has asked for its wake-up already.
    pin!(consume_budget()).poll(cx)
}
