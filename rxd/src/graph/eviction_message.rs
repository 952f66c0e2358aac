//! The messages about services that are not in Run together, and about services that end too early.
//!
//! [`message`](super::message) writes what comes before: ``service `a` of daemon `D` ``.

use super::eviction::{Eviction, ended_dependency, evicted_dependency, evicting_edge, excluded_dependency};
use super::eviction_cycle::eviction_cycle;
use super::model::{Edge, Keyword};
use super::need_search::FoundServices;
use super::phrase::write_watch;
use super::reach::{GateStage, condition_of, is_gate_at};
use super::rule::Rule;
use super::rules::{FaultPosition, RuleViolation};
use super::table::{Analysis, NO_INDEX, target_service};
use crate::lifecycle::state::{Action, State};
use crate::text::Text;

pub(super) const fn write_eviction(
    text: &mut Text,
    analysis: &Analysis<'_>,
    edge: &Edge<'_>,
    place: FaultPosition,
    RuleViolation { rule, other }: RuleViolation,
) {
    let nodes = analysis.graph.nodes;
    let FaultPosition { service: me, edge: e, target: t } = place;
    let name = nodes[me].name;
    match rule {
        Rule::NeedsEvicts => {
            if let Some(eviction) = evicted_dependency(analysis, me, e, t) {
                write_needs_evicts(text, analysis, place, &eviction);
            }
        }
        Rule::MutualEviction if other == NO_INDEX as usize => write_eviction_cycle(text, analysis, place),
        Rule::MutualEviction => {
            if let Some(to) = target_service(analysis, edge, t) {
                text.push("can never be in Run together with ");
                text.quote(nodes[to].name);
                text.push(": ");
                write_watch(text, edge);
                text.push(" and, on ");
                text.quote(nodes[to].name);
                text.push(", ");
                write_watch(text, &nodes[to].edges[other]);
                text.push(" take both out, and then both start again");
                text.push("\nhelp: keep one of the two, and beside it a gate: `#[watch(any, not_in, Run, \"");
                text.push(nodes[to].name);
                text.push("\")]`");
            }
        }
        Rule::NeedsExclusive => {
            if let Some(excluded) = excluded_dependency(analysis, me, e, t) {
                let (to, other) = (nodes[excluded.exclusion.other].name, nodes[excluded.exclusion.service].name);
                write_need(text, edge, edge.targets[t].text);
                write_links(text, analysis, &excluded.found, excluded.nth);
                text.push(if excluded.nth > 0 { ", and " } else { " and " });
                let (other_edge, other_target) = excluded.other_target;
                text.quote(nodes[me].edges[other_edge].targets[other_target].text);
                write_links(text, analysis, &excluded.other_found, excluded.other_nth);
                text.push(", but ");
                text.quote(other);
                text.push(" is in Run only while ");
                text.quote(to);
                text.push(" is not: ");
                write_watch(text, &nodes[excluded.exclusion.service].edges[excluded.exclusion.gate]);
                text.push(" holds it back, and ");
                write_watch(text, &nodes[excluded.exclusion.service].edges[excluded.exclusion.reaction]);
                text.push(" takes it out\nhelp: ");
                if excluded.nth + excluded.other_nth > 0 {
                    text.push("remove one of these dependencies");
                } else {
                    text.push("to run with one of the two, write ");
                    write_pair(text, "any, entering", to, other, ")]` and ");
                    write_pair(text, "all, not_in", to, other, ", then(stop))]`");
                }
            }
        }
        Rule::NeedsEnded => {
            if let Some(ended) = ended_dependency(analysis, me, e, t) {
                let to = edge.targets[t].text;
                let ends = if ended.nth == 0 { to } else { nodes[ended.service()].name };
                write_need(text, edge, to);
                write_links(text, analysis, &ended.found, ended.nth);
                text.push(if ended.nth == 0 { " in Run, but " } else { ", but " });
                write_watch(text, &nodes[ended.service()].edges[ended.reaction]);
                text.push(" ends ");
                text.quote(ends);
                text.push(" by the time ");
                write_watch(text, &nodes[me].edges[ended.gate]);
                text.push(" lets ");
                text.quote(name);
                text.push(" in\nhelp: remove one of ");
                text.push(if ended.nth == 0 { "the three" } else { "these" });
                text.push(", or let ");
                text.quote(ends);
                text.push(" end later");
            }
        }
        Rule::ExitBeforeRun => write_exit_before_run(
            text,
            edge,
            if other == NO_INDEX as usize { None } else { Some(&nodes[me].edges[other]) },
        ),
        _ => {}
    }
}

