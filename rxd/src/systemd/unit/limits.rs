//! The longest path through the gates, by what is declared.

use crate::graph::{Edge, Effect, Graph, Keyword, Target, fnv1a};
use crate::lifecycle::options::{Options, STOP_LIMIT};
use crate::lifecycle::state::{Action, State};
use std::time::Duration;

/// How many services without a limit are named.
const NAMED: usize = 8;

/// How long a daemon may take by its own declarations.
#[derive(Clone, Debug, Default)]
pub(super) struct Longest {
    /// Until its last service is in Run.
    pub(super) start: Duration,
    pub(super) start_path: String,
    /// Until its last service is in Exit.
    pub(super) stop: Duration,
    pub(super) stop_path: String,
    /// Services that may stay in Init or Idle for ever, as far as is declared.
    pub(super) unlimited: Vec<String>,
    pub(super) unlimited_all: usize,
}

/// How long something takes, and the services along the way.
#[derive(Clone, Debug, Default)]
struct Way {
    time: Duration,
    last: Option<usize>,
}

struct Walk<'a> {
    graph: &'a Graph<'a>,
    options: &'a [Options],
    /// Hashes of names and types, sorted, and whose they are.
    lookup: Vec<(u64, usize)>,
    /// When each service is in Run at the latest; none before it was worked out.
    run: Vec<Option<Way>>,
}

impl Longest {
    pub(super) fn of(graph: &Graph<'_>, options: &[Options]) -> Longest {
        let mut lookup = Vec::with_capacity(graph.nodes.len() * 2);
        for (at, node) in graph.nodes.iter().enumerate() {
            lookup.push((fnv1a(node.name), at));
            lookup.extend(node.service_type.map(|service_type| (service_type.id, at)));
        }
        lookup.sort_unstable();
        let count = graph.nodes.len().min(options.len());
        let mut walk = Walk { graph, options, lookup, run: vec![None; count] };
        let gates: Vec<Vec<usize>> = (0..count).map(|at| walk.gate_targets(at)).collect();
        for at in targets_first(&gates) {
            walk.run[at] = Some(walk.run(at));
        }
        let ways: Vec<Duration> =
            walk.run.iter().map(|way| way.as_ref().map_or(Duration::ZERO, |way| way.time)).collect();
        let last = (0..count).max_by_key(|&at| ways[at]);
        let (stop, stop_path) = walk.stop();
        let unlimited: Vec<usize> = (0..count).filter(|&at| walk.is_unlimited(at)).collect();
        Longest {
            start: last.map_or(Duration::ZERO, |at| ways[at]),
            start_path: last.map(|at| walk.path(at)).unwrap_or_default(),
            stop,
            stop_path,
            unlimited_all: unlimited.len(),
            unlimited: unlimited.iter().take(NAMED).map(|&at| graph.nodes[at].name.to_string()).collect(),
        }
    }
}

impl Longest {
    /// One thing more that may take for ever.
    pub(super) fn unlimited(&mut self, name: &str) {
        self.unlimited_all += 1;
        if self.unlimited.len() < NAMED {
            self.unlimited.push(name.into());
        }
    }
}

