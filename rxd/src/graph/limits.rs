//! How long a daemon may take to start and to stop, by the limits that its services declare.
//!
//! The unit file of systemd is written from it. These are upper bounds from declarations, not
//! measurements: a limit that is not declared counts as zero, and [`has_start_limit`] says whose
//! start has none.
//!
//! # How the limits add up
//!
//! * **Start.** A service is in Run after its gates before Init, its startup delay, its Init, its
//!   Idle, and its gates before Run. A gate is open when the last of its targets has been in Run,
//!   and, if it asks for the target's end, has ended. Alternatives count like targets that are all
//!   required: which of them opens the gate is not known.
//! * **Stop.** A service has its limit twice: to leave Run, and for Stop. Services that depend on
//!   each other stop one after another, in the [stop order](Graph::stops_before).

use super::model::{Edge, Graph, Keyword, Target};
use super::reach::{GateStage, gate_stage, is_gate_at};
use super::table::{Lookup, NO_INDEX, NodeEntry, find, next_of_type};
use crate::lifecycle::options::{Options, STOP_LIMIT};
use crate::lifecycle::state::{Action, State};
use std::time::Duration;

/// How long a start or a stop may take, and the services that determine it, from the first to the
/// last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LongestPath {
    pub(crate) time: Duration,
    pub(crate) services: Vec<usize>,
}

/// The longest path to one service.
#[derive(Clone, Copy, Debug)]
struct PathEnd {
    time: Duration,
    /// The service before it on the path, if there is one.
    before: Option<usize>,
}

/// How long the services may take until the last one is in Run.
//
// Inline as is the unit, which alone asks for it.
#[inline]
pub(crate) fn longest_start(graph: &Graph<'_>) -> LongestPath {
    let entries = graph.entries();
    let found = |target: &Target<'_>| first_found(graph, &entries, target);
    let mut gates = vec![Vec::new(); graph.nodes.len()];
    for (node, gates) in graph.nodes.iter().zip(&mut gates) {
        for edge in node.edges.iter().filter(|edge| gate_stage(edge).is_some()) {
            edge.targets.iter().for_each(|target| gates.extend(found(target)));
        }
    }
    let mut ends: Vec<Option<PathEnd>> = vec![None; graph.nodes.len()];
    for me in targets_first(&gates) {
        // When the gates of this stage have opened, but not before `end`.
        let pass = |stage, mut end: PathEnd| {
            for edge in graph.nodes[me].edges.iter().filter(|edge| is_gate_at(edge, stage)) {
                for target in edge.targets {
                    // A target without an end closes a cycle of `any` gates. It is left out, since
                    // another target opens the gate.
                    let Some(target) = found(target) else { continue };
                    let Some(run) = ends[target] else { continue };
                    let time = run.time.saturating_add(time_beyond_run(edge, graph.nodes[target].options));
                    if time > end.time {
                        end = PathEnd { time, before: Some(target) };
                    }
                }
            }
            end
        };
        let mut end = pass(GateStage::Init, PathEnd { time: Duration::ZERO, before: None });
        end.time = end.time.saturating_add(time_before_run(graph.nodes[me].options));
        end = pass(GateStage::Run, end);
        end.time = end.time.saturating_add(graph.nodes[me].options.delays[2]);
        ends[me] = Some(end);
    }
    let mut path = longest(&ends);
    path.services.reverse();
    path
}

/// How long the services may take until the last one is in Exit.
#[inline]
pub(crate) fn longest_stop(graph: &Graph<'_>) -> LongestPath {
    longest_stop_by(graph, time_to_stop)
}

/// How long the Stop of one service after the other may take, where its limit is declared.
pub(super) fn longest_declared_stop(graph: &Graph<'_>) -> LongestPath {
    longest_stop_by(graph, |options| limit(options, 3))
}

fn longest_stop_by(graph: &Graph<'_>, time: fn(&Options) -> Duration) -> LongestPath {
    let after = graph.stops_before();
    let mut ends: Vec<Option<PathEnd>> = vec![None; graph.nodes.len()];
    for me in targets_first(&after) {
        let known = after[me].iter().filter_map(|&next| Some((ends[next]?.time, next)));
        let (rest, next) = match known.max_by_key(|(time, _)| *time) {
            Some((time, next)) => (time, Some(next)),
            None => (Duration::ZERO, None),
        };
        ends[me] = Some(PathEnd { time: rest.saturating_add(time(graph.nodes[me].options)), before: next });
    }
    longest(&ends)
}

/// Whether Init and Idle both have a limit. Without one, a service may stay there for ever.
pub(crate) const fn has_start_limit(options: &Options) -> bool {
    options.timeouts[0].is_some() && options.timeouts[1].is_some()
}

/// How long a service may take to stop: to leave Run, and for its Stop.
pub(crate) const fn time_to_stop(options: &Options) -> Duration {
    stop_limit(options).saturating_mul(2)
}

const fn stop_limit(options: &Options) -> Duration {
    match options.timeouts[3] {
        Some(limit) => limit,
        None => STOP_LIMIT,
    }
}

/// The limit of Init, Idle, Run or Stop; zero if there is none.
const fn limit(options: &Options, state: usize) -> Duration {
    match options.timeouts[state] {
        Some(limit) => limit,
        None => Duration::ZERO,
    }
}

/// How long a service may take from its gates before Init to its gates before Run.
const fn time_before_run(options: &Options) -> Duration {
    let Options { startup_delay, delays, .. } = options;
    let first = if startup_delay.as_nanos() > delays[0].as_nanos() { *startup_delay } else { delays[0] };
    first.saturating_add(limit(options, 0)).saturating_add(delays[1]).saturating_add(limit(options, 1))
}

