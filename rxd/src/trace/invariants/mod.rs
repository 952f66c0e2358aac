//! Checks which of rxd's guarantees a trace breaks.
//!
//! [`check_invariants`] is a pure function of a [`Trace`] and of what the daemon declares. It
//! shares no code with the engine, so a fault of the engine is not a fault of the check as well. A
//! harness calls it at the end of each test, the explorer at each point, and the
//! [`observer`](super::observer) at the end of each run of a test process.

mod gates;
mod grammar;
mod index;
mod propagation;
mod restarts;
mod stop_order;
#[cfg(test)]
mod tests;

use crate::trace::Trace;
use crate::trace::rules::DeclaredRules;
use index::{IndexedTrace, Violations};

pub use index::Violation;

/// How many violations a report shows.
const MAX_REPORTED: usize = 10;

/// Returns which guarantees this trace breaks, in the order of the transitions that break them.
///
/// | | |
/// |---|---|
/// | G1 | each life of a service is `(Init (Idle Run?)? Stop)* Exit`, entered and left in pairs |
/// | G2 | Exit comes once a life, last, and always |
/// | G3 | once Init was entered, Stop comes before Exit, unless the service was abandoned |
/// | G4 | no incarnation begins before the last has ended |
/// | G9 | no gate is passed before its condition holds |
/// | G11 | a service whose failure stops the daemon stops every other service |
/// | G12 | when a service fails for good, its dependents go to Exit, and no other service does |
/// | G13 | the shutdown stops no service while one that gates on its Run is alive |
/// | G17 | a failing Stop keeps no other service from its own |
/// | G21 | no more restarts within a window than declared, and no earlier end |
/// | G22 | the n-th delay is within its bounds |
/// | G23 | after a sustained Run the next delay is the first again |
/// | G24 | delays and limits come from a service's own failures |
/// | G25 | what an operator or a reaction does is not a failure; after a `then(stop)` that ended a short Run comes the pause |
/// | G34 | the sequence numbers have no gap |
///
/// A trace that does not begin with the first transition breaks G34, and nothing else of it is
/// checked. Give the daemon a longer [`history`](crate::Daemon::history).
#[must_use]
pub fn check_invariants(trace: &Trace, rules: &DeclaredRules) -> Vec<Violation> {
    let indexed = match IndexedTrace::new(trace, rules) {
        Ok(indexed) => indexed,
        Err(violation) => return vec![violation],
    };
    let mut violations = Violations::default();
    grammar::check(&indexed, &mut violations);
    gates::check(&indexed, &mut violations);
    propagation::check(&indexed, &mut violations);
    stop_order::check(&indexed, &mut violations);
    restarts::check(&indexed, &mut violations);
    violations.0.sort_by_key(|violation| violation.seq);
    violations.0
}

impl Trace {
    /// Asserts that the trace breaks no guarantee; see
    /// [`check_invariants`](check_invariants()).
    ///
    /// # Panics
    ///
    /// If it breaks one: with the first ten violations, and the timeline around each.
    #[track_caller]
    pub fn assert(&self, rules: &DeclaredRules) {
        if let Some(report) = self.violation_report(rules) {
            panic!("{report}");
        }
    }

    /// The violations and the timeline around each, if there are any.
    pub(crate) fn violation_report(&self, rules: &DeclaredRules) -> Option<String> {
        let violations = check_invariants(self, rules);
        if violations.is_empty() {
            return None;
        }
        let mut text = format!("{} violations of rxd's guarantees\n", violations.len());
        for violation in violations.iter().take(MAX_REPORTED) {
            text += &format!("{violation}\n{}\n", self.around(violation.seq));
        }
        Some(text)
    }
}
