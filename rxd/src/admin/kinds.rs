//! The kinds of services that operators may add: what the program has registered, and which services
//! were added by the admin route.
//!
//! The services themselves are made and added by the functions that it has registered: nothing here
//! knows what a service is made of.

use crate::board::Id;
use crate::core::Core;
use crate::error::{AnyError, Error};
use crate::handle::DaemonHandle;
use crate::panic::CaughtPanic;
use crate::sync::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Makes a service of this name, and adds it.
pub(crate) type AddService =
    dyn Fn(&DaemonHandle, &str, &BTreeMap<String, String>) -> Result<(), AddFailed> + Send + Sync;

/// Why no service was added.
pub(crate) enum AddFailed {
    /// The program's function has returned an error.
    Refused(AnyError),
    /// It has panicked.
    Panicked(CaughtPanic),
    /// The daemon has refused what it returned.
    NotAdded(Error),
}

/// What the program has registered, by its name. An extension of the core.
#[derive(Clone, Default)]
pub(crate) struct Kinds(Vec<(String, Arc<AddService>)>);

impl Kinds {
    pub(crate) fn add(&mut self, name: String, add: Arc<AddService>) {
        self.0.push((name, add));
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<AddService>> {
        self.0.iter().find(|(kind, _)| kind == name).map(|(_, add)| add.clone())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// What is wrong with a name, if something is.
    pub(crate) fn fault(&self) -> Option<String> {
        let mut names: Vec<&str> = self.names().collect();
        if let Some(fault) = names.iter().find_map(|name| crate::graph::name_fault(name)) {
            return Some(format!("`addable`: {fault}"));
        }
        names.sort_unstable();
        let twice = names.windows(2).find(|two| two[0] == two[1])?;
        Some(format!("`addable`: `{}` is named twice\nhelp: remove one of them", twice[0]))
    }
}

/// The services that the admin route has added. An extension of the core.
#[derive(Debug, Default)]
pub(crate) struct AddedByRoute(Mutex<BTreeSet<Id>>);

/// At how many services it is first looked which of them are still there.
const FIRST_LOOK: usize = 64;

impl AddedByRoute {
    pub(crate) fn of(core: &Core) -> Arc<AddedByRoute> {
        core.extensions.get().unwrap_or_else(|| core.extensions.insert(AddedByRoute::default()))
    }

    pub(crate) fn note(&self, core: &Core, id: Id) {
        let mut ids = self.0.lock();
        let is_to_look = ids.len() >= FIRST_LOOK && ids.len().is_power_of_two();
        let old = if is_to_look { ids.clone() } else { BTreeSet::new() };
        ids.insert(id);
        drop(ids);
        let gone: Vec<Id> = old.into_iter().filter(|&id| !core.is_there(id)).collect();
        if !gone.is_empty() {
            self.0.lock().retain(|id| !gone.contains(id));
        }
    }

    pub(crate) fn has(&self, id: Id) -> bool {
        self.0.lock().contains(&id)
    }
}
