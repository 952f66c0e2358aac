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
    /// The hashes of the types on which services are declared, each with its service.
    types: Box<[(u64, Id)]>,
    /// The hashes of names and types, sorted, with their services. Made on the first lookup.
    lookup: OnceLock<Box<[(u64, Id)]>>,
}

impl ServiceNames {
    /// Takes each service's name, and the hash of its type, if it has one.
    pub(crate) fn new(services: impl IntoIterator<Item = (Name, Option<u64>)>) -> Self {
        let mut types = Vec::new();
        let name = |(id, (name, type_id)): (usize, (Name, Option<u64>))| {
            types.extend(type_id.map(|type_id| (type_id, id as Id)));
            name
        };
        ServiceNames {
            names: services.into_iter().enumerate().map(name).collect(),
            types: types.into(),
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

    /// The services with this hash of a name or a type. Different names may have the same hash.
    pub(crate) fn find(&self, hash: u64) -> impl Iterator<Item = Id> {
        let lookup = self.lookup.get_or_init(|| {
            let names = self.names.iter().enumerate().map(|(id, name)| (fnv1a(name), id as Id));
            let mut lookup: Box<[(u64, Id)]> = names.chain(self.types.iter().copied()).collect();
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
