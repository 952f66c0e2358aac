//! What each rule says when it is violated.
//!
//! A message is a line that says what is wrong and names everybody involved, and a line `help: ..`
//! that says what to write instead.

use super::model::Edge;
use super::phrase::{List, form, opposite, verb, wish};
use super::reach::{Stage, ask, every, stage};
use super::rule::Rule;
use super::rules::Finding;
use super::table::{Analysis, Found, NONE, find, next_of_type};
use super::{cycle, name, suggest};
use crate::lifecycle::state::{Action, State};
use crate::text::Text;

/// How many waits of a cycle are listed; of a longer one, those in the middle are left out.
const MOST_WAITS: usize = 40;

/// Where something was found: the service, its edge, the edge's target; as far as they matter.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) service: usize,
    pub(super) edge: usize,
    pub(super) target: usize,
}

/// The whole message.
pub(super) const fn of(analysis: &Analysis<'_>, place: Place, finding: Finding) -> Text {
    let mut text = Text::new();
    write(&mut text, analysis, place, finding);
    text
}

const fn write(text: &mut Text, analysis: &Analysis<'_>, place: Place, Finding { rule, other }: Finding) {
    let nodes = analysis.graph.nodes;
    let Place { service: me, edge: e, .. } = place;
    match rule {
        Rule::NoServices => {
            daemon(text, analysis);
            text.push(" has no services\nhelp: give it at least one");
        }
        Rule::EmptyName | Rule::InvalidName => {
            match rule {
                Rule::EmptyName => the(text, analysis, me),
                _ => service(text, analysis, me),
            }
            text.push(" of ");
            daemon(text, analysis);
            text.push(": ");
            name::write(text, nodes[me].name);
        }
        Rule::DuplicateName => {
            the(text, analysis, other);
            text.push(" and ");
            the(text, analysis, me);
            text.push(" of ");
            daemon(text, analysis);
            text.push(" are both called ");
            text.quote(nodes[me].name);
            if let (Some(service_type), false) = (nodes[other].service_type, of_one_type(analysis, other, me)) {
                // The compiler shows where the second one is.
                text.push("\n  the first is declared at ");
                text.push(service_type.declared_at.file());
                text.push(":");
                text.number(service_type.declared_at.line() as usize);
                text.push(":");
                text.number(service_type.declared_at.column() as usize);
            }
            text.push("\nhelp: rename one of them, on its field if it is one type twice: `#[service(name = \"..\")]`");
        }
        Rule::UnknownService | Rule::UnknownType => unknown(text, analysis, place),
        Rule::Cycle => cycle_of_gates(text, analysis, me),
        _ => {
            service(text, analysis, me);
            text.push(" of ");
            daemon(text, analysis);
            text.push(" ");
            of_watch(text, analysis, &nodes[me].edges[e], place, Finding { rule, other });
        }
    }
}

