//! The entry points of the check: in the compiler place by place, at run time all at once.
//!
//! Generated code calls `check_service`, `check_edge` and `check_target`, each spanned at what it
//! is about; [`Graph::faults`] and the start of a daemon collect everything. All of them ask
//! [`rules`](super::rules) and take the words from [`message`](super::message).

use super::message::{self, FaultPosition};
use super::model::{Edge, Graph};
use super::rule::Rule;
use super::rules::{self, RuleViolation};
use super::table::{Analysis, NodeEntry, target_service};
use std::fmt;

/// Panics, in the compiler, with what is wrong with service `me` as a whole.
#[track_caller]
pub const fn check_service(analysis: &Analysis<'_>, me: usize) {
    if let Some(violation) = rules::violation_of_service(analysis, me) {
        fail(analysis, FaultPosition { service: me, edge: 0, target: 0 }, violation);
    }
}

/// Panics, in the compiler, with what is wrong with one watch of service `me` as a whole.
#[track_caller]
pub const fn check_edge(analysis: &Analysis<'_>, me: usize, edge: usize) {
    if let Some(violation) = rules::violation_of_edge(analysis, me, edge) {
        fail(analysis, FaultPosition { service: me, edge, target: 0 }, violation);
    }
}

/// Panics, in the compiler, with what is wrong with one target of one watch of service `me`.
#[track_caller]
pub const fn check_target(analysis: &Analysis<'_>, me: usize, edge: usize, target: usize) {
    if let Some(violation) = rules::violation_of_target(analysis, me, edge, target) {
        fail(analysis, FaultPosition { service: me, edge, target }, violation);
    }
}

#[track_caller]
const fn fail(analysis: &Analysis<'_>, place: FaultPosition, violation: RuleViolation) -> ! {
    let text = message::message_for(analysis, place, violation);
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
        let analysis = Analysis { graph: self, entries };
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
