//! What the checkers share: a trace sorted by service, and the list of violations.

use crate::trace::rules::DeclaredRules;
use crate::trace::{Trace, TraceStep};
use std::collections::HashMap;
use std::fmt;

/// A guarantee that a trace breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The guarantee's number: `G9`.
    pub guarantee: &'static str,
    /// The transition that breaks it.
    pub seq: u64,
    /// What is wrong, in words.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken at seq {}: {}", self.guarantee, self.seq, self.text)
    }
}

/// The violations found so far.
#[derive(Default)]
pub(super) struct Violations(pub(super) Vec<Violation>);

impl Violations {
    pub(super) fn add(&mut self, guarantee: &'static str, seq: u64, text: String) {
        self.0.push(Violation { guarantee, seq, text });
    }
}

/// A trace and its rules, with the transitions sorted by service. Services are numbered as in
/// [`DeclaredRules::services`].
pub(super) struct IndexedTrace<'a> {
    pub(super) trace: &'a Trace,
    pub(super) rules: &'a DeclaredRules,
    /// The service of each transition.
    owners: Vec<usize>,
    /// The transitions of each service.
    pub(super) steps_of: Vec<Vec<&'a TraceStep>>,
}

impl<'a> IndexedTrace<'a> {
    /// Fails if sequence numbers have a gap, or a service has no rules: then nothing else can be
    /// checked.
    pub(super) fn new(trace: &'a Trace, rules: &'a DeclaredRules) -> Result<Self, Violation> {
        let mut owners = Vec::new();
        let mut steps_of = vec![Vec::new(); rules.services.len()];
        let names: HashMap<&str, usize> =
            rules.services.iter().enumerate().map(|(at, service)| (&*service.name, at)).collect();
        for (at, step) in trace.steps.iter().enumerate() {
            let seq = step.seq;
            if seq != at as u64 + 1 {
                let text = format!("the transition after {at} has number {seq}");
                return Err(Violation { guarantee: "G34", seq, text });
            }
            let Some(&owner) = names.get(&*step.service) else {
                let text = format!("there is no service `{}`", step.service);
                return Err(Violation { guarantee: "G1", seq, text });
            };
            owners.push(owner);
            steps_of[owner].push(step);
        }
        Ok(IndexedTrace { trace, rules, owners, steps_of })
    }

    /// Each transition, and the number of its service.
    pub(super) fn steps(&self) -> impl Iterator<Item = (usize, &'a TraceStep)> {
        self.owners.iter().copied().zip(&self.trace.steps)
    }

    /// The last sequence number.
    pub(super) fn end(&self) -> u64 {
        self.trace.steps.len() as u64
    }
}
