//! What is known of each service of a graph, and the lookup of names and types.
//!
//! [`index`](super::index) fills one [`NodeEntry`] per service, [`solve`](super::solve) and
//! [`cycle`](super::cycle) add what they find out, and all other files of the room only read.
//! The tables are hash tables without allocation: `entries[i]` is the entry of service `i` and, at
//! the same time, bucket `i` of each table, because a constant can have an array of as many
//! elements as there are services, but no second one of another length.
//!
//! A running daemon looks names up in `core::names`, by the same hash but in a sorted list: an
//! entry here is some 100 bytes a service, and is dropped after the check.
//!
//! # Invariants
//!
//! 1. `entries.len() == graph.nodes.len()`, and the buckets of each table are as many.
//! 2. A bucket lists its services in the order of their declaration. So the first service of a
//!    name is the one that a lookup finds, and a duplicate is the one that comes later.
//! 3. [`HASH_IS_UNIQUE`] is set on all entries or on none. It is set only if no two services have
//!    the same hash, and each name that a watch asks for was found by its bytes. Only then may a
//!    lookup skip the comparison of bytes.

use super::model::{Edge, Graph, ServiceType, Target};

/// "None" among the indexes of services, edges and targets.
pub(super) const NO_INDEX: u32 = u32::MAX;

/// Flag: all gates before Init can open.
pub(super) const INIT_OPENS: u8 = 1 << 0;
/// Flag: all gates before Run can open.
pub(super) const RUN_OPENS: u8 = 1 << 1;
/// Flag: the service may be ended in any state, by a `then(exit)` or because one that it depends on
/// may end.
pub(super) const MAY_BE_ENDED: u8 = 1 << 2;
/// Flag: a gate before Run has a limit (`within`).
pub(super) const RUN_GATE_HAS_LIMIT: u8 = 1 << 3;
/// Flag: one watch of the service names a target twice.
pub(super) const TARGET_TWICE_IN_ONE_WATCH: u8 = 1 << 4;
/// Flag: two watches of the service name one target.
pub(super) const TARGET_IN_TWO_WATCHES: u8 = 1 << 5;
/// Flag: an equal hash is an equal name; see invariant 3.
pub(super) const HASH_IS_UNIQUE: u8 = 1 << 6;
/// Flag: a reaction takes another service out of Run when this one enters Run.
pub(super) const EVICTS: u8 = 1 << 7;

/// A graph together with what one walk over it found.
#[derive(Clone, Copy, Debug)]
pub struct Analysis<'a> {
    /// The graph.
    pub graph: &'a Graph<'a>,
    pub(super) entries: &'a [NodeEntry],
    /// How the daemon is declared; of a daemon of the builder, nothing.
    pub(super) source: DaemonSource<'a>,
}

/// What only the attribute of a daemon knows. It decides where a fault is reported, and is part of
/// messages; which faults there are does not depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct DaemonSource<'a> {
    /// The path of the module.
    pub(super) module: &'a str,
    /// The field of each service, and whether the field gives the service its name.
    pub(super) fields: &'a [(&'a str, bool)],
    /// The services whose `#[cfg]` is off: the name or the field, and the type.
    pub(super) configured_out: &'a [(&'a str, &'a str)],
}

impl DaemonSource<'_> {
    pub(super) const NONE: DaemonSource<'static> = DaemonSource { module: "", fields: &[], configured_out: &[] };
}

impl<'a> Analysis<'a> {
    /// The same analysis, of a daemon that is declared in this module, with these fields: see
    /// [`DaemonSource`].
    #[must_use]
    pub const fn declared_in(
        mut self,
        module: &'a str,
        fields: &'a [(&'a str, bool)],
        configured_out: &'a [(&'a str, &'a str)],
    ) -> Self {
        self.source = DaemonSource { module, fields, configured_out };
        self
    }

    /// The first service of this type.
    pub(crate) const fn first_of_type(&self, service_type: ServiceType) -> Option<usize> {
        index(next_of_type(self.graph, self.entries, service_type.id, NO_INDEX))
    }

    /// The next service of the type of service `me`, which has one.
    pub(crate) const fn next_of_its_type(&self, me: usize) -> Option<usize> {
        match self.graph.nodes[me].service_type {
            Some(service_type) => index(next_of_type(self.graph, self.entries, service_type.id, me as u32)),
            None => None,
        }
    }
}

