//! Families: services that a watch names as one, and that come and go.
//!
//! A declared watch on a family has each of its members as a target, like any other. So a
//! transition of a member costs what one of any service costs. A member that joins or leaves
//! changes each watch on the family: O(watches on the family), under the lock, like a transition.
//!
//! A watch counts a member from when it joins, by the state that it is in then, until it leaves.
//! Joining and leaving are no transitions:
//!
//! * A gate opens, or closes, by what its condition is with the new members.
//! * A reaction does not act because a member joins or leaves. If it has to hold for a time, and its
//!   condition comes true that way, the time begins.
//!
//! A member leaves its family before it is asked to stop, so what it does after that is no concern
//! of the watches on the family.

use super::Id;
#[cfg(any(test, feature = "test-util"))]
use super::Seq;

/// A family on the board.
#[derive(Debug, Default)]
pub(super) struct FamilyEntry {
    pub(super) members: Vec<Id>,
    /// The declared watches on the family.
    pub(super) watchers: Vec<u32>,
}

/// A member that joined or left its family.
#[cfg(any(test, feature = "test-util"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct MembershipChange {
    /// The number of the last transition before that.
    pub(crate) seq: Seq,
    pub(crate) family: usize,
    pub(crate) id: Id,
    pub(crate) joins: bool,
}
