//! The message of each rule.
//!
//! A message is a line that says what is wrong and names every service that takes part, further
//! lines with two blanks in front, and a line `help: ..` that says what to write instead. Which
//! service or edge [`RuleViolation::other`] is depends on the rule: see [`rules`](super::rules).
//!
//! All of it is `const fn`, so a text is put together piece by piece and there is no `format!`.

use super::eviction_message::write_eviction;
use super::model::{Edge, Keyword, ServiceType};
use super::phrase::{NameList, write_condition, write_opposite, write_verb, write_watch};
use super::reach::{GateStage, condition_of, gate_stage, requires_all};
use super::rule::Rule;
use super::rules::{FaultPosition, RuleViolation};
use super::table::{Analysis, NO_INDEX, next_of_type, same_text, target_service};
use super::{cycle, family, name, source, suggest};
use crate::lifecycle::state::{Action, State};
use crate::text::Text;
use std::time::Duration;

/// How many gates of a cycle are listed; of a longer one, those in the middle are left out.
const MAX_LISTED_GATES: usize = 40;

/// The message about this violation.
pub(super) const fn message_for(analysis: &Analysis<'_>, place: FaultPosition, violation: RuleViolation) -> Text {
    let mut text = Text::new();
    write_message(&mut text, analysis, place, violation);
    text
}

/// Writes the message about this violation.
pub(super) const fn write_message(
    text: &mut Text,
    analysis: &Analysis<'_>,
    place: FaultPosition,
    RuleViolation { rule, other }: RuleViolation,
) {
    let nodes = analysis.graph.nodes;
    let FaultPosition { service: me, edge: e, .. } = place;
    match rule {
        Rule::NoServices => {
            write_daemon(text, analysis);
            text.push(" has no services\nhelp: give it at least one");
        }
        Rule::EmptyName | Rule::InvalidName => {
            match rule {
                Rule::EmptyName => write_numbered_service(text, analysis, me),
                _ => write_service(text, analysis, me),
            }
            text.push(" of ");
            write_daemon(text, analysis);
            text.push(": ");
            name::write(text, nodes[me].name);
        }
        Rule::DuplicateName => {
            write_numbered_service(text, analysis, other);
            text.push(" and ");
            write_numbered_service(text, analysis, me);
            text.push(" of ");
            write_daemon(text, analysis);
            text.push(" are both called ");
            text.quote(nodes[me].name);
            if let (Some(service_type), false) = (nodes[other].service_type, of_one_type(analysis, other, me)) {
                // The compiler shows where the second one is.
                text.push("\n  the first is declared at ");
                write_place(text, service_type);
            }
            text.push("\nhelp: rename one of them, on its field if it is one type twice: `#[service(name = \"..\")]`");
        }
        Rule::MemberName => family::write_taken_name(text, analysis, me, other),
        Rule::UnknownService | Rule::UnknownType => write_unknown_target(text, analysis, place),
        Rule::Cycle => write_cycle(text, analysis, me),
        _ => {
            write_service(text, analysis, me);
            text.push(" of ");
            write_daemon(text, analysis);
            text.push(" ");
            write_watch_fault(text, analysis, &nodes[me].edges[e], place, RuleViolation { rule, other });
        }
    }
}

const fn write_time(text: &mut Text, time: Option<Duration>) {
    if let Some(time) = time {
        text.duration(time);
    }
}