impl Walk<'_> {
    fn limit(&self, at: usize, slot: usize) -> Duration {
        self.options[at].timeouts[slot].unwrap_or_default()
    }

    fn stop_limit(&self, at: usize) -> Duration {
        self.options[at].timeouts[3].unwrap_or(STOP_LIMIT)
    }

    fn is_unlimited(&self, at: usize) -> bool {
        let [init, idle, ..] = self.options[at].timeouts;
        init.is_none() || idle.is_none()
    }

    /// The services this one's gates are about.
    fn gate_targets(&self, at: usize) -> Vec<usize> {
        let edges = self.graph.nodes[at].edges.iter().filter(|edge| gate(edge).is_some());
        edges.flat_map(|edge| edge.targets).filter_map(|target| self.find(target)).collect()
    }

    /// When a service is in Run, at the latest, once that is known of its targets.
    fn run(&self, at: usize) -> Way {
        let Options { startup_delay, delays, .. } = self.options[at];
        let mut way = self.gates(at, Effect::GateInit, Way::default());
        for time in [startup_delay.max(delays[0]), self.limit(at, 0), delays[1], self.limit(at, 1)] {
            way.time = way.time.saturating_add(time);
        }
        way = self.gates(at, Effect::GateRun, way);
        way.time = way.time.saturating_add(delays[2]);
        way
    }

    /// The later of `way` and when the gates of this kind have opened.
    fn gates(&self, at: usize, effect: Effect, mut way: Way) -> Way {
        for edge in self.graph.nodes[at].edges.iter().filter(|edge| gate(edge) == Some(effect)) {
            for target in edge.targets {
                // Of two `any` gates written both ways one is left out: another target opens it.
                let Some(target) = self.find(target) else { continue };
                let Some(run) = &self.run[target] else { continue };
                let time = run.time.saturating_add(self.beyond_run(target, edge));
                if time > way.time {
                    way = Way { time, last: Some(target) };
                }
            }
        }
        way
    }

    /// How long after the target entered Run the gate opens.
    fn beyond_run(&self, target: usize, edge: &Edge<'_>) -> Duration {
        let ends = edge.keyword == Keyword::After || matches!(edge.state, State::Stop | State::Exit);
        let leaves = edge.action == Action::Exited && edge.state == State::Run;
        let mut beyond = Duration::ZERO;
        if ends || leaves {
            beyond = beyond.saturating_add(self.limit(target, 2));
        }
        if ends {
            beyond = beyond.saturating_add(self.options[target].delays[3]).saturating_add(self.stop_limit(target));
        }
        beyond
    }

    fn find(&self, target: &Target<'_>) -> Option<usize> {
        let from = self.lookup.partition_point(|(hash, _)| *hash < target.id);
        let mut same = self.lookup[from..].iter().take_while(|(hash, _)| *hash == target.id);
        let found = same.find(|(_, at)| target.by_type || self.graph.nodes[*at].name == target.text)?.1;
        (found < self.run.len()).then_some(found)
    }

    /// The services on the way to this one's Run: `db, api, poller`.
    fn path(&self, at: usize) -> String {
        let mut names = vec![self.graph.nodes[at].name];
        let mut next = self.run[at].as_ref().and_then(|way| way.last);
        while let Some(at) = next.filter(|_| names.len() <= self.run.len()) {
            names.push(self.graph.nodes[at].name);
            next = self.run[at].as_ref().and_then(|way| way.last);
        }
        names.reverse();
        names.join(", ")
    }

    /// How long the longest chain of services that stop one after another may take: each is given
    /// its limit to leave Run, and again to Stop.
    fn stop(&self) -> (Duration, String) {
        let mut after = self.graph.stops_before();
        after.truncate(self.run.len());
        after.iter_mut().for_each(|after| after.retain(|&at| at < self.run.len()));
        let mut ways: Vec<Option<Way>> = vec![None; after.len()];
        let time = |way: &Option<Way>| way.as_ref().map_or(Duration::ZERO, |way| way.time);
        for at in targets_first(&after) {
            let known = after[at].iter().copied().filter(|&next| ways[next].is_some());
            let last = known.max_by_key(|&next| time(&ways[next]));
            let beyond = last.map_or(Duration::ZERO, |next| time(&ways[next]));
            let own = self.stop_limit(at).saturating_mul(2);
            ways[at] = Some(Way { time: beyond.saturating_add(own), last });
        }
        let Some(first) = (0..after.len()).max_by_key(|&at| time(&ways[at])) else { return Default::default() };
        let mut names = vec![self.graph.nodes[first].name];
        let mut next = ways[first].as_ref().and_then(|way| way.last);
        while let Some(at) = next {
            names.push(self.graph.nodes[at].name);
            next = ways[at].as_ref().and_then(|way| way.last);
        }
        (time(&ways[first]), names.join(", "))
    }
}

/// Every node, each after those that its arrows lead to; of a circle the arrow that closes it is let go.
fn targets_first(arrows: &[Vec<usize>]) -> Vec<usize> {
    let mut met = vec![false; arrows.len()];
    let mut order = Vec::with_capacity(arrows.len());
    for root in 0..arrows.len() {
        if std::mem::replace(&mut met[root], true) {
            continue;
        }
        // No recursion: a chain may be as long as there are services.
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let Some(&target) = arrows[*node].get(*next) else {
                order.push(*node);
                path.pop();
                continue;
            };
            *next += 1;
            if !std::mem::replace(&mut met[target], true) {
                path.push((target, 0));
            }
        }
    }
    order
}

