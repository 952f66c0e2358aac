//! What is wrong at one place of a graph: the first rule that is violated there.

use super::cycle;
use super::model::{Edge, Effect, Keyword};
use super::name::is_name;
use super::reach::{self, Stage, ask, can_ever, every, is_at, stage};
use super::rule::Rule;
use super::table::{Analysis, FALLS, Found, INIT, NONE, REPEATS, RUN, STUTTERS, find, first_of_its_name, same};
use crate::lifecycle::state::{Action, State};

/// A violation: the rule, and what its message needs to know beside the place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding {
    pub(super) rule: Rule,
    /// Another service, or another edge, that takes part; which of them depends on the rule.
    pub(super) other: usize,
}

const fn at(rule: Rule, other: usize) -> Option<Finding> {
    Some(Finding { rule, other })
}

/// The rules about a service as a whole.
pub(super) const fn of_service(analysis: &Analysis<'_>, me: usize) -> Option<Finding> {
    let name = analysis.graph.nodes[me].name;
    if name.is_empty() {
        return at(Rule::EmptyName, me);
    }
    if !is_name(name) {
        return at(Rule::InvalidName, me);
    }
    let first = first_of_its_name(analysis.graph, analysis.cells, me);
    if first != me {
        return at(Rule::DuplicateName, first);
    }
    None
}

/// The rules about one watch as a whole.
pub(super) const fn of_edge(analysis: &Analysis<'_>, me: usize, e: usize) -> Option<Finding> {
    let edges = analysis.graph.nodes[me].edges;
    let edge = &edges[e];
    if edge.targets.is_empty() {
        return at(Rule::NoTargets, e);
    }
    if edge.within.is_some() && stage(edge).is_none() {
        return at(Rule::WithinWithoutGate, e);
    }
    let mut other = 0;
    while other < e {
        if analysis.cells[me].facts & REPEATS != 0
            && comparable(analysis, me, edge)
            && same_watch(analysis, edge, &edges[other])
        {
            return at(Rule::DuplicateWatch, other);
        }
        if is_stream(edge) && is_stream(&edges[other]) && same(edge.stream, edges[other].stream) {
            return at(Rule::DuplicateStream, other);
        }
        other += 1;
    }
    if matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop | Effect::Exit))
        && comparable(analysis, me, edge)
    {
        return contradiction(analysis, me, edge);
    }
    None
}

const fn is_stream(edge: &Edge<'_>) -> bool {
    stage(edge).is_none() && matches!(edge.effect, Effect::Stream)
}