/// What follows ``service `a` of daemon `D` ``.
const fn write_watch_fault(
    text: &mut Text,
    analysis: &Analysis<'_>,
    edge: &Edge<'_>,
    place: FaultPosition,
    violation: RuleViolation,
) {
    let nodes = analysis.graph.nodes;
    let FaultPosition { service: me, target: t, .. } = place;
    let RuleViolation { rule, other } = violation;
    match rule {
        Rule::NoTargets => {
            text.push("has ");
            write_watch(text, edge);
            text.push(" without a service to watch\nhelp: name at least one, or remove it");
        }
        Rule::WithinWithoutGate => {
            text.push("sets `within` on ");
            write_watch(text, edge);
            text.push(
                ", which is not a gate\nhelp: remove `within`, or make it a gate with `then(init)` or `then(run)`",
            );
        }
        Rule::LastsOnChanging => {
            text.push("sets `lasts` on ");
            write_watch(text, edge);
            text.push(", which comes true for an instant only\nhelp: remove `lasts`, or write `entering`, `exited` or `not_in`");
        }
        Rule::LastsOnStream => {
            text.push("sets `lasts` on ");
            write_watch(text, edge);
            text.push(", which is a stream\nhelp: remove `lasts`, or make it a gate or a reaction");
        }
        Rule::LastsExceedsWithin => {
            text.push("can never pass ");
            write_watch(text, edge);
            text.push(": `lasts` is ");
            write_time(text, edge.lasts);
            text.push(", and `within` is ");
            write_time(text, edge.within);
            text.push("\nhelp: make `within` longer, or `lasts` shorter");
        }
        Rule::DuplicateWatch => {
            text.push("has the same watch twice: ");
            write_watch(text, &nodes[me].edges[other]);
            text.push(" and ");
            write_watch(text, edge);
            text.push("\nhelp: remove one of the two");
        }
        Rule::DuplicateStream => {
            text.push("has two streams called ");
            text.quote(edge.stream);
            text.push("\nhelp: rename one of them");
        }
        Rule::ReactionContradictsGate => {
            text.push("reacts to what it waits for: ");
            write_watch(text, edge);
            text.push(" fires as soon as ");
            write_watch(text, &nodes[me].edges[other]);
            text.push(" lets it in");
            text.push("\nhelp: react to the opposite, such as ");
            write_opposite(text, &nodes[me].edges[other]);
        }
        Rule::ReactionAlwaysTrue => {
            text.push("has a reaction that fires only once, at the start: ");
            write_watch(text, edge);
            text.push(" always holds, because under its manager ");
            text.quote(edge.targets[other].text);
            text.push(" is never in ");
            text.push(edge.state.name());
            text.push("\nhelp: watch a state that ");
            text.quote(edge.targets[other].text);
            text.push(" enters, or change its manager");
        }
        Rule::MemberTarget => {
            write_verb(text, edge);
            text.quote(edge.targets[t].text);
            family::write_member_help(text, nodes[other].name);
        }
        Rule::AmbiguousType => {
            write_verb(text, edge);
            text.quote(edge.targets[t].text);
            text.push(", which is the type of several services\nhelp: name the one you mean: ");
            let mut list = NameList::new(text);
            let mut at = next_of_type(analysis.graph, analysis.entries, edge.targets[t].id, NO_INDEX);
            while at != NO_INDEX {
                list.push(nodes[at as usize].name);
                at = next_of_type(analysis.graph, analysis.entries, edge.targets[t].id, at);
            }
            list.end();
        }
        Rule::HiddenParameters => {
            write_verb(text, edge);
            text.quote(edge.targets[t].text);
            text.push(", a generic type, by a name without its parameters\nhelp: write the parameters: `");
            text.push(edge.targets[t].text);
            text.push("<..>`, or name the service: `\"");
            text.push(nodes[other].name);
            text.push("\"`");
        }
        Rule::DuplicateTarget => {
            write_verb(text, edge);
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
            if gate_stage(edge).is_some() {
                text.push("waits for itself");
            } else {
                text.push("watches itself");
            }
            text.push(": ");
            write_watch(text, edge);
            text.push("\nhelp: name another service; what a service does in its own states goes into its methods");
        }
        Rule::WatchNeverTrue => write_never_true(text, analysis, edge, other),
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
        Rule::NeedsEvicts | Rule::MutualEviction | Rule::NeedsExclusive | Rule::NeedsEnded | Rule::ExitBeforeRun => {
            write_eviction(text, analysis, edge, place, violation);
        }
        Rule::ConflictingGates => {
            text.push("can never start: ");
            write_watch(text, &nodes[me].edges[other]);
            text.push(" and ");
            write_watch(text, edge);
            text.push(" never hold at the same time");
            text.push("\nhelp: remove one of the two, or let one of them wait before another state: `then(init)`");
        }
        _ => {}
    }
}

const fn write_never_true(text: &mut Text, analysis: &Analysis<'_>, edge: &Edge<'_>, to: usize) {
    let condition = condition_of(edge);
    let gate = gate_stage(edge).is_some();
    text.push(if gate { "waits for " } else { "watches for " });
    write_condition(text, edge, analysis.graph.nodes[to].name);
    text.push(", but ");
    if matches!((condition.action, condition.state), (Action::Exited, State::Exit)) {
        text.push("a service never leaves Exit by itself\nhelp: to wait for its end, write `entering, Exit`");
        return;
    }
    text.push("the manager of ");
    text.quote(analysis.graph.nodes[to].name);
    text.push(" never goes to ");
    text.push(condition.state.name());
    let ends = condition.state.is(State::Exit);
    text.push("\nhelp: watch another state, or ");
    text.push(if ends { "let " } else { "give " });
    text.quote(analysis.graph.nodes[to].name);
    text.push(match ends {
        true => " end: `manager = \"until_success\"` or `restarts(..)` on it",
        false => " another manager",
    });
}