/// Which gate an edge is, if it is one.
fn gate(edge: &Edge<'_>) -> Option<Effect> {
    match (edge.keyword, edge.effect) {
        (Keyword::Needs | Keyword::After, _) => Some(Effect::GateRun),
        (Keyword::Watch, effect @ (Effect::GateInit | Effect::GateRun)) => Some(effect),
        (Keyword::Watch, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Mode, Node};
    use crate::lifecycle::manager::{Manager, continuous};

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn node<'a>(name: &'a str, edges: &'a [Edge<'a>]) -> Node<'a> {
        Node { name, service_type: None, table: &continuous::TABLE, edges, optional: false, has_restart_limit: false }
    }

    fn limited(init: u64, stop: u64) -> Options {
        let options = Options::DEFAULT.timeout_of(State::Init, secs(init)).timeout_of(State::Idle, secs(0));
        options.timeout_of(State::Stop, secs(stop))
    }

    #[test]
    fn limits_add_up_along_the_longest_path() {
        let db = [Target::name("db")];
        let migrate = [Target::name("migrate")];
        let (needs, after) = ([Edge::needs(&db)], [Edge::after(&migrate)]);
        let before_init = [Edge::watch(Mode::Any, Action::Entering, State::Run, &db).then(Effect::GateInit)];
        let nodes = [node("db", &[]), node("migrate", &needs), node("api", &after), node("probe", &before_init)];
        let migrate = limited(1, 2).timeout_of(State::Run, secs(60)).startup_delay(secs(3));
        let options = [limited(10, 5), migrate, limited(4, 1), limited(7, 1).delay_of(State::Run, secs(1))];
        let longest = Longest::of(&Graph { daemon: "d", nodes: &nodes }, &options);
        // db 10, migrate runs for 60 after it and has 2 to stop.
        assert_eq!(longest.start, secs(72));
        assert_eq!(longest.start_path, "db, migrate, api");
        // migrate leaves Run and stops, then db does.
        assert_eq!(longest.stop, secs(2 * 2 + 2 * 5));
        assert_eq!(longest.stop_path, "migrate, db");
        assert!(longest.unlimited.is_empty());
        let nodes = &nodes[..1];
        assert_eq!(Longest::of(&Graph { daemon: "d", nodes }, &[Options::DEFAULT]).unlimited, ["db"]);
    }

    #[test]
    fn a_gate_before_init_comes_before_the_limit_of_init() {
        let db = [Target::name("db")];
        let edges = [Edge::watch(Mode::Any, Action::Entering, State::Run, &db).then(Effect::GateInit)];
        let nodes = [node("db", &[]), node("probe", &edges)];
        let longest = Longest::of(&Graph { daemon: "d", nodes: &nodes }, &[limited(10, 5), limited(7, 1)]);
        assert_eq!(longest.start, secs(17));
    }

    #[test]
    fn any_length_of_time_may_be_declared() {
        let db = [Target::name("db")];
        let edges = [Edge::after(&db)];
        let nodes = [node("db", &[]), node("probe", &edges)];
        let options = [limited(u64::MAX, u64::MAX), limited(7, 1)];
        let longest = Longest::of(&Graph { daemon: "d", nodes: &nodes }, &options);
        assert_eq!((longest.start, longest.stop), (Duration::MAX, Duration::MAX));
    }

    #[test]
    fn gates_written_both_ways_come_to_an_end() {
        let (a, b) = ([Target::name("a")], [Target::name("b")]);
        let to_b = [Edge::watch(Mode::Any, Action::Entering, State::Run, &b)];
        let to_a = [Edge::watch(Mode::Any, Action::Entering, State::Run, &a)];
        let nodes = [node("a", &to_b), node("b", &to_a)];
        let longest = Longest::of(&Graph { daemon: "d", nodes: &nodes }, &[limited(1, 1), limited(2, 1)]);
        assert_eq!(longest.start, secs(2));
    }

    #[test]
    fn a_chain_of_ten_thousand() {
        let names: Vec<String> = (0..10_000).map(|at| format!("s{at}")).collect();
        let targets: Vec<[Target<'_>; 1]> = names.iter().map(|name| [Target::name(name)]).collect();
        let edges: Vec<[Edge<'_>; 1]> = targets
            .iter()
            .map(|target| [Edge::watch(Mode::Any, Action::Entering, State::Run, target).then(Effect::GateInit)])
            .collect();
        let nodes: Vec<Node<'_>> =
            (0..names.len()).map(|at| node(&names[at], if at == 0 { &[] } else { &edges[at - 1] })).collect();
        let options = vec![limited(1, 1); nodes.len()];
        assert_eq!(Longest::of(&Graph { daemon: "d", nodes: &nodes }, &options).start, secs(10_000));
    }
}
