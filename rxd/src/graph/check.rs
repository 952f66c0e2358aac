//! The entry points of the check: in the compiler place by place, at run time all at once.
//!
//! Generated code calls, by way of `daemon::checked`, `check_service`, `check_edge` and
//! `check_target`, each spanned at what it is about, and `check_field` for what can be mended only
//! where the daemon is declared;
//! [`Graph::faults`] and the start of a daemon collect everything. All of them ask
//! [`rules`](super::rules) and take the words from [`message`](super::message).

use super::message;
use super::model::{Edge, Graph};
use super::rule::Rule;
use super::rules::{self, FaultPosition, RuleViolation};
use super::table::{Analysis, DaemonSource, NodeEntry, target_service};
use std::fmt;

/// Panics, in the compiler, with what is wrong with service `me` as a whole, unless that is for its
/// field to report.
#[track_caller]
pub(crate) const fn check_service(analysis: &Analysis<'_>, me: usize) {
    if let Some(violation) = rules::violation_of_service(analysis, me) {
        if !is_for_field(analysis, me, violation) {
            fail(analysis, FaultPosition { service: me, edge: 0, target: 0 }, violation, Place::SERVICE);
        }
    }
}

/// Panics, in the compiler, with what is wrong with one watch of service `me` as a whole.
#[track_caller]
pub(crate) const fn check_edge(analysis: &Analysis<'_>, me: usize, edge: usize) {
    if let Some(violation) = rules::violation_of_edge(analysis, me, edge) {
        fail(analysis, FaultPosition { service: me, edge, target: 0 }, violation, Place::edge(edge));
    }
}

/// Panics, in the compiler, with what is wrong with one target of one watch of service `me`.
#[track_caller]
pub(crate) const fn check_target(analysis: &Analysis<'_>, me: usize, edge: usize, target: usize) {
    if let Some(violation) = rules::violation_of_target(analysis, me, edge, target) {
        fail(analysis, FaultPosition { service: me, edge, target }, violation, Place::target(edge, target));
    }
}

/// Panics, in the compiler, with what is wrong with service `me`, which is declared in `module`, if
/// it can be mended only where the daemon is declared: a name that two fields share, or any fault of
/// a service of another crate.
#[track_caller]
pub(crate) const fn check_field(analysis: &Analysis<'_>, me: usize, module: &str) {
    let is_own = is_in_crate_of(analysis, module);
    let mut place = Some(Place::SERVICE);
    while let Some(at) = place {
        if let Some((position, violation)) = violation_at(analysis, me, at) {
            if !is_own || is_for_field(analysis, me, violation) {
                fail(analysis, position, violation, at);
            }
        }
        place = if is_own { None } else { at.next(analysis.graph.nodes[me].edges) };
    }
}

/// Whether a service declared in `module` is of the crate of the daemon. If not, its field reports
/// all its faults.
#[must_use]
pub(crate) const fn is_in_crate_of(analysis: &Analysis<'_>, module: &str) -> bool {
    let (daemon, service) = (analysis.source.module.as_bytes(), module.as_bytes());
    let mut i = 0;
    while i < daemon.len() && i < service.len() && daemon[i] == service[i] {
        if daemon[i] == b':' {
            return true;
        }
        i += 1;
    }
    // A first segment ends with the path, or with a colon.
    (i == daemon.len() || daemon[i] == b':') && (i == service.len() || service[i] == b':')
}

/// Whether a fault of service `me` can be mended only at its field: two fields of one type share its
/// name, or the field gives the name. A family has the name of its field.
const fn is_for_field(analysis: &Analysis<'_>, me: usize, violation: RuleViolation) -> bool {
    let fields = analysis.source.fields;
    let is_named = me < fields.len() && fields[me].1;
    match violation.rule {
        Rule::DuplicateName => is_named || message::of_one_type(analysis, violation.other, me),
        Rule::MemberName => is_named,
        _ => false,
    }
}

/// Where a service may have a fault: as a whole, in a watch as a whole, in a target. They are
/// checked in this order.
#[derive(Clone, Copy)]
struct Place {
    edge: Option<usize>,
    target: Option<usize>,
}

impl Place {
    const SERVICE: Place = Place { edge: None, target: None };

    const fn edge(edge: usize) -> Place {
        Place { edge: Some(edge), target: None }
    }

    const fn target(edge: usize, target: usize) -> Place {
        Place { edge: Some(edge), target: Some(target) }
    }

