//! Names and types looked up in constant time.

use super::model::{Graph, fnv1a};
use super::solve::solve;
use super::table::{ALONE, Analysis, Cell, Found, NONE, REPEATS, STUTTERS, bucket, find};

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

impl Graph<'_> {
    /// The tables for a graph whose size is known only at run time.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![Cell::EMPTY; self.nodes.len()];
        fill(self, &mut cells);
        cells
    }
}

/// Fills the cells, which are as many as services.
const fn fill(graph: &Graph<'_>, cells: &mut [Cell]) {
    // Backwards, so that a bucket lists its services in the order of their declaration, and of two
    // services with one name the first is meant.
    let mut i = cells.len();
    while i > 0 {
        i -= 1;
        let node = &graph.nodes[i];
        cells[i].hash = fnv1a(node.name);
        let bucket = bucket(cells[i].hash, cells.len());
        cells[i].name_next = cells[bucket].name_bucket;
        cells[bucket].name_bucket = i as u32;
        if let Some(service_type) = node.service_type {
            let bucket = self::bucket(service_type.id, cells.len());
            cells[i].type_next = cells[bucket].type_bucket;
            cells[bucket].type_bucket = i as u32;
        }
    }
    mark_repeats(graph, cells);
    solve(graph, cells);
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
                            cells[me].facts |= STUTTERS;
                        } else if cells[at].mark != NONE && cells[at].mark >= first {
                            cells[me].facts |= REPEATS;
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
        cells[me].facts |= ALONE;
        me += 1;
    }
}
