//! A graph as text that other programs draw or read: Mermaid, DOT and JSON.
//!
//! A graph with faults is drawn as well: a picture may be what shows the mistake. The functions are
//! `#[inline]`, so only a program that draws a graph compiles them.

use super::model::{Edge, Effect, Graph, Keyword, Mode};
use super::reach::{GateStage, condition_of, gate_stage};
use super::table::{Lookup, NO_INDEX, NodeEntry, find, next_of_type};
use crate::escape;
use crate::lifecycle::state::Action;
use std::fmt::{self, Write};

/// The end of an arrow.
enum ArrowTarget {
    Service(usize),
    /// The n-th target that the graph does not have: it gets a box of its own.
    Unknown(usize),
}

impl fmt::Display for ArrowTarget {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArrowTarget::Service(n) => write!(f, "s{n}"),
            ArrowTarget::Unknown(n) => write!(f, "u{n}"),
        }
    }
}

/// One arrow of a picture: from a service to one target of one of its watches.
struct DrawnArrow<'a> {
    from: usize,
    to: ArrowTarget,
    edge: &'a Edge<'a>,
    text: &'a str,
    /// Whether it leads to a family.
    to_family: bool,
}

impl DrawnArrow<'_> {
    #[inline]
    fn label(&self) -> String {
        ArrowLabel { edge: self.edge, to_family: self.to_family }.to_string()
    }
}

