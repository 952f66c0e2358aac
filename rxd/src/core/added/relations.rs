//! Which added services belong together: those of a group, those that refer to one, and those that
//! one owns.

use super::{AddedService, AddedServices};
use crate::board::Id;
use crate::core::names::Name;
use std::num::NonZeroU64;

/// An added service of a group.
#[derive(Debug)]
pub(crate) struct GroupMember {
    pub(crate) id: Id,
    pub(crate) name: Name,
    pub(crate) version: Option<NonZeroU64>,
    pub(crate) is_owned: bool,
}

impl AddedServices {
    /// Those of a group that are there and not to be removed.
    pub(crate) fn in_group(&self, group: &str) -> Vec<GroupMember> {
        self.read(|rows| {
            let of_group = rows.all().filter(|row| row.stays() && row.about.group.as_deref() == Some(group));
            let of_group = of_group.filter(|row| row.about.family.is_none());
            let member = |row: &AddedService| GroupMember {
                id: row.id,
                name: row.about.name.clone(),
                version: row.about.version,
                is_owned: row.owner.is_some(),
            };
            of_group.map(member).collect()
        })
    }

    /// Those that refer to a service and are not to be removed, each with whether it ends with it.
    pub(crate) fn dependents(&self, id: Id) -> Vec<(Id, Name, bool)> {
        self.read(|rows| {
            let dependents = rows.row(id).map_or(&[][..], |row| &row.dependents);
            let rows = dependents.iter().filter_map(|&(id, _)| rows.row(id)).filter(|row| row.removal.is_none());
            rows.map(|row| (row.id, row.about.name.clone(), row.owner == Some(id))).collect()
        })
    }

    /// The names of those that end with an incarnation of this service.
    pub(crate) fn owned_by(&self, owner: Id) -> Vec<Name> {
        self.read(|rows| {
            let owned = rows.all().filter(|row| row.owner == Some(owner) && !row.has_engine_ended);
            owned.map(|row| row.about.name.clone()).collect()
        })
    }

    /// The service whose incarnation this one ends with.
    pub(crate) fn owner(&self, id: Id) -> Option<Id> {
        self.read(|rows| rows.row(id).and_then(|row| row.owner))
    }

    /// The names of those of a group that are being removed.
    pub(crate) fn going(&self, group: &str) -> Vec<(Id, Name)> {
        self.read(|rows| {
            let going = rows.all().filter(|row| row.removal.is_some() && row.about.group.as_deref() == Some(group));
            going.map(|row| (row.id, row.about.name.clone())).collect()
        })
    }
}