/// Whether comparing each target of the edge with each of the service's others is affordable in the
/// compiler. Watches of more than a hundred services each are not compared with one another.
const fn comparable(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> bool {
    let edges = analysis.graph.nodes[me].edges;
    let mut all = 0;
    let mut e = 0;
    while e < edges.len() {
        all += edges[e].targets.len();
        e += 1;
    }
    all * edge.targets.len() <= 20_000
}

/// Whether two watches of a service say the same.
const fn same_watch(analysis: &Analysis<'_>, a: &Edge<'_>, b: &Edge<'_>) -> bool {
    let (asks_a, asks_b) = (ask(a), ask(b));
    if a.keyword as u8 != b.keyword as u8
        || a.targets.len() != b.targets.len()
        || every(a) != every(b)
        || asks_a.action as u8 != asks_b.action as u8
        || !asks_a.state.is(asks_b.state)
        || stage(a).is_none() != stage(b).is_none()
        || matches!(a.keyword, Keyword::Watch) && a.effect as u8 != b.effect as u8
        || is_stream(a) && !same(a.stream, b.stream)
    {
        return false;
    }
    let mut i = 0;
    while i < a.targets.len() {
        // In the same order: the common case, and linear.
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
    match (target(analysis, a, i), target(analysis, b, k)) {
        (Some(x), Some(y)) => x == y,
        _ => false,
    }
}

/// The one service a target stands for.
const fn target(analysis: &Analysis<'_>, edge: &Edge<'_>, t: usize) -> Option<usize> {
    match find(analysis.graph, analysis.cells, &edge.targets[t]) {
        Found::One(at) => Some(at),
        Found::None | Found::Many => None,
    }
}

/// The rules about one target of one watch.
pub(super) const fn of_target(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<Finding> {
    let Analysis { graph, cells } = *analysis;
    let edge = &graph.nodes[me].edges[e];
    let to = match find(graph, cells, &edge.targets[t]) {
        Found::One(to) => to,
        Found::None if edge.targets[t].by_type => return at(Rule::UnknownType, t),
        Found::None => return at(Rule::UnknownService, t),
        Found::Many => return at(Rule::AmbiguousType, t),
    };
    if cells[me].facts & STUTTERS != 0 {
        let mut other = 0;
        while other < t {
            if let Some(before) = target(analysis, edge, other) {
                if before == to {
                    return at(Rule::DuplicateTarget, other);
                }
            }
            other += 1;
        }
    }
    if to == me {
        return at(Rule::SelfWatch, t);
    }
    match edge.keyword {
        Keyword::Needs if graph.nodes[to].table.succeeds() => return at(Rule::NeedsOneShot, to),
        Keyword::After if !graph.nodes[to].table.succeeds() => return at(Rule::AfterNeverCompletes, to),
        _ => {}
    }
    if never_holds(analysis, me, edge, t) {
        return at(Rule::WatchNeverTrue, to);
    }
    if matches!(edge.keyword, Keyword::Needs) {
        if let Some(by) = repels(analysis, to, me) {
            return at(Rule::NeedsEvicts, by);
        }
    }
    if let Some(other) = shut_together(analysis, me, e, to) {
        return at(Rule::ConflictingGates, other);
    }
    if let Some(by) = cycle::closes(cells, me) {
        if by.edge as usize == e && by.target as usize == t {
            return at(Rule::Cycle, to);
        }
    }
    None
}

/// Whether this target alone makes sure that the edge never holds, whatever the gates do.
const fn never_holds(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, t: usize) -> bool {
    if !never(analysis, me, edge, t) {
        return false;
    }
    if every(edge) {
        return true;
    }
    // Of an `any` watch, a target that cannot help is odd, but the others may do; said once, at the first.
    if t != 0 {
        return false;
    }
    let mut other = 1;
    while other < edge.targets.len() {
        if !never(analysis, me, edge, other) {
            return false;
        }
        other += 1;
    }
    true
}

const fn never(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, t: usize) -> bool {
    match target(analysis, edge, t) {
        Some(to) if to != me => {
            // That a service ends is also up to its operator: a reaction may well be to that.
            let asks = ask(edge);
            (stage(edge).is_some() || !asks.state.is(State::Exit))
                && !can_ever(analysis.graph, analysis.cells, to, asks)
        }
        _ => false,
    }
}

/// The edge by which service `to` leaves Run as soon as service `me` is in Run, if there is one.
const fn repels(analysis: &Analysis<'_>, to: usize, me: usize) -> Option<usize> {
    let edges = analysis.graph.nodes[to].edges;
    let mut e = 0;
    while e < edges.len() {
        let edge = &edges[e];
        let leaves = matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop | Effect::Exit));
        let ask = ask(edge);
        if leaves
            && matches!((ask.action, ask.state), (Action::Entering, State::Run))
            && (!every(edge) || edge.targets.len() == 1)
        {
            let mut t = 0;
            while t < edge.targets.len() {
                if let Some(at) = target(analysis, edge, t) {
                    if at == me {
                        return Some(e);
                    }
                }
                t += 1;
            }
        }
        e += 1;
    }
    None
}

/// What is known of a service at the instant at which certain gates are open.
#[derive(Clone, Copy)]
struct Known {
    /// The states it may be in, as bits.
    may: u8,
    /// The states it has been in and left, as bits.
    left: u8,
}

const ALL_STATES: u8 = 0b11_1111;

impl Known {
    /// What is known of service `at` without any gate.
    const fn of(analysis: &Analysis<'_>, at: usize) -> Known {
        let facts = analysis.cells[at].facts & FALLS | INIT | RUN;
        let mut may = 0;
        let mut i = 0;
        while i < State::ALL.len() {
            if reach::enters(analysis.graph, at, facts, State::ALL[i]) {
                may |= State::ALL[i].bit();
            }
            i += 1;
        }
        Known { may, left: 0 }
    }

    /// What is known when this has come true as well.
    const fn and(self, ask: reach::Ask) -> Known {
        let bit = ask.state.bit();
        let Known { may, left } = self;
        if ask.well {
            return Known { may: may & bit, left: ALL_STATES & !bit };
        }
        match ask.action {
            Action::Entering => Known { may: may & bit, left },
            Action::NotIn => Known { may: may & !bit, left },
            Action::Exited => Known { may: may & !bit & !State::Unknown.bit(), left: left | bit },
            Action::Changing => self,
        }
    }

    /// Whether what is asked holds for certain.
    const fn implies(self, ask: reach::Ask) -> bool {
        let bit = ask.state.bit();
        match ask.action {
            Action::Entering => self.may == bit,
            Action::NotIn => self.may & bit == 0,
            Action::Exited => {
                // The states in which one can only be after having left the one in question.
                let later = match ask.state {
                    State::Unknown => ALL_STATES & !bit,
                    State::Init => State::Idle.bit() | State::Run.bit() | State::Stop.bit(),
                    State::Idle => State::Run.bit(),
                    State::Run | State::Stop | State::Exit => 0,
                };
                self.may & bit == 0 && (self.left & bit != 0 || self.may & !later == 0)
            }
            Action::Changing => false,
        }
    }
}

/// What the first `count` edges of service `me`, as far as they are gates of this stage, make sure of
/// about service `at`; and the last of them that says anything about it.
const fn gates_say(analysis: &Analysis<'_>, me: usize, count: usize, at: usize, when: Stage) -> (Known, usize) {
    let edges = analysis.graph.nodes[me].edges;
    let mut known = Known::of(analysis, at);
    let mut last = NONE as usize;
    let mut e = 0;
    while e < count {
        let edge = &edges[e];
        if is_at(edge, when) && every(edge) {
            let mut t = 0;
            while t < edge.targets.len() {
                if let Some(to) = target(analysis, edge, t) {
                    if to == at {
                        known = known.and(ask(edge));
                        last = e;
                    }
                }
                t += 1;
            }
        }
        e += 1;
    }
    (known, last)
}

/// The earlier gate of service `me` that cannot be open while its gate `e` is, because of what both ask of `to`.
const fn shut_together(analysis: &Analysis<'_>, me: usize, e: usize, to: usize) -> Option<usize> {
    let edge = &analysis.graph.nodes[me].edges[e];
    let Some(when) = stage(edge) else { return None };
    if analysis.cells[me].facts & REPEATS == 0 || e == 0 || !every(edge) || !comparable(analysis, me, edge) {
        return None;
    }
    let (before, other) = gates_say(analysis, me, e, to, when);
    if other != NONE as usize && before.may != 0 && before.and(ask(edge)).may == 0 { Some(other) } else { None }
}

/// Whether a reaction holds whenever service `me` has just passed its gates before Run.
const fn contradiction(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> Option<Finding> {
    let edges = analysis.graph.nodes[me].edges;
    let asks = ask(edge);
    let mut by = NONE as usize;
    let mut t = 0;
    while t < edge.targets.len() {
        let mut implied = false;
        if let Some(to) = target(analysis, edge, t) {
            if to != me {
                let (known, last) = gates_say(analysis, me, edges.len(), to, Stage::Run);
                implied = known.may != 0 && known.implies(asks);
                if implied && last != NONE as usize && !Known::of(analysis, to).implies(asks) {
                    by = last;
                }
            }
        }
        if implied != every(edge) {
            if !implied {
                return None;
            }
            break;
        }
        t += 1;
    }
    if t == edge.targets.len() && !every(edge) {
        return None;
    }
    let t = if every(edge) { 0 } else { t };
    if by == NONE as usize { at(Rule::ReactionAlwaysTrue, t) } else { at(Rule::ReactionContradictsGate, by) }
}