impl Graph<'_> {
    /// The graph as a [Mermaid](https://mermaid.js.org) flowchart.
    ///
    /// Services are boxes, in the order of their declaration; a family is one box with a double
    /// border. An arrow leads from a service to one
    /// that it watches, and its label says what the watch asks. Gates are solid, reactions dashed,
    /// streams dotted.
    #[must_use]
    #[inline]
    pub fn to_mermaid(&self) -> String {
        let arrows = self.arrows();
        let mut out = format!("---\ntitle: {}\n---\nflowchart LR\n", escape::json(self.daemon));
        for (i, node) in self.nodes.iter().enumerate() {
            let (open, close) = match node.family {
                Some(_) => ("[[", "]]"),
                None if node.optional => ("([", "])"),
                None => ("[", "]"),
            };
            append(&mut out, format_args!("    s{i}{open}\"{}\"{close}\n", escape::mermaid(node.name)));
        }
        for arrow in arrows.iter().filter(|arrow| matches!(arrow.to, ArrowTarget::Unknown(_))) {
            append(&mut out, format_args!("    {}[\"{} ?\"]\n", arrow.to, escape::mermaid(arrow.text)));
        }
        let mut styles = String::new();
        for (i, arrow) in arrows.iter().enumerate() {
            let to = &arrow.to;
            let line = if gate_stage(arrow.edge).is_some() { "-->" } else { "-.->" };
            let label = arrow.label();
            append(&mut out, format_args!("    s{} {line}|\"{}\"| {to}\n", arrow.from, escape::mermaid(&label)));
            if gate_stage(arrow.edge).is_none() && matches!(arrow.edge.effect, Effect::Stream) {
                append(&mut styles, format_args!("    linkStyle {i} stroke-dasharray: 1 3\n"));
            }
        }
        out + &styles
    }

    /// The graph in the DOT language of [Graphviz](https://graphviz.org), drawn as
    /// [`to_mermaid`](Graph::to_mermaid) does.
    #[must_use]
    #[inline]
    pub fn to_dot(&self) -> String {
        let arrows = self.arrows();
        let mut out = format!("digraph {} {{\n    rankdir = LR;\n    node [shape = box];\n", escape::dot(self.daemon));
        for (i, node) in self.nodes.iter().enumerate() {
            let style = match node.family {
                Some(_) => ", peripheries = 2",
                None if node.optional => ", style = rounded",
                None => "",
            };
            append(&mut out, format_args!("    s{i} [label = {}{style}];\n", escape::dot(node.name)));
        }
        for arrow in arrows.iter().filter(|arrow| matches!(arrow.to, ArrowTarget::Unknown(_))) {
            let label = format!("{} ?", arrow.text);
            append(&mut out, format_args!("    {} [label = {}, color = red];\n", arrow.to, escape::dot(&label)));
        }
        for arrow in &arrows {
            let to = &arrow.to;
            let label = arrow.label();
            let style = style(arrow.edge);
            append(
                &mut out,
                format_args!("    s{} -> {to} [label = {}, style = {style}];\n", arrow.from, escape::dot(&label)),
            );
        }
        out + "}\n"
    }

    /// The graph as a JSON object.
    ///
    /// * `daemon`: [`Graph::daemon`], which of a declared daemon is the struct's name as it is
    ///   written.
    /// * `services`: for each its `name` (`db`), its `type` (`Db`, or `null`), whether it is
    ///   `optional`, and its `watches`. A family is one of them, and has in `family` what the names
    ///   of its members begin with (`worker`); a single service has `null` there.
    /// * Of each watch: `keyword`, `mode`, `action`, `state`, `effect`, `completed` (whether it
    ///   asks for an end after a successful Run), `within_ms` (or `null`), `lasts_ms` (or
    ///   `null`; of `needs` its grace), `stream` (or `null`),
    ///   and `targets`, the names of services (`null` for one that does not exist).
    #[must_use]
    #[inline]
    pub fn to_json(&self) -> String {
        let entries = self.entries();
        let mut out = format!("{{\"daemon\":{},\"services\":[", escape::json(self.daemon));
        for (i, node) in self.nodes.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            append(&mut out, format_args!("{comma}{{\"name\":{},\"type\":", escape::json(node.name)));
            match node.service_type {
                Some(service_type) => append(&mut out, format_args!("{}", escape::json(service_type.text))),
                None => out.push_str("null"),
            }
            append(&mut out, format_args!(",\"optional\":{},\"family\":", node.optional));
            match node.family {
                Some(stem) => append(&mut out, format_args!("{}", escape::json(stem))),
                None => out.push_str("null"),
            }
            out.push_str(",\"watches\":[");
            for (i, edge) in node.edges.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                self.watch_to_json(&mut out, &entries, edge);
            }
            out.push_str("]}");
        }
        out + "]}"
    }

    /// Every arrow between services: from which to which, whether it is a gate (0), a reaction (1)
    /// or a stream (2), and its label.
    #[cfg(feature = "admin")]
    #[inline]
    pub(crate) fn drawn(&self) -> Vec<(usize, usize, usize, String)> {
        let kind = |edge| match style(edge) {
            "solid" => 0,
            "dashed" => 1,
            _ => 2,
        };
        let arrows = self.arrows().into_iter().filter_map(|arrow| match arrow.to {
            ArrowTarget::Service(to) => Some((arrow.from, to, kind(arrow.edge), arrow.label())),
            ArrowTarget::Unknown(_) => None,
        });
        arrows.collect()
    }

    #[inline]
    fn watch_to_json(&self, out: &mut String, entries: &[NodeEntry], edge: &Edge<'_>) {
        let condition = condition_of(edge);
        let keyword = match edge.keyword {
            Keyword::Watch => "watch",
            Keyword::Needs => "needs",
            Keyword::After => "after",
        };
        let mode = match edge.mode {
            Mode::Any if matches!(edge.keyword, Keyword::Watch) => "any",
            Mode::Any | Mode::All => "all",
        };
        let effect = effect(edge);
        append(
            out,
            format_args!(
                "{{\"keyword\":\"{keyword}\",\"mode\":\"{mode}\",\"action\":\"{}\",\"state\":\"{}\",\"effect\":\"{effect}\",\"completed\":{}",
                condition.action.as_str(),
                condition.state.as_str(),
                condition.completed
            ),
        );
        match edge.within {
            Some(limit) => append(out, format_args!(",\"within_ms\":{}", limit.as_millis())),
            None => out.push_str(",\"within_ms\":null"),
        }
        match edge.lasts {
            Some(time) => append(out, format_args!(",\"lasts_ms\":{}", time.as_millis())),
            None => out.push_str(",\"lasts_ms\":null"),
        }
        if effect == "stream" {
            append(out, format_args!(",\"stream\":{}", escape::json(edge.stream)));
        } else {
            out.push_str(",\"stream\":null");
        }
        out.push_str(",\"targets\":[");
        for (i, target) in edge.targets.iter().enumerate() {
            out.push_str(if i > 0 { "," } else { "" });
            match find(self, entries, target) {
                Lookup::One(at) => append(out, format_args!("{}", escape::json(self.nodes[at].name))),
                Lookup::None | Lookup::Many => out.push_str("null"),
            }
        }
        out.push_str("]}");
    }

    #[inline]
    fn arrows(&self) -> Vec<DrawnArrow<'_>> {
        let entries = self.entries();
        let mut arrows = Vec::new();
        let mut unknown = 0;
        for (from, node) in self.nodes.iter().enumerate() {
            for edge in node.edges {
                for target in edge.targets {
                    let to = match find(self, &entries, target) {
                        Lookup::One(at) => ArrowTarget::Service(at),
                        // A fault of its own; the arrow goes to the first.
                        Lookup::Many => {
                            ArrowTarget::Service(next_of_type(self, &entries, target.id, NO_INDEX) as usize)
                        }
                        Lookup::None => {
                            unknown += 1;
                            ArrowTarget::Unknown(unknown - 1)
                        }
                    };
                    let to_family = matches!(to, ArrowTarget::Service(at) if self.nodes[at].family.is_some());
                    arrows.push(DrawnArrow { from, to, edge, text: target.text, to_family });
                }
            }
        }
        arrows
    }
}

