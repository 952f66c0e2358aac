//! The checked graph as a picture: laid out here once, coloured with the states when it is asked for.
//!
//! Services stand in columns, each to the right of what it waits for; an arrow leads from a service
//! to one that it watches. Solid lines hold back, dashed ones react, dotted ones only look.

use crate::core::States;
use crate::graph::Graph;
use serde::Deserialize;
use std::collections::HashMap;
use std::fmt::{self, Write};

/// The graph of a daemon in all its forms.
#[derive(Debug)]
pub(crate) struct Pictures {
    pub(crate) json: String,
    pub(crate) mermaid: String,
    pub(crate) dot: String,
    pub(crate) layout: Layout,
}

/// Where everything is.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    daemon: String,
    boxes: Vec<Placed>,
    lines: Vec<Line>,
    width: f64,
    height: f64,
}

#[derive(Debug)]
struct Placed {
    name: String,
    column: usize,
    x: f64,
    y: f64,
    width: f64,
}

#[derive(Debug)]
struct Line {
    from: usize,
    to: usize,
    /// 0: holds back; 1: reacts; 2: looks.
    kind: usize,
    says: Vec<String>,
}

#[derive(Deserialize)]
struct Drawn {
    daemon: String,
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    watches: Vec<Watch>,
}

#[derive(Deserialize)]
struct Watch {
    keyword: String,
    mode: String,
    action: String,
    state: String,
    effect: String,
    targets: Vec<Option<String>>,
}

const HEIGHT: f64 = 52.0;
const GAP_X: f64 = 76.0;
const GAP_Y: f64 = 22.0;
const MARGIN: f64 = 16.0;
/// Names longer than this are shortened in their box.
const LONGEST: usize = 26;

impl Pictures {
    pub(crate) fn of(graph: &Graph<'_>) -> Self {
        let json = graph.to_json();
        // What the graph writes it can be read from; without a layout there is still all the rest.
        let layout = serde_json::from_str(&json).map(|drawn| Layout::of(&drawn)).unwrap_or_default();
        Pictures { json, mermaid: graph.to_mermaid(), dot: graph.to_dot(), layout }
    }
}

impl Layout {
    fn of(graph: &Drawn) -> Self {
        let places: HashMap<&str, usize> = graph.services.iter().enumerate().map(|(at, s)| (&*s.name, at)).collect();
        let mut lines: Vec<Line> = Vec::new();
        for (from, service) in graph.services.iter().enumerate() {
            let first = lines.len();
            for watch in &service.watches {
                let kind = match &*watch.effect {
                    "init" | "run" => 0,
                    "stream" => 2,
                    _ => 1,
                };
                let says = match &*watch.keyword {
                    "watch" => {
                        let mode =
                            if watch.targets.len() > 1 { format!("{} of them ", watch.mode) } else { String::new() };
                        format!("{mode}{} {}: {}", watch.action, watch.state, watch.effect)
                    }
                    keyword => keyword.to_owned(),
                };
                for to in watch.targets.iter().flatten().filter_map(|target| places.get(&**target)) {
                    match lines[first..].iter_mut().find(|line| line.to == *to) {
                        Some(line) => {
                            line.kind = line.kind.min(kind);
                            line.says.push(says.clone());
                        }
                        None => lines.push(Line { from, to: *to, kind, says: vec![says.clone()] }),
                    }
                }
            }
        }
        let columns = columns(graph.services.len(), &lines);
        let mut layout = Layout { daemon: graph.daemon.clone(), lines, ..Layout::default() };
        for (service, column) in graph.services.iter().zip(columns) {
            let width = 34.0 + 8.4 * service.name.chars().count().clamp(15, LONGEST) as f64;
            layout.boxes.push(Placed { name: service.name.clone(), column, x: 0.0, y: 0.0, width });
        }
        layout.place();
        layout
    }

