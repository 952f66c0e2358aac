//! The families of a daemon: what a watch names in place of services that come and go.
//!
//! All members of a family are [added services](super::added), also those that the daemon was
//! started with. So there is one way in which they come and go, and only what finds them by the
//! family is here: the family's name and its number, which stands for all of them in a watch.

use super::added::RemoveRefused;
use super::names::Name;
use super::{Core, Reply};
use crate::board::Id;
use crate::board::slots::{family_id, family_of};
use crate::graph::fnv1a;
use crate::lifecycle::manager::Table;
use std::time::Duration;

/// What is known of a family.
#[derive(Debug)]
pub(crate) struct FamilyFacts {
    pub(crate) name: Name,
    /// What the names of its members begin with.
    pub(crate) stem: Name,
    pub(crate) type_hash: Option<u64>,
    pub(crate) table: &'static Table,
    /// Held by what changes the number of its members.
    pub(crate) scaling: tokio::sync::Mutex<()>,
}

impl FamilyFacts {
    /// The name of its n-th member.
    pub(crate) fn member_name(&self, nth: usize) -> String {
        format!("{}-{nth}", self.stem)
    }

    /// Which of its members has this name.
    pub(crate) fn nth_of(&self, name: &str) -> Option<usize> {
        name.strip_prefix(&*self.stem)?.strip_prefix('-')?.parse().ok()
    }
}

/// The families of a daemon.
#[derive(Debug, Default)]
pub(crate) struct Families(Box<[FamilyFacts]>);

impl Families {
    pub(crate) fn new(families: impl IntoIterator<Item = FamilyFacts>) -> Self {
        Families(families.into_iter().collect())
    }

    pub(crate) fn all(&self) -> &[FamilyFacts] {
        &self.0
    }

    /// The family of this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|family| family.name == name)
    }

    /// The family that this is the number of.
    pub(crate) fn of(&self, id: Id) -> Option<&FamilyFacts> {
        self.0.get(family_of(id)?)
    }

    /// The numbers of those with this hash of a name or a type.
    pub(crate) fn with_hash(&self, hash: u64) -> impl Iterator<Item = Id> {
        let found = move |family: &FamilyFacts| fnv1a(&family.name) == hash || family.type_hash == Some(hash);
        self.0.iter().enumerate().filter(move |(_, family)| found(family)).map(|(nth, _)| family_id(nth))
    }
}

impl Core {
    /// Keeps what is known of the families.
    pub(crate) fn with_families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// The members of the family with this number.
    pub(crate) fn members(&self, id: Id) -> Vec<Id> {
        family_of(id).map(|family| self.board.members(family)).unwrap_or_default()
    }

    /// A service, and the family that it is a member of.
    pub(crate) fn with_family(&self, id: Id) -> [Id; 2] {
        [id, self.added.family(id).map_or(id, family_id)]
    }

    /// Begins the removal of a member: it leaves its family, and then is asked to stop. Returns as
    /// [`begin_removal`](Core::begin_removal).
    pub(crate) fn begin_member_removal(
        &self,
        family: usize,
        id: Id,
        reply: Reply,
        own: Option<Id>,
    ) -> Result<Option<Duration>, RemoveRefused> {
        self.board.leave(family, id);
        self.remove_added(&self.name(id), false, reply, (own, true))
    }
}