/// What is known of service `i`; beside that, bucket `i` of both lookup tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeEntry {
    /// The hash of the service's name.
    pub(super) name_hash: u64,
    /// Bucket: the first service whose name falls into it.
    pub(super) name_bucket: u32,
    /// The next service in the same bucket as this one.
    pub(super) name_next: u32,
    /// As `name_bucket`, for types.
    pub(super) type_bucket: u32,
    /// As `name_next`, for types.
    pub(super) type_next: u32,
    /// The first family at this place or behind it.
    pub(super) family: u32,
    /// The last edge, counted through the whole graph, that had this service as a target.
    pub(super) last_edge: u32,
    /// The flags above.
    pub(super) flags: u8,
    /// Whether a reaction takes another service out of Run when this one, or one that it needs
    /// directly, enters Run.
    pub(super) is_near_eviction: bool,
    /// What the depth-first walk notes.
    pub(super) walk: WalkState,
}

impl NodeEntry {
    pub(super) const EMPTY: NodeEntry = NodeEntry {
        name_hash: 0,
        name_bucket: NO_INDEX,
        name_next: NO_INDEX,
        type_bucket: NO_INDEX,
        type_next: NO_INDEX,
        family: NO_INDEX,
        last_edge: NO_INDEX,
        flags: 0,
        is_near_eviction: false,
        walk: WalkState::START,
    };
}

/// What the walk of [`cycle`](super::cycle) knows of one service. Pairs are of its two vertices.
#[derive(Clone, Copy, Debug)]
pub(super) struct WalkState {
    /// A table of its own: all vertices in the order in which the walk finished them.
    pub(super) finished: [u32; 2],
    /// [`UNVISITED`], [`ON_PATH`] or [`FINISHED`].
    pub(super) visit: [u8; 2],
    /// The vertex from which the walk came here.
    pub(super) parent: [u32; 2],
    /// The edge and target of `parent` by which it came; [`NO_TARGET`]: `parent` is the other
    /// vertex of the same service.
    pub(super) entered_by: [TargetIndex; 2],
    /// The edge and target to look at next.
    pub(super) next: [TargetIndex; 2],
    /// Whether the service is in a cycle that has been recorded.
    pub(super) in_cycle: bool,
    /// The first edge and target of this service that closes a cycle.
    pub(super) closes: TargetIndex,
    /// The first and the last vertex on the walk's path of the cycle that `closes` closes.
    pub(super) cycle_first: u32,
    pub(super) cycle_last: u32,
}

/// Which target of which edge of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct TargetIndex {
    pub(super) edge: u32,
    pub(super) target: u32,
}

pub(super) const NO_TARGET: TargetIndex = TargetIndex { edge: NO_INDEX, target: NO_INDEX };

/// The walk has not come to the vertex.
pub(super) const UNVISITED: u8 = 0;
/// The vertex is on the path that the walk is on.
pub(super) const ON_PATH: u8 = 1;
/// The walk has left the vertex, and all that it leads to, for good.
pub(super) const FINISHED: u8 = 2;

impl WalkState {
    /// The state before a walk.
    pub(super) const START: WalkState = WalkState {
        finished: [NO_INDEX; 2],
        visit: [UNVISITED; 2],
        parent: [NO_INDEX; 2],
        entered_by: [NO_TARGET; 2],
        next: [TargetIndex { edge: 0, target: 0 }; 2],
        in_cycle: false,
        closes: NO_TARGET,
        cycle_first: NO_INDEX,
        cycle_last: NO_INDEX,
    };
}

/// What the lookup of a target found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lookup {
    /// This service.
    One(usize),
    /// No service.
    None,
    /// More than one service: the daemon has the type more than once.
    Many,
}

