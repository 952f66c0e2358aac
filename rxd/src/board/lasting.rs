//! Declared watches that act only once their condition has held for a time without a break:
//! `lasts` of a watch, `grace` of a `needs`.
//!
//! A rising edge notes its time, and no more. The [timer of the daemon](crate::daemon) looks at the
//! watch when the time is over, and has it act if the condition holds and no rising edge came in
//! between. A falling edge therefore costs nothing, and a condition that comes and goes costs one
//! look each time that it had to last. The engine sees a watch that acts as one whose condition has
//! just come true.
//!
//! # Invariants
//!
//! They hold at every unlock, beside those of the [board](super).
//!
//! 1. A watch that is *armed* is in the heap `due` once, a watch that is not is not in it. A watch
//!    whose condition holds and that has not *acted* is armed.
//! 2. The time in the heap is not later than the one at which the watch has to act. A break makes
//!    that time later, and the heap is corrected when it comes to the watch.
//! 3. `acted` is cleared by every rising edge. So while the condition holds, it says whether the
//!    watch has acted since the condition last came true.
//! 4. The heap has room for every such watch, and for what is left in it of removed ones, so that a
//!    transition allocates nothing.
//! 5. The timer stores its waker under the lock. A rising edge that is due before all others wakes
//!    it.

use super::Id;
use super::status::Reaction;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;
use std::time::Duration;

/// How many entries of removed watches the heap may have beside those of as many that are there.
const MAX_STALE: usize = 64;

/// What a declared watch with a time has beside its condition.
#[derive(Debug)]
pub(super) struct LastingWatch {
    pub(super) owner: Id,
    /// The target whose transition made the condition come true last, or `NOBODY`.
    pub(super) by: Id,
    pub(super) reaction: Reaction,
    pub(super) within: Option<Duration>,
    /// For how long the condition has to hold, in nanoseconds.
    pub(super) lasts: u64,
    /// When it came true last, in nanoseconds since the board was made.
    pub(super) since: u64,
    /// See invariant 3.
    pub(super) acted: bool,
    /// See invariant 1.
    pub(super) armed: bool,
    /// Tells it from an earlier watch in the same place.
    pub(super) token: u32,
}

impl LastingWatch {
    pub(super) fn new(owner: Id, by: Id, reaction: Reaction, within: Option<Duration>, lasts: Duration) -> Self {
        let lasts = u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX);
        LastingWatch { owner, by, reaction, within, lasts, since: 0, acted: false, armed: false, token: 0 }
    }
}

/// The watches whose time is running.
#[derive(Debug, Default)]
pub(super) struct LastingTimers {
    /// How many watches have a time.
    pub(super) count: usize,
    /// How many entries of `due` are of watches that were removed.
    stale: usize,
    tokens: u32,
    /// The armed ones, the earliest first: when, the watch's place, and its token.
    pub(super) due: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// The waker of the task that waits for the earliest.
    pub(super) waker: Option<Waker>,
}

impl LastingTimers {
    /// Makes room for one more watch.
    pub(super) fn add(&mut self, watch: &mut LastingWatch) {
        self.count += 1;
        self.tokens = self.tokens.wrapping_add(1);
        watch.token = self.tokens;
        self.due.reserve((self.count + self.stale).saturating_sub(self.due.len()));
    }

    /// Removes a watch. An entry of it in the heap stays there until it is due, unless there are
    /// many. Those of `live` are kept.
    pub(super) fn remove(&mut self, watch: &LastingWatch, live: impl Fn(u32, u32) -> bool) {
        self.count -= 1;
        if watch.armed {
            self.stale += 1;
            if self.stale > self.count + MAX_STALE {
                self.due.retain(|&Reverse((_, at, token))| live(at, token));
                self.stale = 0;
            }
        }
    }

    /// The entry of a removed watch was taken out of the heap.
    pub(super) fn took_stale(&mut self) {
        self.stale = self.stale.saturating_sub(1);
    }
}
