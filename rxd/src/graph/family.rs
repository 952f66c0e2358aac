//! Families: nodes that stand for any number of services, `worker-0`, `worker-1` and so on.
//!
//! How many members a family has is known at run time only, and may change. So a watch names the
//! family, no other service has a name that a member may get, and what a watch asks of a family is
//! looked at as if the family were one service.

use super::model::{Edge, Graph, Keyword, Mode};
use super::reach::requires_all;
use super::table::{Analysis, NodeEntry, next_family, same_text};
use crate::text::Text;

/// Whether a name is one that a member of a family with this stem may have: `worker-17`.
pub(crate) const fn is_member_name(stem: &str, name: &str) -> bool {
    let (stem, name) = (stem.as_bytes(), name.as_bytes());
    if name.len() < stem.len() + 2 || name[stem.len()] != b'-' {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        let is_part = if i < stem.len() { name[i] == stem[i] } else { i == stem.len() || name[i].is_ascii_digit() };
        if !is_part {
            return false;
        }
        i += 1;
    }
    true
}

/// The family of which a member may have this name.
pub(super) const fn of_member(graph: &Graph<'_>, entries: &[NodeEntry], name: &str) -> Option<usize> {
    let mut next = next_family(entries, 0);
    while let Some(i) = next {
        if let Some(stem) = graph.nodes[i].family {
            if is_member_name(stem, name) {
                return Some(i);
            }
        }
        next = next_family(entries, i + 1);
    }
    None
}

/// The family whose members may have the name of service `me`; or an earlier one whose members have
/// the names of those of family `me`.
pub(super) const fn taken_names(analysis: &Analysis<'_>, me: usize) -> Option<usize> {
    let Analysis { graph, entries, .. } = *analysis;
    let found = of_member(graph, entries, graph.nodes[me].name);
    if found.is_some() {
        return found;
    }
    let Some(own) = graph.nodes[me].family else { return None };
    let mut next = next_family(entries, 0);
    while let Some(i) = next {
        if i >= me {
            return None;
        }
        if let Some(stem) = graph.nodes[i].family {
            if same_text(stem, own) {
                return Some(i);
            }
        }
        next = next_family(entries, i + 1);
    }
    None
}

/// Whether the edge asks its condition of service `at`, one of its targets, in any case; and of each
/// of its members, if it is a family.
pub(super) const fn asks_each(analysis: &Analysis<'_>, edge: &Edge<'_>, at: usize) -> bool {
    let is_any = matches!((edge.keyword, edge.mode), (Keyword::Watch, Mode::Any));
    requires_all(edge) && !(is_any && analysis.graph.nodes[at].family.is_some())
}

/// Writes that the members of family `other` have the name of service `me`, or of its members.
pub(super) const fn write_taken_name(text: &mut Text, analysis: &Analysis<'_>, me: usize, other: usize) {
    let (node, family) = (&analysis.graph.nodes[me], &analysis.graph.nodes[other]);
    let stem = match family.family {
        Some(stem) => stem,
        None => "",
    };
    let is_of_both = match node.family {
        Some(own) => me != other && same_text(own, stem),
        None => false,
    };
    if is_of_both {
        text.push("families ");
        text.quote(family.name);
        text.push(" and ");
        text.quote(node.name);
        text.push(" of daemon ");
        text.quote(analysis.graph.daemon);
        text.push(" both have a member `");
        text.push(stem);
        text.push("-0`\nhelp: give the members of one of them other names: `#[service(name = \"..\")]` on the field");
        return;
    }
    text.push("service ");
    text.quote(node.name);
    text.push(" of daemon ");
    text.quote(analysis.graph.daemon);
    text.push(" has the name of a member of family ");
    text.quote(family.name);
    text.push(", whose members are `");
    text.push(stem);
    text.push("-0`, `");
    text.push(stem);
    text.push("-1` and so on\nhelp: rename it");
}

/// Writes what follows the name of a member that a watch names.
pub(super) const fn write_member_help(text: &mut Text, family: &str) {
    text.push(", a member of family ");
    text.quote(family);
    text.push(", and members come and go\nhelp: name the family: `\"");
    text.push(family);
    text.push("\"`");
}