    /// The place after this one.
    const fn next(self, edges: &[Edge<'_>]) -> Option<Place> {
        let (edge, target) = match self {
            Place { edge: None, .. } if edges.is_empty() => return None,
            Place { edge: None, .. } => return Some(Place::edge(0)),
            Place { edge: Some(edge), target: None } => (edge, 0),
            Place { edge: Some(edge), target: Some(target) } => (edge, target + 1),
        };
        if target < edges[edge].targets.len() {
            Some(Place::target(edge, target))
        } else if edge + 1 < edges.len() {
            Some(Place::edge(edge + 1))
        } else {
            None
        }
    }
}

/// The violation at this place of service `me`.
const fn violation_at(analysis: &Analysis<'_>, me: usize, at: Place) -> Option<(FaultPosition, RuleViolation)> {
    let (position, violation) = match at {
        Place { edge: None, .. } => {
            (FaultPosition { service: me, edge: 0, target: 0 }, rules::violation_of_service(analysis, me))
        }
        Place { edge: Some(edge), target: None } => {
            (FaultPosition { service: me, edge, target: 0 }, rules::violation_of_edge(analysis, me, edge))
        }
        Place { edge: Some(edge), target: Some(target) } => {
            (FaultPosition { service: me, edge, target }, rules::violation_of_target(analysis, me, edge, target))
        }
    };
    match violation {
        Some(violation) => Some((position, violation)),
        None => None,
    }
}

/// Panics with the message about a violation, and with those about the later places of the service:
/// the first panic ends the constant that checks all of them.
#[track_caller]
const fn fail(analysis: &Analysis<'_>, position: FaultPosition, violation: RuleViolation, at: Place) -> ! {
    let (me, edges) = (position.service, analysis.graph.nodes[position.service].edges);
    let mut text = message::message_for(analysis, position, violation);
    let mut place = at.next(edges);
    while let Some(at) = place {
        if let Some((position, violation)) = violation_at(analysis, me, at) {
            text.push("\nalso: ");
            message::write_message(&mut text, analysis, position, violation);
        }
        place = at.next(edges);
    }
    panic!("{}", text.as_str())
}

/// One fault of a graph: a rule that is violated, where, and the message about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The rule that is violated.
    pub rule: Rule,
    /// The service that has the fault; `None` for a fault of the whole daemon.
    pub service: Option<usize>,
    /// The watch of that service, if the fault is of one watch.
    pub edge: Option<usize>,
    /// The target of that watch, if the fault is of one target.
    pub target: Option<usize>,
    /// The message, as the compiler shows it: a line that says what is wrong, further lines, and a
    /// line that begins with `help: `.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// The violation if the target is found, but is another type of the same path and place: one with
/// other parameters, or another local type that the same macro call declares.
fn is_other_type(analysis: &Analysis<'_>, edge: &Edge<'_>, t: usize) -> Option<RuleViolation> {
    let target = &edge.targets[t];
    let found = analysis.graph.nodes[target_service(analysis, edge, t)?].service_type?;
    let is_other = target.by_type && !target.is_type(&found);
    is_other.then_some(RuleViolation { rule: Rule::UnknownType, other: t })
}

impl Graph<'_> {
    /// All faults of the graph, in the order of its services, their watches and the targets of
    /// these.
    ///
    /// The compiler refuses a declared daemon for a fault, the start a built one: by the same
    /// rules, in the same words.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.faults_in(&self.entries())
    }

    /// All faults, or the [stop order](Graph::stops_before) if there are none. Both use one set of
    /// tables, which is made once.
    pub(crate) fn check(&self) -> Result<Vec<Vec<usize>>, Vec<Fault>> {
        let entries = self.entries();
        let faults = self.faults_in(&entries);
        if faults.is_empty() { Ok(self.order(&entries)) } else { Err(faults) }
    }

    fn faults_in(&self, entries: &[NodeEntry]) -> Vec<Fault> {
        let analysis = Analysis { graph: self, entries, source: DaemonSource::NONE };
        let mut faults = Vec::new();
        let mut add = |service, edge: Option<usize>, target: Option<usize>, violation: Option<RuleViolation>| {
            if let Some(violation) = violation {
                let place =
                    FaultPosition { service, edge: edge.unwrap_or_default(), target: target.unwrap_or_default() };
                let message = message::message_for(&analysis, place, violation).as_str().to_owned();
                let service = (!matches!(violation.rule, Rule::NoServices)).then_some(service);
                faults.push(Fault { rule: violation.rule, service, edge, target, message });
            }
        };
        if self.nodes.is_empty() {
            add(0, None, None, Some(RuleViolation { rule: Rule::NoServices, other: 0 }));
        }
        for (me, node) in self.nodes.iter().enumerate() {
            add(me, None, None, rules::violation_of_service(&analysis, me));
            for (e, edge) in node.edges.iter().enumerate() {
                add(me, Some(e), None, rules::violation_of_edge(&analysis, me, e));
                for t in 0..edge.targets.len() {
                    let violation = rules::violation_of_target(&analysis, me, e, t);
                    add(me, Some(e), Some(t), violation.or_else(|| is_other_type(&analysis, edge, t)));
                }
            }
        }
        faults
    }
}
