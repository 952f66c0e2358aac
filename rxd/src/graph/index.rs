//! Names and types looked up in constant time.

use super::check::Analysis;
use super::cycle;
use super::reach;
use super::{Graph, Target};

/// "None" among the indexes of services, edges and targets.
pub(super) const NONE: u32 = u32::MAX;

/// The tables of an [`Analysis`] for a graph of `N` services.
#[derive(Debug)]
pub struct Index<const N: usize> {
    cells: [Cell; N],
}

impl<const N: usize> Index<N> {
    /// Hashes the names and walks the graph once.
    ///
    /// # Panics
    ///
    /// If the graph has not exactly `N` services.
    #[must_use]
    pub const fn new(graph: &Graph<'_>) -> Self {
        assert!(graph.nodes.len() == N, "an index must be as long as its graph");
        let mut cells = [Cell::EMPTY; N];
        fill(graph, &mut cells);
        Index { cells }
    }

    /// The analysis these tables are of.
    #[must_use]
    pub const fn of<'a>(&'a self, graph: &'a Graph<'a>) -> Analysis<'a> {
        Analysis { graph, cells: &self.cells }
    }
}

/// What is known of one service; beside that, one slot of each table that has as many slots as
/// there are services.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// The hash of the service's name.
    hash: u64,
    /// Table: the first service whose name falls into this bucket.
    name_bucket: u32,
    /// The next service in the same bucket as this one.
    name_next: u32,
    /// As `name_bucket`, for types.
    kind_bucket: u32,
    /// As `name_next`, for types.
    kind_next: u32,
    /// The last edge, counted through the graph, that had this service as a target.
    mark: u32,
    /// What the walk found out; see [`reach`].
    pub(super) facts: u8,
    /// See [`cycle`].
    pub(super) walk: cycle::Walk,
}

impl Cell {
    pub(super) const EMPTY: Cell = Cell {
        hash: 0,
        name_bucket: NONE,
        name_next: NONE,
        kind_bucket: NONE,
        kind_next: NONE,
        mark: NONE,
        facts: 0,
        walk: cycle::Walk::NEW,
    };
}

impl Graph<'_> {
    /// The tables for a graph whose size is known only at run time.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![Cell::EMPTY; self.nodes.len()];
        fill(self, &mut cells);
        cells
    }
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

/// Fills the cells, which are as many as services.
const fn fill(graph: &Graph<'_>, cells: &mut [Cell]) {
    // Backwards, so that a bucket lists its services in the order of their declaration, and of two
    // services with one name the first is meant.
    let mut i = cells.len();
    while i > 0 {
        i -= 1;
        let node = &graph.nodes[i];
        cells[i].hash = super::fnv1a(node.name);
        let bucket = bucket(cells[i].hash, cells.len());
        cells[i].name_next = cells[bucket].name_bucket;
        cells[bucket].name_bucket = i as u32;
        if let Some(kind) = node.kind {
            let bucket = self::bucket(kind.id, cells.len());
            cells[i].kind_next = cells[bucket].kind_bucket;
            cells[bucket].kind_bucket = i as u32;
        }
    }
    mark_repeats(graph, cells);
    reach::solve(graph, cells);
}

const fn bucket(hash: u64, buckets: usize) -> usize {
    (hash % buckets as u64) as usize
}

/// The service a target stands for. Of two services with one name, the first.
pub(super) const fn find(graph: &Graph<'_>, cells: &[Cell], target: &Target<'_>) -> Found {
    if target.by_type {
        let first = next_of_kind(graph, cells, target, NONE);
        if first == NONE {
            Found::None
        } else if next_of_kind(graph, cells, target, first) != NONE {
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
            && (cells[at as usize].facts & reach::ALONE != 0 || same(graph.nodes[at as usize].name, name))
        {
            return at;
        }
        at = cells[at as usize].name_next;
    }
    NONE
}

/// The next service of this type after `after`, or the first.
pub(super) const fn next_of_kind(graph: &Graph<'_>, cells: &[Cell], target: &Target<'_>, after: u32) -> u32 {
    if cells.is_empty() {
        return NONE;
    }
    let mut at =
        if after == NONE { cells[bucket(target.id, cells.len())].kind_bucket } else { cells[after as usize].kind_next };
    while at != NONE {
        if let Some(kind) = graph.nodes[at as usize].kind {
            if kind.id == target.id {
                return at;
            }
        }
        at = cells[at as usize].kind_next;
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

/// Notes what would be slow to find out again at each watch: which names need not be confirmed byte
/// by byte, because no other name or target has their hash; and which services name no target twice.
const fn mark_repeats(graph: &Graph<'_>, cells: &mut [Cell]) {
    let mut odd = false;
    let mut me = 0;
    while me < cells.len() {
        let mut at = cells[me].name_next;
        while at != NONE {
            odd |= cells[at as usize].hash == cells[me].hash;
            at = cells[at as usize].name_next;
        }
        me += 1;
    }
    let mut serial = 0;
    let mut me = 0;
    while me < cells.len() {
        let edges = graph.nodes[me].edges;
        let first = serial;
        let mut e = 0;
        while e < edges.len() {
            let mut t = 0;
            while t < edges[e].targets.len() {
                let target = &edges[e].targets[t];
                match find(graph, cells, target) {
                    Found::One(at) => {
                        if cells[at].mark == serial {
                            cells[me].facts |= reach::STUTTERS;
                        } else if cells[at].mark != NONE && cells[at].mark >= first {
                            cells[me].facts |= reach::REPEATS;
                        }
                        cells[at].mark = serial;
                    }
                    // Either it does not exist, or another name has its hash.
                    Found::None => odd |= !target.by_type,
                    Found::Many => {}
                }
                t += 1;
            }
            serial += 1;
            e += 1;
        }
        me += 1;
    }
    if odd {
        return;
    }
    let mut me = 0;
    while me < cells.len() {
        cells[me].facts |= reach::ALONE;
        me += 1;
    }
}