    fn place(&mut self) {
        let last = self.boxes.iter().map(|b| b.column).max().unwrap_or(0);
        let mut x = MARGIN;
        for column in 0..=last {
            let mut members: Vec<usize> = (0..self.boxes.len()).filter(|&b| self.boxes[b].column == column).collect();
            // Each as near as can be to what it watches, which is placed already.
            let wish = |b: usize| {
                let ends = self.lines.iter().filter(|line| line.from == b && self.boxes[line.to].column < column);
                let (sum, count) = ends.fold((0.0, 0), |(sum, n), line| (sum + self.boxes[line.to].y, n + 1));
                if count == 0 { f64::MAX } else { sum / f64::from(count) }
            };
            let mut wishes: Vec<(f64, usize)> = members.iter().map(|&b| (wish(b), b)).collect();
            wishes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            members.clear();
            let width = wishes.iter().map(|(_, b)| self.boxes[*b].width).fold(0.0, f64::max);
            let mut y = MARGIN;
            for (_, b) in wishes {
                let placed = &mut self.boxes[b];
                (placed.x, placed.y, placed.width) = (x, y, width);
                y += HEIGHT + GAP_Y;
                self.height = self.height.max(y - GAP_Y + MARGIN);
            }
            x += width + GAP_X;
        }
        self.width = x - GAP_X + MARGIN;
        // Short columns stand in the middle.
        for column in 0..=last {
            let count = self.boxes.iter().filter(|b| b.column == column).count() as f64;
            let free = self.height - 2.0 * MARGIN - (count * (HEIGHT + GAP_Y) - GAP_Y);
            self.boxes.iter_mut().filter(|b| b.column == column).for_each(|b| b.y += free / 2.0);
        }
    }
}

/// For each service the length of the longest way of gates that leads out of it.
fn columns(services: usize, lines: &[Line]) -> Vec<usize> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); services];
    let holds = |line: &&Line| line.kind == 0 && line.from != line.to;
    lines.iter().filter(holds).for_each(|line| out[line.from].push(line.to));
    let mut columns: Vec<Option<usize>> = vec![None; services];
    let mut on_the_way = vec![false; services];
    for first in 0..services {
        // By hand: a chain of a thousand services is as deep as that.
        let mut way = vec![(first, 0)];
        while let Some((me, next)) = way.last_mut() {
            let me = *me;
            if columns[me].is_some() {
                way.pop();
                continue;
            }
            on_the_way[me] = true;
            match out[me].get(*next) {
                Some(&to) => {
                    *next += 1;
                    // Ways that lead back, which another gate can open, are left out.
                    if columns[to].is_none() && !on_the_way[to] {
                        way.push((to, 0));
                    }
                }
                None => {
                    let column = out[me].iter().filter_map(|&to| columns[to]).map(|column| column + 1).max();
                    columns[me] = Some(column.unwrap_or(0));
                    on_the_way[me] = false;
                    way.pop();
                }
            }
        }
    }
    columns.into_iter().map(Option::unwrap_or_default).collect()
}

const STYLE: &str = "\
svg{--ink:#1c2330;--paper:#fff;--line:#8a94a6;--unknown:#e9ecf1;--init:#fff1c9;--idle:#e3e8ff;--run:#cdf3d8;--stop:#ffe0cc;--exit:#e1e4ea;--bad:#ffd3d3}\
@media(prefers-color-scheme:dark){svg{--ink:#e8ecf4;--paper:#12161f;--line:#77839a;--unknown:#262c39;--init:#4d3f10;--idle:#2a3260;--run:#124a26;--stop:#5a3413;--exit:#2b303b;--bad:#5f1f24}}\
text{font:15px ui-sans-serif,system-ui,sans-serif;fill:var(--ink)}.s{font-size:12px;opacity:.85}\
rect{fill:var(--unknown);stroke:var(--line);stroke-width:1.5}\
.init rect{fill:var(--init)}.idle rect{fill:var(--idle)}.run rect{fill:var(--run)}.stop rect{fill:var(--stop)}.exit rect{fill:var(--exit)}.bad rect{fill:var(--bad)}\
path{fill:none;stroke:var(--line);stroke-width:1.5}.k1{stroke-dasharray:6 4}.k2{stroke-dasharray:1 4;stroke-linecap:round}\
marker path{fill:var(--line);stroke:none}";