/// What follows "service `a` of daemon `D` ".
const fn of_watch(text: &mut Text, analysis: &Analysis<'_>, edge: &Edge<'_>, place: Place, finding: Finding) {
    let nodes = analysis.graph.nodes;
    let Place { service: me, target: t, .. } = place;
    let Finding { rule, other } = finding;
    match rule {
        Rule::NoTargets => {
            text.push("has ");
            form(text, edge);
            text.push(" without a service to watch\nhelp: name at least one, or remove it");
        }
        Rule::WithinWithoutGate => {
            text.push("sets `within` on ");
            form(text, edge);
            text.push(
                ", which is not a gate\nhelp: remove `within`, or make it a gate with `then(init)` or `then(run)`",
            );
        }
        Rule::DuplicateWatch => {
            text.push("has the same watch twice: ");
            form(text, &nodes[me].edges[other]);
            text.push(" and ");
            form(text, edge);
            text.push("\nhelp: remove one of the two");
        }
        Rule::DuplicateStream => {
            text.push("has two streams called ");
            text.quote(edge.stream);
            text.push("\nhelp: rename one of them");
        }
        Rule::ReactionContradictsGate => {
            text.push("can never stay in Run: ");
            form(text, edge);
            text.push(" takes it out whenever ");
            form(text, &nodes[me].edges[other]);
            text.push(" lets it in");
            text.push("\nhelp: react to the opposite, such as ");
            opposite(text, ask(&nodes[me].edges[other]));
        }
        Rule::ReactionAlwaysTrue => {
            text.push("can never stay in Run: ");
            form(text, edge);
            text.push(" always holds, because under its manager ");
            text.quote(edge.targets[other].text);
            text.push(" is never in ");
            text.push(edge.state.name());
            text.push("\nhelp: watch a state that it enters, or change its manager");
        }
        Rule::AmbiguousType => {
            verb(text, edge);
            text.quote(edge.targets[t].text);
            text.push(", which is the type of several services\nhelp: name the one you mean: ");
            let mut list = List::new(text);
            let mut at = next_of_type(analysis.graph, analysis.cells, &edge.targets[t], NONE);
            while at != NONE {
                list.push(nodes[at as usize].name);
                at = next_of_type(analysis.graph, analysis.cells, &edge.targets[t], at);
            }
            list.end();
        }
        Rule::DuplicateTarget => {
            verb(text, edge);
            text.quote(edge.targets[t].text);
            if edge.targets[t].by_type != edge.targets[other].by_type {
                text.push(" twice, also as ");
                text.quote(edge.targets[other].text);
                text.push("\nhelp: remove one of the two");
            } else {
                text.push(" twice\nhelp: remove one of the two");
            }
        }
        Rule::SelfWatch => {
            if stage(edge).is_some() {
                text.push("waits for itself");
            } else {
                text.push("watches itself");
            }
            text.push(": ");
            form(text, edge);
            text.push("\nhelp: name another service; what a service does in its own states goes into its methods");
        }
        Rule::WatchNeverTrue => never_holds(text, analysis, edge, other),
        Rule::NeedsOneShot => {
            text.push("needs ");
            text.quote(nodes[other].name);
            text.push(" in Run, but ");
            text.quote(nodes[other].name);
            text.push(" ends by design: once its Run returns `Ok` it goes to Exit\nhelp: to start after it has completed, write `#[after(\"");
            text.push(nodes[other].name);
            text.push("\")]`");
        }
        Rule::AfterNeverCompletes => {
            text.push("comes after ");
            text.quote(nodes[other].name);
            text.push(", but ");
            text.quote(nodes[other].name);
            text.push(" never completes: its manager does not go to Exit when Run returns `Ok`");
            text.push("\nhelp: to run while it runs, write `#[needs(\"");
            text.push(nodes[other].name);
            text.push("\")]`; to let it complete, set `manager = \"until_success\"` on it");
        }
        Rule::NeedsEvicts => {
            let to = edge.targets[t].text;
            text.push("needs ");
            text.quote(to);
            text.push(" in Run, but ");
            form(text, &nodes[target(analysis, edge, t)].edges[other]);
            text.push(" takes ");
            text.quote(to);
            text.push(" out of Run as soon as ");
            text.quote(nodes[me].name);
            text.push(" is in Run\nhelp: remove one of the two");
        }
        Rule::ConflictingGates => {
            text.push("can never start: ");
            form(text, &nodes[me].edges[other]);
            text.push(" and ");
            form(text, edge);
            text.push(" never hold at the same time");
            text.push("\nhelp: remove one of the two, or let one of them wait before another state: `then(init)`");
        }
        _ => {}
    }
}

const fn never_holds(text: &mut Text, analysis: &Analysis<'_>, edge: &Edge<'_>, to: usize) {
    let ask = ask(edge);
    let gate = stage(edge).is_some();
    text.push(if gate { "waits for " } else { "watches for " });
    wish(text, edge, analysis.graph.nodes[to].name);
    text.push(", but ");
    if matches!((ask.action, ask.state), (Action::Exited, State::Exit)) {
        text.push("a service never leaves Exit by itself\nhelp: to wait for its end, write `entering, Exit`");
        return;
    }
    text.push("the manager of ");
    text.quote(analysis.graph.nodes[to].name);
    text.push(" never goes to ");
    text.push(ask.state.name());
    if ask.state.is(State::Exit) {
        text.push(
            "\nhelp: wait for another state, or let it end: `manager = \"until_success\"` or `restarts(..)` on it",
        );
    } else {
        text.push("\nhelp: wait for another state, or give it another manager");
    }
}

