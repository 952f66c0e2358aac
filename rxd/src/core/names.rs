//! The names and types of the services, and the lookup by either.

use crate::board::Id;
use crate::graph::fnv1a;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

/// The name of a service; borrowed if it was declared.
pub(crate) type Name = Cow<'static, str>;

/// The name of a service: borrowed of one that the daemon starts with, owned of one that was added.
#[derive(Debug)]
pub(crate) enum NameRef<'a> {
    Declared(&'a Name),
    Added(Name),
}

impl Deref for NameRef<'_> {
    type Target = Name;

    #[inline]
    fn deref(&self) -> &Name {
        match self {
            NameRef::Declared(name) => name,
            NameRef::Added(name) => name,
        }
    }
}

impl fmt::Display for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// The names and types of the services that the daemon starts with.
#[derive(Debug)]
pub(crate) struct ServiceNames {
    names: Box<[Name]>,
    /// The hashes of the types on which services are declared, each with its service.
    types: Box<[(u64, Id)]>,
    /// The hashes of names and types, sorted, with their services. Made on the first lookup.
    lookup: OnceLock<Box<[(u64, Id)]>>,
}

impl ServiceNames {
    /// Takes each service's name, and the hash of its type, if it has one.
    pub(crate) fn new(services: impl IntoIterator<Item = (Name, Option<u64>)>) -> Self {
        let services = services.into_iter();
        let (mut names, mut types) = (Vec::with_capacity(services.size_hint().0), Vec::new());
        for (name, type_id) in services {
            types.extend(type_id.map(|type_id| (type_id, names.len() as Id)));
            names.push(name);
        }
        ServiceNames { names: names.into(), types: types.into(), lookup: OnceLock::new() }
    }

    /// Names of services that are declared on no type.
    pub(crate) fn of_names(names: impl IntoIterator<Item = impl Into<Name>>) -> Self {
        ServiceNames::new(names.into_iter().map(|name| (name.into(), None)))
    }

    pub(crate) fn name(&self, id: Id) -> &Name {
        &self.names[id as usize]
    }

    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The services with this hash of a name or a type, each behind the hash. Different names may have
    /// the same hash.
    pub(crate) fn find(&self, hash: u64) -> &[(u64, Id)] {
        let lookup = self.lookup.get_or_init(|| {
            let mut lookup = Vec::with_capacity(self.names.len() + self.types.len());
            for (id, name) in self.names.iter().enumerate() {
                lookup.push((fnv1a(name), id as Id));
            }
            lookup.extend_from_slice(&self.types);
            lookup.sort_unstable();
            lookup.into()
        });
        let from = lookup.partition_point(|(other, _)| *other < hash);
        let count = lookup[from..].iter().take_while(|(other, _)| *other == hash).count();
        &lookup[from..from + count]
    }

    /// Whether a service is among them.
    pub(crate) fn has(&self, id: Id) -> bool {
        (id as usize) < self.names.len()
    }

    /// The service of this name.
    pub(crate) fn id(&self, name: &str) -> Option<Id> {
        let mut found = self.find(fnv1a(name)).iter();
        found.find(|(_, id)| self.name(*id) == name).map(|(_, id)| *id)
    }
}
