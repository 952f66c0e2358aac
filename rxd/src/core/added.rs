//! The services that are added while the daemon runs: their names, which of them refer to which,
//! and their removal.
//!
//! Services are added by `daemon::added`, which checks them. Their engines end like those of other
//! services; if a removal was asked for, the end of the engine completes it (`removal`).
//!
//! # Invariants
//!
//! 1. A name is that of one service from its addition until its removal is complete. A number is
//!    that of one service for ever; see [`slots`](crate::board::slots).
//! 2. A service that others refer to is not asked to stop for its removal before those are
//!    forgotten. They are added after it, so this ends.
//! 3. A slot is used again only when the engine, the tasks and the requests of the service in it
//!    have ended.
//! 4. The name of a removed service is kept for as long as a transition of it is in the history.
//!
//! # Lock order
//!
//! The lock of the rows may be taken under that of the heartbeats. Only that of a service's tasks is
//! taken under it. Signals are set under it, which is an atomic step.

pub(crate) mod relations;
mod removal;
#[cfg(all(test, not(rxd_loom)))]
mod tests;

use super::{Core, Reply};
use crate::board::slots::{MAX_SLOTS, first_in_slot, next_in_slot, slot_of};
use crate::board::{Id, Seq};
use crate::core::names::{Name, NameRef};
use crate::core::tasks::TaskGuard;
use crate::graph::fnv1a;
use crate::lifecycle::manager::Table;
use crate::lifecycle::options::Options;
use crate::sync::Mutex;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a service is named that was removed so long ago that its name is forgotten.
const FORGOTTEN: &str = "(removed)";

/// How many slots are tried of which the last service's tasks may not have ended.
const MAX_TRIED: usize = 8;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct AddedServices {
    rows: Mutex<AddedRows>,
    /// Whether a service was ever added. Relaxed: who knows of one has seen it.
    is_used: AtomicBool,
}

#[derive(Debug, Default)]
struct AddedRows {
    /// The slot of the first row.
    first: usize,
    rows: Vec<Option<AddedService>>,
    /// The empty slots, each with the number of its next service; the longest empty first.
    free: VecDeque<Id>,
    /// By the hashes of names and types.
    by_hash: HashMap<u64, Vec<(Id, HashOf)>>,
    /// The names of the last removed services, and the last transition of each.
    past_names: HashMap<Id, Name>,
    past: VecDeque<(Id, Seq)>,
}

/// What the hash of a service is of.
#[derive(Clone, Copy, Debug)]
enum HashOf {
    Name = 0,
    Type = 1,
}

/// What is kept about an added service.
#[derive(Debug)]
struct AddedService {
    id: Id,
    /// Its places in the lists of its hashes.
    hash_places: [u32; 2],
    about: AddedFacts,
    /// The service whose incarnation it ends with.
    owner: Option<Id>,
    /// The added services that it refers to, each with the place of this one in the list of its
    /// dependents.
    targets: Box<[(Id, u32)]>,
    /// The services that refer to it, each with the place of this one in the list of its targets.
    dependents: Vec<(Id, u32)>,
    /// It is on the board, and can be found.
    is_there: bool,
    removal: Option<Removal>,
    has_engine_ended: bool,
}

impl AddedService {
    /// Whether it is there, and is not to be removed.
    fn stays(&self) -> bool {
        self.is_there && self.removal.is_none()
    }
}

/// What is declared of an added service.
#[derive(Debug)]
pub(crate) struct AddedFacts {
    pub(crate) name: Name,
    pub(crate) type_hash: Option<u64>,
    pub(crate) table: &'static Table,
    /// Holds the owner's incarnation up until this service is removed, or its engine has ended at a
    /// shutdown. Dropped without the lock: that wakes the owner.
    pub(crate) owned: Option<TaskGuard>,
    group: Option<Name>,
    /// The hash of what it was made from.
    pub(crate) version: Option<NonZeroU64>,
    is_manual: bool,
    answer_limit: Duration,
    timeouts: [Option<Duration>; 4],
    /// The family that it is a member of.
    pub(crate) family: Option<usize>,
    /// Whether the daemon's readiness counts it: it is a member that was there from the start.
    pub(crate) counts: bool,
}

