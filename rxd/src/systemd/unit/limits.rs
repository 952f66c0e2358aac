//! What the unit says about the longest paths of a daemon's declared limits, in words.
//!
//! The limits themselves are added up in [`graph::limits`](crate::graph::limits).

use crate::graph::Graph;
use crate::graph::limits::{has_start_limit, longest_start, longest_stop};
use crate::text::add_item;
use std::time::Duration;

/// How many services without a limit are named.
const MAX_NAMED: usize = 8;

/// How long a daemon may take by its own declarations.
#[derive(Clone, Debug, Default)]
pub(super) struct LongestPaths {
    /// Until its last service is in Run.
    pub(super) start: Duration,
    /// The services on the way there: `db, api, poller`.
    pub(super) start_path: String,
    /// Until its last service is in Exit.
    pub(super) stop: Duration,
    /// The services on the way there.
    pub(super) stop_path: String,
    /// Services that may stay in Init or Idle for ever, as far as is declared; the first few.
    pub(super) unlimited: Vec<String>,
    /// How many there are of those.
    pub(super) unlimited_all: usize,
}

impl LongestPaths {
    /// Those of a daemon with this graph.
    #[inline]
    pub(super) fn of(graph: &Graph<'_>) -> Self {
        let names = |services: &[usize]| {
            let mut names = String::new();
            services.iter().for_each(|&at| add_item(&mut names, graph.nodes[at].name));
            names
        };
        let (start, stop) = (longest_start(graph), longest_stop(graph));
        let mut paths = LongestPaths {
            start: start.time,
            start_path: names(&start.services),
            stop: stop.time,
            stop_path: names(&stop.services),
            ..LongestPaths::default()
        };
        // One that an operator starts is no part of the start.
        for node in graph.nodes.iter().filter(|node| node.options.autostart && !has_start_limit(node.options)) {
            paths.add_unlimited(node.name);
        }
        paths
    }

    /// One service or stage more that may take for ever.
    #[inline]
    pub(super) fn add_unlimited(&mut self, name: &str) {
        self.unlimited_all += 1;
        if self.unlimited.len() < MAX_NAMED {
            self.unlimited.push(name.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Node;
    use crate::lifecycle::manager::{Manager, continuous};
    use crate::lifecycle::options::Options;

    #[test]
    fn service_that_an_operator_starts_is_not_one_without_a_start_limit() {
        let manual = Options::DEFAULT.autostart(false);
        let node = |name, options| {
            let table = &continuous::TABLE;
            Node { name, service_type: None, table, edges: &[], optional: false, family: None, options }
        };
        let nodes = [node("api", &Options::DEFAULT), node("backfill", &manual)];
        let paths = LongestPaths::of(&Graph { daemon: "agent", nodes: &nodes });
        assert_eq!((paths.unlimited, paths.unlimited_all), (vec!["api".to_owned()], 1));
    }
}