/// The layout with the states as they are.
pub(crate) fn svg(layout: &Layout, states: &States) -> String {
    let mut out = String::with_capacity(2048 + layout.boxes.len() * 320 + layout.lines.len() * 220);
    let (width, height) = (layout.width.max(40.0), layout.height.max(40.0));
    // Writing to a `String` cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"the services of {0} and whom they watch\"><style>{STYLE}</style>\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>",
        Xml(&layout.daemon)
    );
    for line in &layout.lines {
        let (from, to) = (&layout.boxes[line.from], &layout.boxes[line.to]);
        let (y1, y2) = (from.y + HEIGHT / 2.0, to.y + HEIGHT / 2.0);
        let (x1, x2, bend1, bend2) = if to.column < from.column {
            (from.x, to.x + to.width, -GAP_X / 2.0, GAP_X / 2.0)
        } else if to.column > from.column {
            (from.x + from.width, to.x, GAP_X / 2.0, -GAP_X / 2.0)
        } else {
            (from.x + from.width, to.x + to.width, GAP_X / 2.0, GAP_X / 2.0)
        };
        let _ = write!(
            out,
            "<path class=\"k{}\" marker-end=\"url(#arrow)\" d=\"M{x1:.0} {y1:.0}C{:.0} {y1:.0} {:.0} {y2:.0} {x2:.0} {y2:.0}\"><title>{} to {}: {}</title></path>",
            line.kind,
            x1 + bend1,
            x2 + bend2,
            Xml(&from.name),
            Xml(&to.name),
            Xml(&line.says.join("; "))
        );
    }
    for placed in &layout.boxes {
        let state = states.get(&placed.name);
        let class = state.map_or("unknown", |service| service.state.as_str());
        let bad = if state.is_some_and(|service| service.cause.is_failure()) { " bad" } else { "" };
        let mut short: String = placed.name.chars().take(LONGEST).collect();
        if short.len() < placed.name.len() {
            short.pop();
            short.push('\u{2026}');
        }
        let _ = write!(
            out,
            "<g class=\"{class}{bad}\" data-service=\"{}\"><title>{}</title><rect x=\"{:.0}\" y=\"{:.0}\" width=\"{:.0}\" \
             height=\"{HEIGHT}\" rx=\"8\"/><text x=\"{:.0}\" y=\"{:.0}\">{}</text><text class=\"s\" x=\"{:.0}\" y=\"{:.0}\">{class}</text></g>",
            Xml(&placed.name),
            Xml(&placed.name),
            placed.x,
            placed.y,
            placed.width,
            placed.x + 14.0,
            placed.y + 22.0,
            Xml(&short),
            placed.x + 14.0,
            placed.y + 41.0,
        );
    }
    out.push_str("</svg>");
    out
}

/// A text within XML, and within its quotes.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // No XML may hold these.
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Edge, Node, Target};
    use crate::manager::Table;
    use crate::state::{Action, State};

    fn draw(services: &[(&str, &[&str])]) -> Layout {
        let targets: Vec<Vec<Target<'_>>> =
            services.iter().map(|(_, targets)| targets.iter().map(|name| Target::name(name)).collect()).collect();
        let edges: Vec<Vec<Edge<'_>>> = targets
            .iter()
            .map(|targets| {
                let edge = Edge::watch(crate::graph::Mode::All, Action::Entering, State::Run, targets);
                if targets.is_empty() { Vec::new() } else { vec![edge] }
            })
            .collect();
        let table: &Table = &<crate::manager::continuous as crate::manager::Manager>::TABLE;
        let nodes: Vec<Node<'_>> = services
            .iter()
            .zip(&edges)
            .map(|((name, _), edges)| Node { name, kind: None, table, edges, optional: false, gives_up: false })
            .collect();
        Pictures::of(&Graph { daemon: "d", nodes: &nodes }).layout
    }

    #[test]
    fn each_stands_to_the_right_of_what_it_waits_for_and_none_on_another() {
        let layout =
            draw(&[("poller", &["health"]), ("api", &[]), ("health", &["api", "db"]), ("db", &[]), ("x", &["db"])]);
        let column = |name: &str| layout.boxes.iter().find(|b| b.name == name).unwrap().column;
        assert_eq!(["api", "db", "health", "x", "poller"].map(column), [0, 0, 1, 1, 2]);
        for (at, a) in layout.boxes.iter().enumerate() {
            for b in &layout.boxes[at + 1..] {
                assert!(a.x + a.width <= b.x || b.x + b.width <= a.x || (a.y - b.y).abs() >= HEIGHT, "{a:?} {b:?}");
            }
            assert!(a.x >= 0.0 && a.y >= 0.0 && a.x + a.width <= layout.width && a.y + HEIGHT <= layout.height);
        }
    }

    #[test]
    fn a_chain_of_ten_thousand_is_drawn() {
        let names: Vec<String> = (0..10_000).map(|n| format!("s{n}")).collect();
        let lines: Vec<Line> = (0..9_999).map(|n| Line { from: n, to: n + 1, kind: 0, says: Vec::new() }).collect();
        assert_eq!(columns(names.len(), &lines)[0], 9_999);
    }

    #[test]
    fn ways_round_do_not_hang() {
        let line = |from, to| Line { from, to, kind: 0, says: Vec::new() };
        assert_eq!(columns(3, &[line(0, 1), line(1, 2), line(2, 0)]).len(), 3);
        assert_eq!(columns(1, &[line(0, 0)]), [0]);
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        let layout = draw(&[("\"><script>alert(1)</script>\u{0}", &[])]);
        let svg = svg(&layout, &States::new(0, Vec::new()));
        assert!(!svg.contains("<script"), "{svg}");
        assert!(!svg.contains('\u{0}'));
    }
}
