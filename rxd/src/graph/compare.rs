//! Whether two watches mean the same, and whether the compiler can afford to find out.

use super::model::{Edge, Effect, Keyword};
use super::reach::{condition_of, gate_stage, requires_all};
use super::table::{Analysis, same_text, target_service};

/// Whether the edge is a stream.
pub(super) const fn is_stream(edge: &Edge<'_>) -> bool {
    gate_stage(edge).is_none() && matches!(edge.effect, Effect::Stream)
}

/// Whether the compiler can afford to compare each target of the edge with each target of the
/// service. Watches of more than a hundred services each are not compared with one another.
pub(super) const fn is_comparable(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> bool {
    let edges = analysis.graph.nodes[me].edges;
    let mut all = 0;
    let mut e = 0;
    while e < edges.len() {
        all += edges[e].targets.len();
        e += 1;
    }
    all * edge.targets.len() <= 20_000
}

/// Whether two watches mean the same.
pub(super) const fn same_watch(analysis: &Analysis<'_>, a: &Edge<'_>, b: &Edge<'_>) -> bool {
    let (condition_a, condition_b) = (condition_of(a), condition_of(b));
    if a.keyword as u8 != b.keyword as u8
        || a.targets.len() != b.targets.len()
        || requires_all(a) != requires_all(b)
        || condition_a.action as u8 != condition_b.action as u8
        || !condition_a.state.is(condition_b.state)
        || gate_stage(a).is_none() != gate_stage(b).is_none()
        || matches!(a.keyword, Keyword::Watch) && a.effect as u8 != b.effect as u8
        || is_stream(a) && !same_text(a.stream, b.stream)
    {
        return false;
    }
    let mut i = 0;
    while i < a.targets.len() {
        // The same order is the common case, and linear. As many targets, none of them twice (which
        // is a fault of its own): so it is enough that each of `a` is in `b`.
        let mut found = same_target(analysis, a, i, b, i);
        let mut k = 0;
        while !found && k < b.targets.len() {
            found = same_target(analysis, a, i, b, k);
            k += 1;
        }
        if !found {
            return false;
        }
        i += 1;
    }
    true
}

const fn same_target(analysis: &Analysis<'_>, a: &Edge<'_>, i: usize, b: &Edge<'_>, k: usize) -> bool {
    match (target_service(analysis, a, i), target_service(analysis, b, k)) {
        (Some(x), Some(y)) => x == y,
        _ => false,
    }
}
