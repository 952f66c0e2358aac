//! The names and types of the services, and the lookup by either.

use crate::board::Id;
use crate::graph::fnv1a;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The name of a service; borrowed if it was declared.
pub(crate) type Name = Cow<'static, str>;

/// The names and types of the services.
#[derive(Debug)]
pub(crate) struct ServiceNames {
    names: Box<[Name]>,
    /// The types of the services that are declared on one.
    kinds: Box<[(u64, Id)]>,
    /// The hashes of names and types, sorted, with their services. Made on the first lookup.
    lookup: OnceLock<Box<[(u64, Id)]>>,
}

impl ServiceNames {
    /// Takes each service's name, and the identity of its type.
    pub(crate) fn new(services: impl IntoIterator<Item = (Name, Option<u64>)>) -> Self {
        let mut kinds = Vec::new();
        let name = |(id, (name, kind)): (usize, (Name, Option<u64>))| {
            kinds.extend(kind.map(|kind| (kind, id as Id)));
            name
        };
        ServiceNames {
            names: services.into_iter().enumerate().map(name).collect(),
            kinds: kinds.into(),
            lookup: OnceLock::new(),
        }
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

    /// The services with this hash: one for a name, any number for a type.
    pub(crate) fn find(&self, hash: u64) -> impl Iterator<Item = Id> {
        let lookup = self.lookup.get_or_init(|| {
            let names = self.names.iter().enumerate().map(|(id, name)| (fnv1a(name), id as Id));
            let mut lookup: Box<[(u64, Id)]> = names.chain(self.kinds.iter().copied()).collect();
            lookup.sort_unstable();
            lookup
        });
        let from = lookup.partition_point(|(other, _)| *other < hash);
        lookup[from..].iter().take_while(move |(other, _)| *other == hash).map(|(_, id)| *id)
    }

    /// The service of this name.
    pub(crate) fn id(&self, name: &str) -> Option<Id> {
        self.find(fnv1a(name)).find(|&id| self.name(id) == name)
    }
}