/// Writing to a `String` cannot fail.
#[inline]
fn append(out: &mut String, what: fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

#[inline]
fn effect(edge: &Edge<'_>) -> &'static str {
    match gate_stage(edge) {
        Some(GateStage::Init) => "init",
        Some(GateStage::Run) => "run",
        None => match edge.effect {
            Effect::Exit => "exit",
            Effect::Stream => "stream",
            Effect::Stop | Effect::GateInit | Effect::GateRun => "stop",
        },
    }
}

#[inline]
fn style(edge: &Edge<'_>) -> &'static str {
    match effect(edge) {
        "init" | "run" => "solid",
        "stream" => "dotted",
        _ => "dashed",
    }
}

/// The label of an arrow: `any left Run: stop`.
struct ArrowLabel<'a> {
    edge: &'a Edge<'a>,
    to_family: bool,
}

impl fmt::Display for ArrowLabel<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edge = self.edge;
        match edge.keyword {
            Keyword::Needs => {
                f.write_str("needs")?;
                return edge.lasts.map_or(Ok(()), |grace| write!(f, ", grace {grace:?}"));
            }
            Keyword::After => return f.write_str("after"),
            Keyword::Watch => {}
        }
        if self.to_family || edge.targets.len() > 1 {
            f.write_str(if edge.mode == Mode::All { "all " } else { "any " })?;
        }
        f.write_str(match edge.action {
            Action::Entering => "in ",
            Action::Exited => "left ",
            Action::Changing => "enters or leaves ",
            Action::NotIn => "not in ",
        })?;
        f.write_str(edge.state.name())?;
        if let Some(time) = edge.lasts {
            write!(f, " for {time:?}")?;
        }
        write!(f, ": {}", effect(edge))?;
        if effect(edge) == "stream" {
            write!(f, " {}", edge.stream)?;
        }
        match edge.within {
            Some(limit) => write!(f, " within {limit:?}"),
            None => Ok(()),
        }
    }
}
