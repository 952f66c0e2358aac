//! The services that were added while a run is checked: their rules, and their names in the trace.
//!
//! A name may be that of several services, one after the other. In the trace they are `worker`,
//! `worker#2`, and so on.

use super::rules::{DeclaredRules, FamilyChange, ServiceRules, family_target, rules_of};
use crate::board::{Id, MembershipChange};
use crate::core::{Core, ServiceCommand};
use crate::graph::Node;
use crate::lifecycle::options::Options;
use crate::sync::Mutex;
use std::collections::HashMap;

/// See the [module](self). An extension of the core of a daemon whose run is checked.
#[derive(Debug, Default)]
pub(crate) struct AddedRules(Mutex<AddedInner>);

#[derive(Debug, Default)]
struct AddedInner {
    added: Vec<ServiceRules>,
    /// The place of each in that list.
    places: HashMap<Id, usize>,
    /// How many services had each name.
    names: HashMap<String, u32>,
}

impl AddedRules {
    /// Keeps the rules of the services that are added to this daemon from here on.
    pub(crate) fn keep(core: &Core) {
        core.extensions.insert(AddedRules::default());
    }

    /// The rules of a service that is to be added, if the run is checked. Its targets are names.
    pub(crate) fn of(core: &Core, node: &Node<'_>, options: &Options, owner: Option<Id>) -> Option<ServiceRules> {
        let rules = core.extensions.get::<AddedRules>().filter(|_| core.board.has_room_to_record())?;
        let declared = core.board.declared();
        let inner = rules.0.lock();
        let place = |id: Id| match core.names.has(id) {
            true => Some(id as usize),
            false => inner.places.get(&id).map(|place| declared + place),
        };
        let family = |name: &str| core.families.find(name).map(family_target);
        let mut own = rules_of(node, options, &|target| match core.id(target.text) {
            Some(id) => place(id),
            None => family(target.text),
        });
        own.stops_before.extend(owner.and_then(place));
        Some(own)
    }

    /// Notes a service that is added as a member of this family.
    pub(crate) fn note_member(core: &Core, id: Id, (family, name): (usize, &str)) {
        if core.board.has_room_to_record() {
            AddedRules::note(core, id, Some(ServiceRules::member(name.to_owned(), family)));
        }
    }

    /// Notes a service that is added.
    pub(crate) fn note(core: &Core, id: Id, own: Option<ServiceRules>) {
        let (Some(rules), Some(mut own)) = (core.extensions.get::<AddedRules>(), own) else { return };
        let mut inner = rules.0.lock();
        let inner = &mut *inner;
        let times = inner.names.entry(own.name.clone()).or_insert(u32::from(core.names.id(&own.name).is_some()));
        *times += 1;
        if *times > 1 {
            own.name = format!("{}#{times}", own.name);
        }
        inner.places.insert(id, inner.added.len());
        inner.added.push(own);
    }

    /// The rules of all that were added.
    fn all(core: &Core) -> Vec<ServiceRules> {
        core.extensions.get::<AddedRules>().map(|rules| rules.0.lock().added.clone()).unwrap_or_default()
    }

    /// Which services joined and left families, of those that were added.
    fn memberships(core: &Core) -> Vec<FamilyChange> {
        let Some(rules) = core.extensions.get::<AddedRules>() else { return Vec::new() };
        let (inner, declared) = (rules.0.lock(), core.board.declared());
        let mut memberships = Vec::new();
        for change in core.board.memberships() {
            let MembershipChange { seq, family, id, joins } = change;
            if let Some(place) = inner.places.get(&id) {
                memberships.push(FamilyChange { seq, family, service: declared + place, joins });
            }
        }
        memberships
    }

    /// The names of the services in a trace.
    pub(super) fn names(core: &Core) -> TraceNames<'_> {
        TraceNames { core, rules: core.extensions.get() }
    }
}

impl DeclaredRules {
    /// Allows for what operators have requested of this daemon, and for the services that were added
    /// to it.
    pub(crate) fn operated(mut self, core: &Core) -> Self {
        self.memberships = AddedRules::memberships(core);
        for added in AddedRules::all(core) {
            let of_family = added.member_of.and_then(|family| self.families.get(family).cloned());
            self.services.push(match of_family {
                Some(rules) => ServiceRules { name: added.name, member_of: added.member_of, ..rules },
                None => added,
            });
        }
        let names = AddedRules::names(core);
        let mut services: HashMap<String, &mut ServiceRules> =
            self.services.iter_mut().map(|service| (service.name.clone(), service)).collect();
        for (id, command) in core.operated() {
            // Of a run that is too long to be checked as a whole, some services are not known.
            let Some(service) = services.get_mut(&names.of(id)) else { continue };
            match command {
                ServiceCommand::Reload => service.reloads += 1,
                ServiceCommand::RestartStale => {}
                _ => service.operator_requests += 1,
            }
        }
        self
    }
}

/// The names of the services in a trace.
pub(super) struct TraceNames<'a> {
    core: &'a Core,
    rules: Option<std::sync::Arc<AddedRules>>,
}

impl TraceNames<'_> {
    pub(super) fn of(&self, id: Id) -> String {
        let noted = self.rules.as_ref().filter(|_| !self.core.names.has(id)).and_then(|rules| {
            let inner = rules.0.lock();
            inner.places.get(&id).map(|&place| inner.added[place].name.clone())
        });
        noted.unwrap_or_else(|| self.core.name(id).to_string())
    }

    /// All services of the trace.
    pub(super) fn all(&self) -> Vec<String> {
        let mut names: Vec<String> = self.core.names.names().iter().map(ToString::to_string).collect();
        match &self.rules {
            Some(rules) => names.extend(rules.0.lock().added.iter().map(|added| added.name.clone())),
            None => names.extend(self.core.added.names().iter().map(ToString::to_string)),
        }
        names
    }
}
