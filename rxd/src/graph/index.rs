//! Builds the tables of an analysis: hashes the names and types, and walks the graph once.
//!
//! A declared daemon has its [`Index`] as a constant, which the checks of all its services share;
//! at run time `Graph::entries` makes the same tables in a `Vec`. Lookups are in
//! [`table`](super::table).

use super::model::{Graph, fnv1a};
use super::reach::evicts_at_run;
use super::solve::solve;
use super::table::{
    Analysis, DaemonSource, EVICTS, HASH_IS_UNIQUE, Lookup, NO_INDEX, NodeEntry, TARGET_IN_TWO_WATCHES,
    TARGET_TWICE_IN_ONE_WATCH, bucket, find,
};

/// The tables of an [`Analysis`] for a graph of `N` services.
#[derive(Debug)]
pub struct Index<const N: usize> {
    entries: [NodeEntry; N],
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
        let mut entries = [NodeEntry::EMPTY; N];
        fill(graph, &mut entries);
        Index { entries }
    }

    /// The analysis these tables are of.
    #[must_use]
    pub const fn of<'a>(&'a self, graph: &'a Graph<'a>) -> Analysis<'a> {
        Analysis { graph, entries: &self.entries, source: DaemonSource::NONE }
    }
}

impl Graph<'_> {
    /// The tables for a graph whose size is known only at run time.
    pub(super) fn entries(&self) -> Vec<NodeEntry> {
        let mut entries = vec![NodeEntry::EMPTY; self.nodes.len()];
        fill(self, &mut entries);
        entries
    }
}

/// Fills the entries, of which there are as many as services.
const fn fill(graph: &Graph<'_>, entries: &mut [NodeEntry]) {
    // Backwards, since each service is put in front of its bucket: see invariant 2 of `table`.
    let mut i = entries.len();
    let mut family = NO_INDEX;
    while i > 0 {
        i -= 1;
        let node = &graph.nodes[i];
        if node.family.is_some() {
            family = i as u32;
        }
        entries[i].family = family;
        entries[i].name_hash = fnv1a(node.name);
        let bucket = bucket(entries[i].name_hash, entries.len());
        entries[i].name_next = entries[bucket].name_bucket;
        entries[bucket].name_bucket = i as u32;
        if let Some(service_type) = node.service_type {
            let bucket = self::bucket(service_type.id, entries.len());
            entries[i].type_next = entries[bucket].type_bucket;
            entries[bucket].type_bucket = i as u32;
        }
    }
    if mark_targets(graph, entries) {
        mark_near_evictions(graph, entries);
    }
    solve(graph, entries);
}

/// Sets `is_near_eviction`, in a graph in which services evict others.
const fn mark_near_evictions(graph: &Graph<'_>, entries: &mut [NodeEntry]) {
    let mut me = 0;
    while me < entries.len() {
        let mut is_near = entries[me].flags & EVICTS != 0;
        let edges = graph.nodes[me].edges;
        let mut e = 0;
        while e < edges.len() {
            let mut t = 0;
            while !is_near && edges[e].is_gate() && t < edges[e].targets.len() {
                if let Lookup::One(at) = find(graph, entries, &edges[e].targets[t]) {
                    is_near = entries[at].flags & EVICTS != 0;
                }
                t += 1;
            }
            e += 1;
        }
        entries[me].is_near_eviction = is_near;
        me += 1;
    }
}

/// Sets the flags that save work at each watch: [`HASH_IS_UNIQUE`], if no lookup needs to compare
/// names byte by byte, the flags of services that name a target more than once, and [`EVICTS`].
/// Returns whether a service has the last one.
const fn mark_targets(graph: &Graph<'_>, entries: &mut [NodeEntry]) -> bool {
    let (mut ambiguous, mut some_evict) = (false, false);
    let mut me = 0;
    while me < entries.len() {
        let mut at = entries[me].name_next;
        while at != NO_INDEX {
            ambiguous |= entries[at as usize].name_hash == entries[me].name_hash;
            at = entries[at as usize].name_next;
        }
        me += 1;
    }
    // Edges are numbered through the graph, so that no mark has to be taken back.
    let mut edge_number = 0;
    let mut me = 0;
    while me < entries.len() {
        let edges = graph.nodes[me].edges;
        let first = edge_number;
        let mut e = 0;
        while e < edges.len() {
            let evicts = evicts_at_run(&edges[e]);
            let mut t = 0;
            while t < edges[e].targets.len() {
                let target = &edges[e].targets[t];
                match find(graph, entries, target) {
                    Lookup::One(at) => {
                        if entries[at].last_edge == edge_number {
                            entries[me].flags |= TARGET_TWICE_IN_ONE_WATCH;
                        } else if entries[at].last_edge != NO_INDEX && entries[at].last_edge >= first {
                            entries[me].flags |= TARGET_IN_TWO_WATCHES;
                        }
                        entries[at].last_edge = edge_number;
                        if evicts {
                            entries[at].flags |= EVICTS;
                            some_evict = true;
                        }
                    }
                    // The name is unknown, and may still have the hash of another one.
                    Lookup::None => ambiguous |= !target.by_type,
                    Lookup::Many => {}
                }
                t += 1;
            }
            edge_number += 1;
            e += 1;
        }
        me += 1;
    }
    let mut me = 0;
    while !ambiguous && me < entries.len() {
        entries[me].flags |= HASH_IS_UNIQUE;
        me += 1;
    }
    some_evict
}