impl AddedFacts {
    pub(crate) fn new(name: Name, type_hash: Option<u64>, table: &'static Table, options: &Options) -> Self {
        let answer_limit = Duration::from_secs(options.answer_limit());
        let (is_manual, timeouts) = (!options.autostart, options.timeouts);
        let (owned, group, version, family, counts) = (None, None, None, None, false);
        AddedFacts { name, type_hash, table, owned, group, version, is_manual, answer_limit, timeouts, family, counts }
    }

    /// Of a member of this family, of which watches name the family and not the type.
    pub(crate) fn member_of(self, family: usize, counts: bool) -> Self {
        AddedFacts { family: Some(family), counts, type_hash: None, ..self }
    }

    pub(crate) fn in_group(self, group: Option<Name>) -> Self {
        AddedFacts { group, ..self }
    }
}

/// A removal that was asked for.
#[derive(Debug, Default)]
struct Removal {
    /// Answered once the service is forgotten.
    replies: Vec<Reply>,
}

/// Why no service was added.
#[derive(Debug)]
pub(crate) enum AddRefused {
    /// Its name is in use: check it again.
    NameInUse,
    /// This service that it refers to is removed, or is to be.
    Removed(Id),
    TooMany,
}

/// Why no service was removed.
#[derive(Debug)]
pub(crate) enum RemoveRefused {
    Unknown,
    /// Its removal was asked for before.
    UnderWay,
    /// The daemon was started with it.
    Declared,
    /// It is a member of this family.
    Member(usize),
    /// These refer to it.
    Needed(Vec<Name>),
}

impl AddedRows {
    fn row(&self, id: Id) -> Option<&AddedService> {
        self.rows.get(slot_of(id).checked_sub(self.first)?)?.as_ref().filter(|row| row.id == id)
    }

    fn row_mut(&mut self, id: Id) -> Option<&mut AddedService> {
        let first = self.first;
        self.rows.get_mut(slot_of(id).checked_sub(first)?)?.as_mut().filter(|row| row.id == id)
    }

    /// Those that are on the board.
    fn all(&self) -> impl Iterator<Item = &AddedService> {
        self.rows.iter().flatten().filter(|row| row.is_there)
    }

    fn find(&self, name: &str) -> Option<Id> {
        let ids = self.by_hash.get(&fnv1a(name))?;
        ids.iter().map(|&(id, _)| id).find(|&id| self.row(id).is_some_and(|row| row.about.name == name))
    }

    /// Returns the place in the list.
    fn link(&mut self, hash: u64, id: Id, of: HashOf) -> u32 {
        let ids = self.by_hash.entry(hash).or_default();
        ids.push((id, of));
        ids.len() as u32 - 1
    }

    fn unlink(&mut self, hash: u64, id: Id, place: u32) {
        let Some(ids) = self.by_hash.get_mut(&hash) else { return };
        // Its own other entry may have been moved before, if both have the same hash.
        let is_there = ids.get(place as usize).is_some_and(|&(other, _)| other == id);
        let place = if is_there { Some(place as usize) } else { ids.iter().position(|&(other, _)| other == id) };
        let Some(place) = place else { return };
        ids.swap_remove(place);
        match ids.get(place).copied() {
            Some((moved, of)) => {
                if let Some(row) = self.row_mut(moved) {
                    row.hash_places[of as usize] = place as u32;
                }
            }
            None if ids.is_empty() => drop(self.by_hash.remove(&hash)),
            None => {}
        }
    }

    /// Takes a row out, and it out of the lists of its targets. Returns it, and those of its targets
    /// that can stop now: they are to be removed, and no other service refers to them.
    fn take(&mut self, id: Id) -> Option<(AddedService, Vec<Id>)> {
        let first = self.first;
        let row = self.rows.get_mut(slot_of(id).checked_sub(first)?)?.take_if(|row| row.id == id)?;
        let [name, by_type] = row.hash_places;
        self.unlink(fnv1a(&row.about.name), id, name);
        row.about.type_hash.into_iter().for_each(|hash| self.unlink(hash, id, by_type));
        let mut next = Vec::new();
        for &(target, place) in &row.targets {
            let Some(target_row) = self.row_mut(target) else { continue };
            target_row.dependents.swap_remove(place as usize);
            let moved = target_row.dependents.get(place as usize).copied();
            if target_row.dependents.is_empty() && target_row.removal.is_some() {
                next.push(target);
            }
            if let Some((moved, nth)) = moved {
                if let Some(moved) = self.row_mut(moved) {
                    moved.targets[nth as usize].1 = place;
                }
            }
        }
        Some((row, next))
    }
}