/// How long after its target has entered Run the gate opens.
const fn time_beyond_run(edge: &Edge<'_>, target: &Options) -> Duration {
    let ends = matches!(edge.keyword, Keyword::After) || matches!(edge.state, State::Stop | State::Exit);
    let leaves = matches!((edge.action, edge.state), (Action::Exited, State::Run));
    let mut beyond = Duration::ZERO;
    if ends || leaves {
        beyond = beyond.saturating_add(limit(target, 2));
    }
    if ends {
        beyond = beyond.saturating_add(target.delays[3]).saturating_add(stop_limit(target));
    }
    beyond
}

/// The service that a target stands for; of several, which is a fault of the graph, the first.
#[inline]
fn first_found(graph: &Graph<'_>, entries: &[NodeEntry], target: &Target<'_>) -> Option<usize> {
    match find(graph, entries, target) {
        Lookup::One(at) => Some(at),
        Lookup::None => None,
        Lookup::Many => Some(next_of_type(graph, entries, target.id, NO_INDEX) as usize),
    }
}

/// The path with the latest end, from that end on.
fn longest(ends: &[Option<PathEnd>]) -> LongestPath {
    let time = |at: usize| ends[at].map_or(Duration::ZERO, |end| end.time);
    let Some(last) = (0..ends.len()).max_by_key(|&at| time(at)) else { return LongestPath::default() };
    let mut services = vec![last];
    let mut next = ends[last].and_then(|end| end.before);
    // No service is on a path twice; should one be, the path ends all the same.
    while let Some(at) = next.filter(|_| services.len() <= ends.len()) {
        services.push(at);
        next = ends[at].and_then(|end| end.before);
    }
    LongestPath { time: time(last), services }
}

/// All vertices, each after those that its arrows lead to; of a cycle, the arrow that closes it
/// does not count.
pub(super) fn targets_first(arrows: &[Vec<usize>]) -> Vec<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Effect, Mode, Node};
    use crate::lifecycle::manager::{Manager, continuous};

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn node<'a>(name: &'a str, edges: &'a [Edge<'a>], options: &'a Options) -> Node<'a> {
        Node { name, service_type: None, table: &continuous::TABLE, edges, optional: false, options, family: None }
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
        let migrate = limited(1, 2).timeout_of(State::Run, secs(60)).startup_delay(secs(3));
        let options = [limited(10, 5), migrate, limited(4, 1), limited(7, 1).delay_of(State::Run, secs(1))];
        let edges: [&[Edge<'_>]; 4] = [&[], &needs, &after, &before_init];
        let names = ["db", "migrate", "api", "probe"];
        let nodes: Vec<Node<'_>> = (0..4).map(|at| node(names[at], edges[at], &options[at])).collect();
        let graph = Graph { daemon: "d", nodes: &nodes };
        // db 10, migrate runs for 60 after it and has 2 to stop.
        assert_eq!(longest_start(&graph), LongestPath { time: secs(72), services: vec![0, 1, 2] });
        // migrate leaves Run and stops, then db does.
        assert_eq!(longest_stop(&graph), LongestPath { time: secs(2 * 2 + 2 * 5), services: vec![1, 0] });
        assert!(options.iter().all(has_start_limit) && !has_start_limit(&Options::DEFAULT));
    }

    #[test]
    fn gate_before_init_opens_before_the_limit_of_init() {
        let db = [Target::name("db")];
        let edges = [Edge::watch(Mode::Any, Action::Entering, State::Run, &db).then(Effect::GateInit)];
        let (db, probe) = (limited(10, 5), limited(7, 1));
        let nodes = [node("db", &[], &db), node("probe", &edges, &probe)];
        assert_eq!(longest_start(&Graph { daemon: "d", nodes: &nodes }).time, secs(17));
    }

    #[test]
    fn limits_beyond_the_longest_duration_saturate() {
        let db = [Target::name("db")];
        let edges = [Edge::after(&db)];
        let (db, probe) = (limited(u64::MAX, u64::MAX), limited(7, 1));
        let nodes = [node("db", &[], &db), node("probe", &edges, &probe)];
        let graph = Graph { daemon: "d", nodes: &nodes };
        assert_eq!(longest_start(&graph).time, Duration::MAX);
        assert_eq!(longest_stop(&graph).time, Duration::MAX);
    }

    #[test]
    fn cycle_of_gates_counts_each_service_once() {
        let (a, b) = ([Target::name("a")], [Target::name("b")]);
        let to_b = [Edge::watch(Mode::Any, Action::Entering, State::Run, &b)];
        let to_a = [Edge::watch(Mode::Any, Action::Entering, State::Run, &a)];
        let (short, long) = (limited(1, 1), limited(2, 1));
        let nodes = [node("a", &to_b, &short), node("b", &to_a, &long)];
        assert_eq!(longest_start(&Graph { daemon: "d", nodes: &nodes }).time, secs(2));
    }

    #[test]
    fn chain_of_10000_services_is_added_up() {
        let names: Vec<String> = (0..10_000).map(|at| format!("s{at}")).collect();
        let targets: Vec<[Target<'_>; 1]> = names.iter().map(|name| [Target::name(name)]).collect();
        let edges: Vec<[Edge<'_>; 1]> = targets
            .iter()
            .map(|target| [Edge::watch(Mode::Any, Action::Entering, State::Run, target).then(Effect::GateInit)])
            .collect();
        let options = limited(1, 1);
        let edges_of = |at: usize| if at == 0 { &[][..] } else { &edges[at - 1] };
        let nodes: Vec<Node<'_>> = (0..names.len()).map(|at| node(&names[at], edges_of(at), &options)).collect();
        assert_eq!(longest_start(&Graph { daemon: "d", nodes: &nodes }).time, secs(10_000));
    }
}
