//! For how long the condition of a watch has held that has to last: what `why` says of it.

use crate::board::{Reaction, WatcherSpec};
use crate::core::Core;
use crate::core::describe::describe_condition;
use crate::graph::Effect;
use crate::lifecycle::duration::{ExactDuration, ShortDuration};
use std::fmt;
use std::time::Duration;

/// A reaction whose condition holds, but has not for as long as it has to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldingReaction {
    /// The condition: `health exited Run`.
    pub condition: String,
    /// What the watch does then: [`Effect::Stop`] or [`Effect::Exit`].
    pub effect: Effect,
    /// For how long the condition has to hold.
    pub lasts: Duration,
    /// For how long it has held.
    pub held_for: Duration,
}

/// For how long the condition of a watch has held, while it holds and has not for long enough.
pub(super) fn held_for(core: &Core, watch: &WatcherSpec) -> Option<Duration> {
    watch.since.map(|since| Duration::from_nanos(core.board.now().saturating_sub(since)))
}

impl HoldingReaction {
    pub(super) fn new(core: &Core, watch: &WatcherSpec) -> Option<Self> {
        let (lasts, held_for) = (watch.lasts?, held_for(core, watch)?);
        let effect = if watch.reaction == Reaction::Exit { Effect::Exit } else { Effect::Stop };
        let condition = describe_condition(core, watch);
        Some(HoldingReaction { condition, effect, lasts, held_for: held_for.min(lasts) })
    }
}

impl fmt::Display for HoldingReaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HoldingReaction { condition, effect, lasts, held_for } = self;
        let what = if *effect == Effect::Exit { "ends" } else { "leaves Run" };
        write!(f, "{what} by {condition}, which has held for {} of {}", ShortDuration(*held_for), ExactDuration(*lasts))
    }
}