impl AddedServices {
    pub(crate) fn new(first: usize) -> Self {
        let rows = AddedRows { first, ..AddedRows::default() };
        AddedServices { rows: Mutex::new(rows), is_used: AtomicBool::new(false) }
    }

    /// Reads the rows; the default if there never was one.
    fn read<T: Default>(&self, read: impl FnOnce(&AddedRows) -> T) -> T {
        if self.is_used.load(Ordering::Relaxed) { read(&self.rows.lock()) } else { T::default() }
    }

    /// The numbers of all of them.
    pub(crate) fn ids(&self) -> Vec<Id> {
        self.read(|rows| rows.all().map(|row| row.id).collect())
    }

    /// The names of all of them.
    pub(crate) fn names(&self) -> Vec<Name> {
        self.read(|rows| rows.all().map(|row| row.about.name.clone()).collect())
    }

    pub(crate) fn id(&self, name: &str) -> Option<Id> {
        self.read(|rows| rows.find(name).filter(|&id| rows.row(id).is_some_and(|row| row.is_there)))
    }

    /// Those with this hash of a name or a type.
    pub(crate) fn with_hash(&self, hash: u64) -> Vec<Id> {
        self.read(|rows| {
            let ids = rows.by_hash.get(&hash).map_or(&[][..], |ids| ids);
            let ids = ids.iter().map(|&(id, _)| id);
            let mut ids: Vec<Id> = ids.filter(|&id| rows.row(id).is_some_and(|row| row.is_there)).collect();
            ids.sort_unstable();
            ids
        })
    }

    /// The name of a service that was added, perhaps of one that was removed.
    pub(super) fn name(&self, id: Id) -> Name {
        let known = self.read(|rows| match rows.row(id) {
            Some(row) => Some(row.about.name.clone()),
            None => rows.past_names.get(&id).cloned(),
        });
        known.unwrap_or(Name::Borrowed(FORGOTTEN))
    }

    pub(super) fn timeouts(&self, id: Id) -> Option<[Option<Duration>; 4]> {
        self.read(|rows| rows.row(id).map(|row| row.about.timeouts))
    }

    pub(super) fn answer_limit(&self, id: Id) -> Duration {
        self.read(|rows| rows.row(id).map(|row| row.about.answer_limit)).unwrap_or(Duration::from_secs(u64::MAX))
    }

    /// Whether it does not start by itself.
    pub(super) fn is_manual(&self, id: Id) -> bool {
        self.read(|rows| rows.row(id).is_some_and(|row| row.about.is_manual))
    }

    /// The groups of those that are in one.
    pub(super) fn groups(&self) -> Vec<(Id, Name)> {
        self.read(|rows| rows.all().filter_map(|row| Some((row.id, row.about.group.clone()?))).collect())
    }

    #[cfg(feature = "admin")]
    pub(super) fn group(&self, id: Id) -> Option<Name> {
        self.read(|rows| rows.row(id).and_then(|row| row.about.group.clone()))
    }