/// ``needs `db` ``, and which watches stand for it if it is not written as that.
const fn write_need(text: &mut Text, edge: &Edge<'_>, to: &str) {
    text.push("needs ");
    text.quote(to);
    if !matches!(edge.keyword, Keyword::Needs) {
        text.push(" (by ");
        write_watch(text, edge);
        text.push(" and a reaction)");
    }
}

/// ``, which needs `db` ``, for each step from the first service to the `nth`.
const fn write_links(text: &mut Text, analysis: &Analysis<'_>, found: &FoundServices, nth: usize) {
    let mut i = 1;
    while i <= found.links(nth) {
        text.push(", which needs ");
        text.quote(analysis.graph.nodes[found.link(nth, i)].name);
        i += 1;
    }
}

const fn write_eviction_cycle(text: &mut Text, analysis: &Analysis<'_>, place: FaultPosition) {
    let FaultPosition { service: me, edge: e, target: t } = place;
    let Some(cycle) = eviction_cycle(analysis, me, e, t) else { return };
    let (nodes, links) = (analysis.graph.nodes, cycle.found.links(cycle.nth));
    text.push("can never stay in Run together with ");
    let mut i = 0;
    while i <= links {
        if i > 0 {
            text.push(if i == links { " and " } else { ", " });
        }
        text.quote(nodes[cycle.found.link(cycle.nth, i)].name);
        i += 1;
    }
    text.push(": they take each other out in a cycle, and then start again");
    let (mut at, mut i) = (me, 0);
    while i <= links + 1 {
        let next = if i <= links { cycle.found.link(cycle.nth, i) } else { me };
        if let Some(edge) = evicting_edge(analysis, at, next) {
            text.push("\n  ");
            text.quote(nodes[at].name);
            text.push(" leaves Run because of ");
            text.quote(nodes[next].name);
            text.push(": ");
            write_watch(text, &nodes[at].edges[edge]);
        }
        at = next;
        i += 1;
    }
    text.push("\nhelp: remove one of these reactions");
}

const fn write_needs_evicts(text: &mut Text, analysis: &Analysis<'_>, place: FaultPosition, eviction: &Eviction) {
    let nodes = analysis.graph.nodes;
    let edge = &nodes[place.service].edges[place.edge];
    // As it is written, if it is the target itself.
    let (to, links) = (edge.targets[place.target].text, eviction.found.links(eviction.nth));
    let evicted = if links == 0 { to } else { nodes[eviction.evicted()].name };
    write_need(text, edge, to);
    write_links(text, analysis, &eviction.found, eviction.nth);
    text.push(if links == 0 { " in Run, but " } else { ", but " });
    write_watch(text, &nodes[eviction.evicted()].edges[eviction.edge]);
    text.push(" takes ");
    text.quote(evicted);
    text.push(" out of Run as soon as ");
    text.quote(nodes[place.service].name);
    text.push(" is in Run\nhelp: remove ");
    text.push(if links == 0 { "one of the two" } else { "that reaction, or one of these dependencies" });
}

const fn write_exit_before_run(text: &mut Text, edge: &Edge<'_>, gate: Option<&Edge<'_>>) {
    let condition = condition_of(edge);
    let Some(gate) = gate else {
        text.push("ends before its Init: ");
        write_watch(text, edge);
        text.push(" holds from the start, when every service is in Unknown\nhelp: react to what comes later");
        match (condition.action, condition.state) {
            (Action::NotIn, State::Exit) => {}
            (_, state) => {
                text.push(", such as `exited, ");
                text.push(state.name());
                text.push("`");
            }
        }
        return;
    };
    text.push(if is_gate_at(gate, GateStage::Init) { "ends before its Init: " } else { "ends before its Run: " });
    write_watch(text, edge);
    text.push(" comes true before ");
    write_watch(text, gate);
    text.push(" lets it in\nhelp: ");
    let asked = condition_of(gate);
    match (asked.action, asked.state) {
        (Action::Entering, State::Init | State::Idle | State::Run | State::Stop) => {
            text.push("react to what comes later, such as `exited, ");
            text.push(asked.state.name());
            text.push("`");
        }
        _ => text.push("remove one of the two"),
    }
}

/// A watch about the Run of two services: `` `#[watch(any, entering, Run, "a", "b") ``.
const fn write_pair(text: &mut Text, words: &str, a: &str, b: &str, end: &str) {
    text.push("`#[watch(");
    text.push(words);
    text.push(", Run, \"");
    text.push(a);
    text.push("\", \"");
    text.push(b);
    text.push("\"");
    text.push(end);
}
