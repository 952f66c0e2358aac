//! The judge: which guarantees a trace breaks.

mod endings;
mod gates;
mod grammar;
mod order;
mod pacing;
#[cfg(test)]
mod tests;

use super::rules::DeclaredRules;
use super::trace::{Step, Trace};
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
        write!(f, "{} broken at {}: {}", self.guarantee, self.seq, self.text)
    }
}

/// Which guarantees this trace breaks.
///
/// | | |
/// |---|---|
/// | G1 | each life of a service is `(Init (Idle Run?)? Stop)* Exit`, entered and left in pairs |
/// | G2 | Exit comes once a life, last, and always |
/// | G3 | once Init was entered, Stop comes before Exit, unless the service was abandoned |
/// | G4 | no incarnation begins before the last has ended |
/// | G9 | no gate is passed before its condition holds |
/// | G11 | a service whose giving up stops the daemon stops every other |
/// | G12 | giving up takes along those that need the service, and nobody else |
/// | G13 | nobody is stopped by the shutdown while one that gates on its Run is alive |
/// | G17 | a failing Stop keeps no other service from its own |
/// | G21 | no more restarts within a window than declared, and no giving up before that |
/// | G22 | the n-th delay is within its bounds |
/// | G23 | after a sustained Run the next delay is the first again |
/// | G24 | delays and limits come from a service's own failures |
/// | G25 | what an operator or a reaction does is no failure |
/// | G34 | the numbers have no gap |
///
/// A trace that does not begin with the first transition is refused, as G34: give the daemon a
/// longer [`history`](crate::Daemon::history).
#[must_use]
pub fn check_invariants(trace: &Trace, rules: &DeclaredRules) -> Vec<Violation> {
    let mut found = Found(Vec::new());
    let mut seen = Seen { trace, rules, who: Vec::new(), own: vec![Vec::new(); rules.services.len()] };
    let names: HashMap<&str, usize> =
        rules.services.iter().enumerate().map(|(at, service)| (&*service.name, at)).collect();
    for (at, step) in trace.steps.iter().enumerate() {
        if step.seq != at as u64 + 1 {
            found.add("G34", step.seq, format!("the transition after {at} has number {}", step.seq));
            return found.0;
        }
        let Some(&who) = names.get(&*step.service) else {
            found.add("G1", step.seq, format!("there is no service `{}`", step.service));
            return found.0;
        };
        seen.who.push(who);
        seen.own[who].push(step);
    }
    grammar::check_invariants(&seen, &mut found);
    gates::check_invariants(&seen, &mut found);
    endings::check_invariants(&seen, &mut found);
    order::check_invariants(&seen, &mut found);
    pacing::check_invariants(&seen, &mut found);
    found.0.sort_by_key(|violation| violation.seq);
    found.0
}

/// A trace, sorted for those who look at it.
struct Seen<'a> {
    trace: &'a Trace,
    rules: &'a DeclaredRules,
    /// Whose each step is.
    who: Vec<usize>,
    /// The steps of each service.
    own: Vec<Vec<&'a Step>>,
}

impl<'a> Seen<'a> {
    /// Each step, and whose it is.
    fn steps(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        self.who.iter().copied().zip(&self.trace.steps)
    }

    fn end(&self) -> u64 {
        self.trace.steps.len() as u64
    }
}

struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, guarantee: &'static str, seq: u64, text: String) {
        self.0.push(Violation { guarantee, seq, text });
    }
}
