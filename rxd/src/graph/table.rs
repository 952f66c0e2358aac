//! The tables of an analysis, and the lookup of names and types in them.

use super::model::{Graph, Target};

/// "None" among the indexes of services, edges and targets.
pub(super) const NONE: u32 = u32::MAX;

/// All gates before Init can open.
pub(super) const INIT: u8 = 1;
/// All gates before Run can open.
pub(super) const RUN: u8 = 2;
/// It may be told to end, wherever it is: by `then(exit)`, or because one it depends on gives up.
pub(super) const FALLS: u8 = 4;
/// A gate before Run has a limit.
pub(super) const LIMITED: u8 = 8;
/// It names a target in two watches.
pub(super) const REPEATS: u8 = 16;
/// It names a target twice in one watch.
pub(super) const STUTTERS: u8 = 64;
/// Its name need not be confirmed byte by byte.
pub(super) const ALONE: u8 = 32;

/// A graph together with what one walk over it found.
#[derive(Clone, Copy, Debug)]
pub struct Analysis<'a> {
    /// The graph.
    pub graph: &'a Graph<'a>,
    pub(super) cells: &'a [Cell],
}

/// What is known of one service; beside that, one slot of each table that has as many slots as
/// there are services.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// The hash of the service's name.
    pub(super) hash: u64,
    /// Table: the first service whose name falls into this bucket.
    pub(super) name_bucket: u32,
    /// The next service in the same bucket as this one.
    pub(super) name_next: u32,
    /// As `name_bucket`, for types.
    pub(super) type_bucket: u32,
    /// As `name_next`, for types.
    pub(super) type_next: u32,
    /// The last edge, counted through the graph, that had this service as a target.
    pub(super) mark: u32,
    /// What the walk found out; see the flags above.
    pub(super) facts: u8,
    /// See [`cycle`](super::cycle).
    pub(super) walk: Walk,
}

impl Cell {
    pub(super) const EMPTY: Cell = Cell {
        hash: 0,
        name_bucket: NONE,
        name_next: NONE,
        type_bucket: NONE,
        type_next: NONE,
        mark: NONE,
        facts: 0,
        walk: Walk::NEW,
    };
}

/// What the walk knows of one service; pairs are of its two halves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// Table: the halves in the order in which the walk left them.
    pub(super) left: [u32; 2],
    /// Whether the walk has not seen the half, is below it, or has left it.
    pub(super) seen: [u8; 2],
    /// From which half the walk came here.
    pub(super) from: [u32; 2],
    /// By which edge and target of `from` it came; `NONE`: from the other half of the same service.
    pub(super) by: [At; 2],
    /// The edge and target to look at next.
    pub(super) next: [At; 2],
    /// In a cycle that has been found.
    pub(super) found: bool,
    /// The first edge and target of this service that closes a cycle.
    pub(super) closes: At,
    /// The half at which the service's own part of that cycle begins, and where the cycle was entered.
    pub(super) bottom: u32,
    pub(super) top: u32,
}

/// A target of an edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) edge: u32,
    pub(super) target: u32,
}

pub(super) const NOWHERE: At = At { edge: NONE, target: NONE };
pub(super) const NEW: u8 = 0;
pub(super) const BELOW: u8 = 1;
pub(super) const LEFT: u8 = 2;

impl Walk {
    pub(super) const NEW: Walk = Walk {
        left: [NONE; 2],
        seen: [NEW; 2],
        from: [NONE; 2],
        by: [NOWHERE; 2],
        next: [At { edge: 0, target: 0 }; 2],
        found: false,
        closes: NOWHERE,
        bottom: NONE,
        top: NONE,
    };
}

/// What a target stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// This service.
    One(usize),
    /// No service.
    None,
    /// More than one service: its type is in the daemon more than once.
    Many,
}

pub(super) const fn bucket(hash: u64, buckets: usize) -> usize {
    (hash % buckets as u64) as usize
}

/// The service a target stands for. Of two services with one name, the first.
pub(super) const fn find(graph: &Graph<'_>, cells: &[Cell], target: &Target<'_>) -> Found {
    if target.by_type {
        let first = next_of_type(graph, cells, target, NONE);
        if first == NONE {
            Found::None
        } else if next_of_type(graph, cells, target, first) != NONE {
            Found::Many
        } else {
            Found::One(first as usize)
        }
    } else {
        let at = next_of_name(graph, cells, target.id, target.text, NONE);
        if at == NONE { Found::None } else { Found::One(at as usize) }
    }
}

/// The next service of this name after `after`, or the first.
pub(super) const fn next_of_name(graph: &Graph<'_>, cells: &[Cell], hash: u64, name: &str, after: u32) -> u32 {
    if cells.is_empty() {
        return NONE;
    }
    let mut at =
        if after == NONE { cells[bucket(hash, cells.len())].name_bucket } else { cells[after as usize].name_next };
    while at != NONE {
        if cells[at as usize].hash == hash
            && (cells[at as usize].facts & ALONE != 0 || same(graph.nodes[at as usize].name, name))
        {
            return at;
        }
        at = cells[at as usize].name_next;
    }
    NONE
}

/// The next service of this type after `after`, or the first.
pub(super) const fn next_of_type(graph: &Graph<'_>, cells: &[Cell], target: &Target<'_>, after: u32) -> u32 {
    if cells.is_empty() {
        return NONE;
    }
    let mut at =
        if after == NONE { cells[bucket(target.id, cells.len())].type_bucket } else { cells[after as usize].type_next };
    while at != NONE {
        if let Some(service_type) = graph.nodes[at as usize].service_type {
            if service_type.id == target.id {
                return at;
            }
        }
        at = cells[at as usize].type_next;
    }
    NONE
}

/// The first service with the name of service `me`.
pub(super) const fn first_of_its_name(graph: &Graph<'_>, cells: &[Cell], me: usize) -> usize {
    next_of_name(graph, cells, cells[me].hash, graph.nodes[me].name, NONE) as usize
}

/// Whether two names are the same, byte by byte.
pub(super) const fn same(a: &str, b: &str) -> bool {
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