    pub(crate) fn table(&self, id: Id) -> Option<&'static Table> {
        self.read(|rows| rows.row(id).map(|row| row.about.table))
    }

    /// The family that the service is a member of.
    pub(crate) fn family(&self, id: Id) -> Option<usize> {
        self.read(|rows| rows.row(id).and_then(|row| row.about.family))
    }

    /// Whether the daemon's readiness counts the service.
    pub(crate) fn counts(&self, id: Id) -> bool {
        self.read(|rows| rows.row(id).is_some_and(|row| row.about.counts && row.stays()))
    }

    /// Whether the service is there, and is not to be removed.
    pub(crate) fn stays(&self, id: Id) -> bool {
        self.read(|rows| rows.row(id).is_some_and(AddedService::stays))
    }

    /// Whether the service is there.
    pub(crate) fn is_live(&self, id: Id) -> bool {
        self.read(|rows| rows.row(id).is_some_and(|row| row.is_there))
    }

    /// Reserves a number, and the name, for a service that refers to these added ones. `is_free`
    /// says whether the slot of this number may be used.
    pub(crate) fn reserve(
        &self,
        about: AddedFacts,
        targets: &[Id],
        is_free: impl Fn(Id) -> bool,
    ) -> Result<Id, AddRefused> {
        let mut rows = self.rows.lock();
        let rows = &mut *rows;
        if rows.find(&about.name).is_some() {
            return Err(AddRefused::NameInUse);
        }
        let goes = |id: &&Id| !rows.row(**id).is_some_and(AddedService::stays);
        if let Some(&id) = targets.iter().find(goes) {
            return Err(AddRefused::Removed(id));
        }
        let mut id = None;
        for _ in 0..MAX_TRIED.min(rows.free.len()) {
            let Some(next) = rows.free.pop_front() else { break };
            if is_free(next) {
                id = Some(next);
                break;
            }
            rows.free.push_back(next);
        }
        let id = match id {
            Some(id) => id,
            None if rows.first + rows.rows.len() >= MAX_SLOTS => return Err(AddRefused::TooMany),
            None => {
                rows.rows.push(None);
                first_in_slot(rows.first + rows.rows.len() - 1)
            }
        };
        let mut own = Vec::with_capacity(targets.len());
        for &target in targets {
            let Some(row) = rows.row_mut(target) else { continue };
            row.dependents.push((id, own.len() as u32));
            own.push((target, row.dependents.len() as u32 - 1));
        }
        let name = rows.link(fnv1a(&about.name), id, HashOf::Name);
        let by_type = about.type_hash.map_or(0, |hash| rows.link(hash, id, HashOf::Type));
        let at = slot_of(id) - rows.first;
        let (targets, dependents) = (own.into(), Vec::new());
        let owner = about.owned.as_ref().map(TaskGuard::service);
        rows.rows[at] = Some(AddedService {
            id,
            hash_places: [name, by_type],
            about,
            owner,
            targets,
            dependents,
            is_there: false,
            removal: None,
            has_engine_ended: false,
        });
        self.is_used.store(true, Ordering::Relaxed);
        Ok(id)
    }

    /// Takes back an addition that the daemon's stop has come before.
    pub(crate) fn withdraw(&self, id: Id) {
        let mut rows = self.rows.lock();
        let taken = rows.take(id);
        rows.free.extend(next_in_slot(id));
        drop(rows);
        drop(taken);
    }
}

impl Core {
    /// The name of a service.
    #[inline]
    pub(crate) fn name(&self, id: Id) -> NameRef<'_> {
        match self.names.has(id) {
            true => NameRef::Declared(self.names.name(id)),
            false => self.name_of_added(id),
        }
    }

    /// The name of a family, or of a service that was added.
    fn name_of_added(&self, id: Id) -> NameRef<'_> {
        match self.families.of(id) {
            Some(family) => NameRef::Declared(&family.name),
            None => NameRef::Added(self.added.name(id)),
        }
    }

    /// The service of this name.
    pub(crate) fn id(&self, name: &str) -> Option<Id> {
        self.names.id(name).or_else(|| self.added.id(name))
    }

    /// The services with this hash of a name or a type, in their order, and the families. Different
    /// names may have the same hash.
    pub(crate) fn find(&self, hash: u64) -> Vec<Id> {
        let mut found = Vec::new();
        self.names.find(hash).iter().for_each(|&(_, id)| found.push(id));
        found.append(&mut self.added.with_hash(hash));
        found.extend(self.families.with_hash(hash));
        found
    }

    /// The names of all services, and of the families.
    pub(crate) fn all_names(&self) -> Vec<Name> {
        let mut names = self.names.names().to_vec();
        names.extend(self.families.all().iter().map(|family| family.name.clone()));
        names.append(&mut self.added.names());
        names
    }

    /// Whether the service is part of the daemon.
    pub(crate) fn is_there(&self, id: Id) -> bool {
        self.names.has(id) || self.added.is_live(id)
    }

    /// Whether the service was removed, or is to be.
    pub(crate) fn is_removed(&self, id: Id) -> bool {
        !self.names.has(id) && !self.added.stays(id) && self.families.of(id).is_none()
    }

    /// The manager's table of a service.
    pub(crate) fn table(&self, id: Id) -> Option<&'static Table> {
        let family = || self.families.of(id).map(|family| family.table);
        self.tables.get(id as usize).copied().or_else(|| self.added.table(id)).or_else(family)
    }
}