const fn write_unknown_target(text: &mut Text, analysis: &Analysis<'_>, place: FaultPosition) {
    let nodes = analysis.graph.nodes;
    let edge = &nodes[place.service].edges[place.edge];
    let target = &edge.targets[place.target];
    write_service(text, analysis, place.service);
    text.push(" ");
    write_verb(text, edge);
    if target.by_type {
        text.push("type ");
    }
    text.quote(target.text);
    text.push(", but ");
    if source::is_configured_out(analysis, target) {
        text.push("in ");
        write_daemon(text, analysis);
        text.push(" it is configured out\nhelp: write the watch under the condition of the field: `#[cfg_attr(.., ");
        text.push(match edge.keyword {
            Keyword::Watch => "watch(..))]`",
            Keyword::Needs => "needs(..))]`",
            Keyword::After => "after(..))]`",
        });
        return;
    }
    write_daemon(text, analysis);
    text.push(if target.by_type { " has no field of that type" } else { " has no service of that name" });
    let mut i = 0;
    while target.by_type && i < nodes.len() {
        if let Some(service_type) = nodes[i].service_type {
            if same_text(service_type.text, target.text) {
                text.push(": its ");
                text.quote(target.text);
                if service_type.id == target.id && service_type.is_generic {
                    text.push(" has other parameters");
                } else {
                    text.push(" is another type, declared at ");
                    write_place(text, service_type);
                }
                text.push("\nhelp: name the service: `\"");
                text.push(nodes[i].name);
                text.push("\"`");
                return;
            }
        }
        i += 1;
    }
    text.push("\nhelp: ");
    if let Some(at) = source::field_called(analysis, target) {
        let (field, is_named) = analysis.source.fields[at];
        text.push("field ");
        text.quote(field);
        text.push(" is called ");
        text.quote(nodes[at].name);
        text.push(": write that");
        if !is_named {
            text.push(", or name the field: `#[service(name = \"");
            text.push(target.text);
            text.push("\")]`");
        }
        return;
    }
    let mut nearest = "";
    let mut least = usize::MAX;
    let mut i = 0;
    while i < nodes.len() {
        let name = shown_name(analysis, i, target.by_type);
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
    let mut list = NameList::new(text);
    let mut i = 0;
    while i < nodes.len() {
        let name = shown_name(analysis, i, target.by_type);
        if !name.is_empty() {
            list.push(name);
        }
        i += 1;
    }
    list.end();
}

const fn write_place(text: &mut Text, service_type: ServiceType) {
    text.push(service_type.declared_at.file());
    text.push(":");
    text.number(service_type.declared_at.line() as usize);
    text.push(":");
    text.number(service_type.declared_at.column() as usize);
}

/// The name of a service, or of its type, by what is looked for; empty if it has no type.
const fn shown_name<'a>(analysis: &Analysis<'a>, at: usize, by_type: bool) -> &'a str {
    match analysis.graph.nodes[at].service_type {
        Some(service_type) if by_type => service_type.text,
        None if by_type => "",
        _ => analysis.graph.nodes[at].name,
    }
}

const fn write_cycle(text: &mut Text, analysis: &Analysis<'_>, me: usize) {
    let nodes = analysis.graph.nodes;
    let count = cycle::gate_count(analysis.entries, me);
    write_daemon(text, analysis);
    text.push(" can never start ");
    text.quote(nodes[me].name);
    text.push(", which waits for itself in a cycle of ");
    text.number(count);
    text.push(" gates");
    let mut i = 0;
    while i < count {
        if count > MAX_LISTED_GATES && i == MAX_LISTED_GATES - 1 {
            text.push("\n  .. and ");
            text.number(count - MAX_LISTED_GATES);
            text.push(" more ..");
            i = count - 1;
        }
        let (waits, by) = cycle::nth_gate(analysis.entries, me, i);
        let edge = &nodes[waits].edges[by.edge as usize];
        text.push("\n  ");
        text.quote(nodes[waits].name);
        text.push(match gate_stage(edge) {
            Some(GateStage::Init) => " waits before Init for ",
            _ => " waits before Run for ",
        });
        write_condition(text, edge, nodes[target_index(analysis, edge, by.target as usize)].name);
        if !requires_all(edge) {
            text.push(" (no other alternative can be satisfied either)");
        }
        text.push(": ");
        write_watch(text, edge);
        i += 1;
    }
    text.push(
        "\nhelp: remove one of these gates, or let one wait for a state that comes before the gate of its target",
    );
}

/// The service that this target stands for. The rules that ask for it have found one.
const fn target_index(analysis: &Analysis<'_>, edge: &Edge<'_>, t: usize) -> usize {
    match target_service(analysis, edge, t) {
        Some(at) => at,
        None => 0,
    }
}

const fn write_daemon(text: &mut Text, analysis: &Analysis<'_>) {
    text.push("daemon ");
    text.quote(analysis.graph.daemon);
}

const fn write_service(text: &mut Text, analysis: &Analysis<'_>, at: usize) {
    text.push("service ");
    text.quote(analysis.graph.nodes[at].name);
}

/// Whether both services are of one type.
pub(super) const fn of_one_type(analysis: &Analysis<'_>, a: usize, b: usize) -> bool {
    match (analysis.graph.nodes[a].service_type, analysis.graph.nodes[b].service_type) {
        (Some(a), Some(b)) => a.id == b.id,
        _ => false,
    }
}

/// A service whose name does not identify it, by its number: ``service 3 (`Health`)``.
const fn write_numbered_service(text: &mut Text, analysis: &Analysis<'_>, at: usize) {
    text.push("service ");
    text.number(at + 1);
    if let Some(service_type) = analysis.graph.nodes[at].service_type {
        text.push(" (");
        text.quote(service_type.text);
        text.push(")");
    }
}