const fn unknown(text: &mut Text, analysis: &Analysis<'_>, place: Place) {
    let nodes = analysis.graph.nodes;
    let edge = &nodes[place.service].edges[place.edge];
    let target = &edge.targets[place.target];
    service(text, analysis, place.service);
    text.push(" ");
    verb(text, edge);
    if target.by_type {
        text.push("type ");
    }
    text.quote(target.text);
    text.push(", but ");
    daemon(text, analysis);
    text.push(if target.by_type { " has no field of that type" } else { " has no service of that name" });
    text.push("\nhelp: ");
    let mut nearest = "";
    let mut least = usize::MAX;
    let mut i = 0;
    while i < nodes.len() {
        let name = shown(analysis, i, target.by_type);
        if i != place.service {
            if let Some(edits) = suggest::edits(target.text, name) {
                if edits < least {
                    (nearest, least) = (name, edits);
                }
            }
        }
        i += 1;
    }
    if !nearest.is_empty() {
        text.push("did you mean ");
        text.quote(nearest);
        text.push("? ");
    }
    text.push(if target.by_type { "it has types " } else { "it has: " });
    let mut list = List::new(text);
    let mut i = 0;
    while i < nodes.len() {
        let name = shown(analysis, i, target.by_type);
        if !name.is_empty() {
            list.push(name);
        }
        i += 1;
    }
    list.end();
}

/// What a service is called where a name, or a type, is asked for.
const fn shown<'a>(analysis: &Analysis<'a>, at: usize, by_type: bool) -> &'a str {
    match analysis.graph.nodes[at].service_type {
        Some(service_type) if by_type => service_type.text,
        None if by_type => "",
        _ => analysis.graph.nodes[at].name,
    }
}

const fn cycle_of_gates(text: &mut Text, analysis: &Analysis<'_>, me: usize) {
    let nodes = analysis.graph.nodes;
    let count = cycle::length(analysis.cells, me);
    daemon(text, analysis);
    text.push(" can never start ");
    text.quote(nodes[me].name);
    text.push(": it waits for itself in a cycle of ");
    text.number(count);
    text.push(" gates");
    let mut i = 0;
    while i < count {
        if count > MOST_WAITS && i == MOST_WAITS - 1 {
            text.push("\n  .. and ");
            text.number(count - MOST_WAITS);
            text.push(" more ..");
            i = count - 1;
        }
        let (who, by) = cycle::wait(analysis.cells, me, i);
        let edge = &nodes[who].edges[by.edge as usize];
        text.push("\n  ");
        text.quote(nodes[who].name);
        text.push(match stage(edge) {
            Some(Stage::Init) => " waits before Init for ",
            _ => " waits before Run for ",
        });
        wish(text, edge, nodes[target(analysis, edge, by.target as usize)].name);
        if !every(edge) {
            text.push(" (no other alternative can be satisfied either)");
        }
        text.push(": ");
        form(text, edge);
        i += 1;
    }
    text.push("\nhelp: remove one of these, or wait for a state that comes before the gate of the other");
}

const fn target(analysis: &Analysis<'_>, edge: &Edge<'_>, t: usize) -> usize {
    match find(analysis.graph, analysis.cells, &edge.targets[t]) {
        Found::One(at) => at,
        Found::None | Found::Many => 0,
    }
}

const fn daemon(text: &mut Text, analysis: &Analysis<'_>) {
    text.push("daemon ");
    text.quote(analysis.graph.daemon);
}

const fn service(text: &mut Text, analysis: &Analysis<'_>, at: usize) {
    text.push("service ");
    text.quote(analysis.graph.nodes[at].name);
}

const fn of_one_type(analysis: &Analysis<'_>, a: usize, b: usize) -> bool {
    match (analysis.graph.nodes[a].service_type, analysis.graph.nodes[b].service_type) {
        (Some(a), Some(b)) => a.id == b.id,
        _ => false,
    }
}

/// A service that its name does not tell from others: "service 3 (`Health`)".
const fn the(text: &mut Text, analysis: &Analysis<'_>, at: usize) {
    text.push("service ");
    text.number(at + 1);
    if let Some(service_type) = analysis.graph.nodes[at].service_type {
        text.push(" (");
        text.quote(service_type.text);
        text.push(")");
    }
}