/// The index that is no [`NO_INDEX`].
const fn index(at: u32) -> Option<usize> {
    if at == NO_INDEX { None } else { Some(at as usize) }
}

/// The first family from this place on.
pub(super) const fn next_family(entries: &[NodeEntry], from: usize) -> Option<usize> {
    if from < entries.len() { index(entries[from].family) } else { None }
}

/// The bucket of a hash.
pub(super) const fn bucket(hash: u64, buckets: usize) -> usize {
    (hash % buckets as u64) as usize
}

/// The service that a target stands for. Of two services with one name, the first.
pub(super) const fn find(graph: &Graph<'_>, entries: &[NodeEntry], target: &Target<'_>) -> Lookup {
    if target.by_type {
        let first = next_of_type(graph, entries, target.id, NO_INDEX);
        if first == NO_INDEX {
            Lookup::None
        } else if next_of_type(graph, entries, target.id, first) != NO_INDEX {
            Lookup::Many
        } else {
            Lookup::One(first as usize)
        }
    } else {
        let at = next_of_name(graph, entries, target.id, target.text, NO_INDEX);
        if at == NO_INDEX { Lookup::None } else { Lookup::One(at as usize) }
    }
}

/// The one service that target `t` of an edge stands for.
pub(super) const fn target_service(analysis: &Analysis<'_>, edge: &Edge<'_>, t: usize) -> Option<usize> {
    match find(analysis.graph, analysis.entries, &edge.targets[t]) {
        Lookup::One(at) => Some(at),
        Lookup::None | Lookup::Many => None,
    }
}

/// Whether service `at` is a target of the edge.
pub(super) const fn has_target(analysis: &Analysis<'_>, edge: &Edge<'_>, at: usize) -> bool {
    let mut t = 0;
    while t < edge.targets.len() {
        if let Some(found) = target_service(analysis, edge, t) {
            if found == at {
                return true;
            }
        }
        t += 1;
    }
    false
}

/// The next service of this name after service `after`, or the first if that is [`NO_INDEX`].
pub(super) const fn next_of_name(graph: &Graph<'_>, entries: &[NodeEntry], hash: u64, name: &str, after: u32) -> u32 {
    // Without a service there is no bucket, and `bucket` would divide by zero.
    if entries.is_empty() {
        return NO_INDEX;
    }
    let mut at = if after == NO_INDEX {
        entries[bucket(hash, entries.len())].name_bucket
    } else {
        entries[after as usize].name_next
    };
    while at != NO_INDEX {
        let entry = &entries[at as usize];
        // Comparing names costs the compiler some steps a byte, most of the cost of a lookup.
        if entry.name_hash == hash
            && (entry.flags & HASH_IS_UNIQUE != 0 || same_text(graph.nodes[at as usize].name, name))
        {
            return at;
        }
        at = entry.name_next;
    }
    NO_INDEX
}

/// The next service of this type after service `after`, or the first if that is [`NO_INDEX`].
pub(super) const fn next_of_type(graph: &Graph<'_>, entries: &[NodeEntry], id: u64, after: u32) -> u32 {
    if entries.is_empty() {
        return NO_INDEX;
    }
    let mut at = if after == NO_INDEX {
        entries[bucket(id, entries.len())].type_bucket
    } else {
        entries[after as usize].type_next
    };
    while at != NO_INDEX {
        if let Some(service_type) = graph.nodes[at as usize].service_type {
            if service_type.id == id {
                return at;
            }
        }
        at = entries[at as usize].type_next;
    }
    NO_INDEX
}

/// The first service that has the name of service `me`.
pub(super) const fn first_with_name_of(graph: &Graph<'_>, entries: &[NodeEntry], me: usize) -> usize {
    next_of_name(graph, entries, entries[me].name_hash, graph.nodes[me].name, NO_INDEX) as usize
}

/// Whether two texts are the same, byte by byte: `==` of `str` is not `const`.
pub(super) const fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
