//! The layout of the graph picture: the position of each service, line and label.
//!
//! It is a layered layout (Sugiyama), made once:
//!
//! 1. The layer of a service is the length of the longest path of gates that leads out of it.
//! 2. A line that passes layers gets a place in each of them, so that it goes around what is there.
//! 3. Each layer is ordered, and its places are moved, by the positions of their neighbours.
//!
//! `main` is the coordinate along the layers, and `cross` the one within a layer: x and y, or y and
//! x if the picture goes down.

use crate::graph::Graph;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The position of everything.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) daemon: String,
    pub(crate) boxes: Vec<PlacedService>,
    pub(crate) lines: Vec<PlacedLine>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

#[derive(Debug)]
pub(crate) struct PlacedService {
    pub(crate) name: String,
    /// Of a family, what the names of its members begin with.
    pub(crate) stem: Option<String>,
    pub(crate) layer: usize,
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
}

#[derive(Debug)]
pub(crate) struct PlacedLine {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// 0: a gate; 1: a reaction; 2: a stream.
    pub(crate) kind: usize,
    /// The lines of its label.
    pub(crate) texts: Vec<String>,
    /// The path, in the syntax of SVG.
    pub(crate) path: String,
    /// The middle of the label.
    pub(crate) label: (f64, f64),
}

/// The longest text in the picture. A longer one is cut, and shown in full when it is pointed at.
pub(crate) const MAX_TEXT_CHARS: usize = 30;
/// With more lines than this, a label is shown only when its line is pointed at.
pub(crate) const MAX_SHOWN_LABELS: usize = 40;
/// The height of the box of a service, in pixels, as all lengths here.
pub(crate) const BOX_HEIGHT: f64 = 54.0;
const MARGIN: f64 = 14.0;
/// Between two neighbours in a layer.
const NEIGHBOUR_GAP: f64 = 22.0;
/// Between two layers, besides the labels.
const LAYER_GAP: f64 = 48.0;
/// The width of a line's place in a layer that it passes.
const LANE_WIDTH: f64 = 10.0;
/// With more such places, lines go straight, and over what is there.
const MAX_LANES: usize = 4000;

/// A service, or a line that passes, in one layer.
#[derive(Debug)]
struct LayerItem {
    layer: usize,
    size: f64,
    /// The middle of its place.
    at: f64,
    /// Its neighbours in the layer before, and in the one after.
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Layout {
    /// Lays out the graph from left to right, or from the top down.
    pub(crate) fn of(graph: &Graph<'_>, down: bool) -> Self {
        let mut lines: Vec<PlacedLine> = Vec::new();
        let mut places = HashMap::new();
        for (from, to, kind, text) in graph.drawn() {
            match places.entry((from, to)) {
                Entry::Occupied(place) => {
                    let line: &mut PlacedLine = &mut lines[*place.get()];
                    line.kind = line.kind.min(kind);
                    line.texts.push(text);
                }
                Entry::Vacant(place) => {
                    place.insert(lines.len());
                    lines.push(PlacedLine {
                        from,
                        to,
                        kind,
                        texts: vec![text],
                        path: String::new(),
                        label: (0.0, 0.0),
                    });
                }
            }
        }
        let layers = layers(graph.nodes.len(), &lines);
        let boxes = graph.nodes.iter().zip(layers).map(|(node, layer)| {
            let width = 40.0 + 9.2 * node.name.chars().count().clamp(16, MAX_TEXT_CHARS) as f64;
            let stem = node.family.map(ToOwned::to_owned);
            PlacedService { name: node.name.to_owned(), stem, layer, x: 0.0, y: 0.0, width }
        });
        let mut layout = Layout { daemon: graph.daemon.to_owned(), boxes: boxes.collect(), lines, ..Layout::default() };
        layout.place(down);
        layout
    }

    fn place(&mut self, down: bool) {
        let count = self.boxes.iter().map(|b| b.layer + 1).max().unwrap_or(0);
        let along = |b: &PlacedService| if down { (BOX_HEIGHT, b.width) } else { (b.width, BOX_HEIGHT) };
        let mut items: Vec<LayerItem> = self.boxes.iter().map(|b| LayerItem::new(b.layer, along(b).1)).collect();
        let lanes = self.lanes(&mut items);
        let mut order: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (at, item) in items.iter().enumerate() {
            order[item.layer].push(at);
        }
        arrange(&mut items, &mut order);

        // The depth of each layer, and where it begins.
        let mut depth = vec![0.0_f64; count];
        for b in &self.boxes {
            depth[b.layer] = depth[b.layer].max(along(b).0);
        }
        let mut leaving = vec![0_usize; self.boxes.len()];
        self.lines.iter().for_each(|line| leaving[line.from] += 1);
        let mut gaps = vec![0.0_f64; count];
        for line in &self.lines {
            let (from, to) = (self.boxes[line.from].layer, self.boxes[line.to].layer);
            let gap = if to < from { from - 1 } else { from };
            let (wide, high) = label_size(&line.texts);
            // In a picture that goes down, the labels of one service do not fit side by side, and
            // are placed one below the other.
            let room = if down { high * leaving[line.from].min(3) as f64 } else { wide };
            gaps[gap] = gaps[gap].max(LAYER_GAP + room);
        }
        let mut starts = Vec::with_capacity(count);
        let mut main = MARGIN;
        for layer in 0..count {
            starts.push(main);
            main += depth[layer] + if layer + 1 < count { gaps[layer].max(LAYER_GAP) } else { gaps[layer] };
        }
        let low = items.iter().map(|item| item.at - item.size / 2.0).fold(f64::MAX, f64::min) - MARGIN;
        let high = items.iter().map(|item| item.at + item.size / 2.0).fold(f64::MIN, f64::max) + MARGIN;
        items.iter_mut().for_each(|item| item.at -= low);
        let turn = |(main, cross): (f64, f64)| if down { (cross, main) } else { (main, cross) };
        (self.width, self.height) = turn((main + MARGIN, (high - low).max(0.0)));
        for (b, item) in self.boxes.iter_mut().zip(&items) {
            if !down {
                b.width = depth[b.layer];
            }
            (b.x, b.y) = turn((starts[b.layer], item.at - item.size / 2.0));
        }
        let mut starts_of = Vec::with_capacity(self.lines.len());
        for (line, lanes) in self.lines.iter_mut().zip(&lanes) {
            let (from, to) = (self.boxes[line.from].layer, self.boxes[line.to].layer);
            let (begin, end) = (items[line.from].at, items[line.to].at);
            let (front, back) = (|layer: usize| starts[layer], |layer: usize| starts[layer] + depth[layer]);
            // A line leaves at the side that faces its target. Within a layer, both its ends are at
            // the back.
            let leaves = if to < from { front(from) } else { back(from) };
            let arrives = if to <= from { back(to) } else { front(to) };
            let mut points = vec![(leaves, begin)];
            for &lane in lanes {
                let (layer, at) = (items[lane].layer, items[lane].at);
                let (near, far) = if to < from { (back(layer), front(layer)) } else { (front(layer), back(layer)) };
                points.extend([(near, at), (far, at)]);
            }
            points.push((arrives, end));
            let bulge = if to == from { gaps[from] } else { 0.0 };
            line.path = path(&points, bulge, turn);
            starts_of.push([points[0], (bend(points[0].0, points[1].0, bulge), begin), points[1]]);
        }
        self.label(&starts_of, turn);
    }

    /// Places each label on the first bend of its line: in the middle, or else where there is room.
    fn label(&mut self, starts: &[[(f64, f64); 3]], turn: impl Fn((f64, f64)) -> (f64, f64)) {
        let mut taken: Vec<(f64, f64, f64, f64)> = Vec::new();
        let few = self.lines.len() <= MAX_SHOWN_LABELS;
        for (line, &[(main, cross), (bend, _), (next, there)]) in self.lines.iter_mut().zip(starts) {
            let (wide, high) = label_size(&line.texts);
            let on = |t: f64| {
                let (a, b, c, d) = ((1.0 - t).powi(3), 3.0 * t * (1.0 - t).powi(2), 3.0 * t * t * (1.0 - t), t.powi(3));
                turn((a * main + (b + c) * bend + d * next, (a + b) * cross + (c + d) * there))
            };
            let free = |&(x, y): &(f64, f64)| {
                taken.iter().all(|(u, v, w, h)| (x - u).abs() * 2.0 >= wide + w || (y - v).abs() * 2.0 >= high + h)
            };
            let mut places = [0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78].into_iter().map(on);
            line.label = if few { places.find(free).unwrap_or_else(|| on(0.5)) } else { on(0.5) };
            taken.push((line.label.0, line.label.1, wide, high));
        }
    }

    /// Adds a place for each line to each layer that it passes, and connects the places to
    /// neighbours.
    fn lanes(&self, items: &mut Vec<LayerItem>) -> Vec<Vec<usize>> {
        let passed =
            |line: &PlacedLine| self.boxes[line.from].layer.abs_diff(self.boxes[line.to].layer).saturating_sub(1);
        let straight = self.lines.iter().map(passed).sum::<usize>() > MAX_LANES;
        let mut all = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let (from, to) = (self.boxes[line.from].layer, self.boxes[line.to].layer);
            let mut lanes = Vec::new();
            let mut last = line.from;
            let connect = |items: &mut Vec<LayerItem>, a: usize, b: usize| {
                let (first, second) = if items[a].layer < items[b].layer { (a, b) } else { (b, a) };
                items[first].after.push(second);
                items[second].before.push(first);
            };
            let between: Vec<usize> = match (straight, to < from) {
                (true, _) => Vec::new(),
                (false, true) => (to + 1..from).rev().collect(),
                (false, false) => (from + 1..to).collect(),
            };
            for layer in between {
                let lane = items.len();
                items.push(LayerItem::new(layer, LANE_WIDTH));
                connect(items, last, lane);
                lanes.push(lane);
                last = lane;
            }
            if from != to {
                connect(items, last, line.to);
            }
            all.push(lanes);
        }
        all
    }
}

impl LayerItem {
    fn new(layer: usize, size: f64) -> Self {
        LayerItem { layer, size, at: 0.0, before: Vec::new(), after: Vec::new() }
    }
}

/// Orders each layer, and moves its places close to their neighbours: six times, forth and back.
fn arrange(items: &mut [LayerItem], order: &mut [Vec<usize>]) {
    order.iter().for_each(|layer| pack(items, layer));
    for sweep in 0..6 {
        let back = sweep % 2 == 1;
        let layers: Vec<usize> = if back { (0..order.len()).rev().collect() } else { (0..order.len()).collect() };
        for layer in layers {
            let wish = |at: usize| {
                let item = &items[at];
                let near = if back { &item.after } else { &item.before };
                let sum: f64 = near.iter().map(|&other| items[other].at).sum();
                if near.is_empty() { item.at } else { sum / near.len() as f64 }
            };
            let mut wishes: Vec<(f64, usize)> = order[layer].iter().map(|&at| (wish(at), at)).collect();
            wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
            order[layer] = wishes.iter().map(|(_, at)| *at).collect();
            // Each goes where it wishes, or after the one before it. Then the whole layer is moved
            // back by the mean of the differences.
            let mut end = f64::MIN;
            let mut off = 0.0;
            for (wish, at) in &wishes {
                let half = items[*at].size / 2.0;
                let place = wish.max(end + half);
                items[*at].at = place;
                end = place + half + NEIGHBOUR_GAP;
                off += place - wish;
            }
            let off = off / wishes.len().max(1) as f64;
            wishes.iter().for_each(|(_, at)| items[*at].at -= off);
        }
    }
}

/// Places a layer one after the other, around the middle.
fn pack(items: &mut [LayerItem], layer: &[usize]) {
    let all: f64 = layer.iter().map(|&at| items[at].size + NEIGHBOUR_GAP).sum::<f64>() - NEIGHBOUR_GAP;
    let mut end = -all / 2.0;
    for &at in layer {
        items[at].at = end + items[at].size / 2.0;
        end += items[at].size + NEIGHBOUR_GAP;
    }
}

/// Where along the layers a line bends. A line with a bulge goes around the back of its layer.
fn bend(main: f64, next: f64, bulge: f64) -> f64 {
    if bulge > 0.0 { main.max(next) + bulge * 0.7 } else { (main + next) / 2.0 }
}

/// The path of a line: a bend between two layers, and straight past a layer.
fn path(points: &[(f64, f64)], bulge: f64, turn: impl Fn((f64, f64)) -> (f64, f64)) -> String {
    let mut out = String::new();
    let mut put = |command: &str, point: (f64, f64)| {
        let (x, y) = turn(point);
        // Writing to a `String` cannot fail.
        let _ = write!(out, "{command}{x:.0} {y:.0}");
    };
    put("M", points[0]);
    for (at, two) in points.windows(2).enumerate() {
        let ((main, cross), (next, there)) = (two[0], two[1]);
        if at % 2 == 1 {
            put("L", two[1]);
            continue;
        }
        let bend = bend(main, next, bulge);
        put("C", (bend, cross));
        put(" ", (bend, there));
        put(" ", (next, there));
    }
    out
}

/// The approximate width and height of a label.
pub(crate) fn label_size(texts: &[String]) -> (f64, f64) {
    let longest = texts.iter().map(|text| text.chars().count().min(MAX_TEXT_CHARS)).max().unwrap_or(0);
    (8.0 + 6.4 * longest as f64, 15.0 * texts.len() as f64)
}

/// The layer of each service: the length of the longest path of gates that leads out of it.
fn layers(services: usize, lines: &[PlacedLine]) -> Vec<usize> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); services];
    let holds = |line: &&PlacedLine| line.kind == 0 && line.from != line.to;
    lines.iter().filter(holds).for_each(|line| out[line.from].push(line.to));
    let mut layers: Vec<Option<usize>> = vec![None; services];
    let mut on_the_path = vec![false; services];
    for first in 0..services {
        // With a stack of its own: recursion would be as deep as the longest chain of services.
        let mut way = vec![(first, 0)];
        while let Some((me, next)) = way.last_mut() {
            let me = *me;
            if layers[me].is_some() {
                way.pop();
                continue;
            }
            on_the_path[me] = true;
            match out[me].get(*next) {
                Some(&to) => {
                    *next += 1;
                    // A path that leads back is left out. There may be one: another gate can open
                    // it.
                    if layers[to].is_none() && !on_the_path[to] {
                        way.push((to, 0));
                    }
                }
                None => {
                    let layer = out[me].iter().filter_map(|&to| layers[to]).map(|layer| layer + 1).max();
                    layers[me] = Some(layer.unwrap_or(0));
                    on_the_path[me] = false;
                    way.pop();
                }
            }
        }
    }
    layers.into_iter().map(Option::unwrap_or_default).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::graph::{Edge, Node, Target};
    use crate::lifecycle::manager::Table;
    use crate::lifecycle::options::Options;
    use crate::lifecycle::state::{Action, State};
    use proptest::prelude::*;

    pub(crate) fn draw(services: &[(&str, &[&str])], down: bool) -> Layout {
        let targets: Vec<Vec<Target<'_>>> =
            services.iter().map(|(_, targets)| targets.iter().map(|name| Target::name(name)).collect()).collect();
        let edges: Vec<Vec<Edge<'_>>> = targets
            .iter()
            .map(|targets| {
                let edge = Edge::watch(crate::graph::Mode::All, Action::Entering, State::Run, targets);
                if targets.is_empty() { Vec::new() } else { vec![edge] }
            })
            .collect();
        let table: &Table = &<crate::lifecycle::manager::continuous as crate::lifecycle::manager::Manager>::TABLE;
        let nodes: Vec<Node<'_>> = services
            .iter()
            .zip(&edges)
            .map(|((name, _), edges)| Node {
                name,
                service_type: None,
                table,
                edges,
                optional: false,
                options: &Options::DEFAULT,
                family: None,
            })
            .collect();
        Layout::of(&Graph { daemon: "d", nodes: &nodes }, down)
    }

    /// Asserts that no service overlaps another, and that all is within the picture.
    fn assert_no_overlap(layout: &Layout) {
        for (at, a) in layout.boxes.iter().enumerate() {
            for b in &layout.boxes[at + 1..] {
                let beside = a.x + a.width <= b.x + 0.1 || b.x + b.width <= a.x + 0.1;
                assert!(beside || (a.y - b.y).abs() >= BOX_HEIGHT - 0.1, "{a:?} {b:?}");
            }
            assert!(a.x >= 0.0 && a.y >= 0.0 && a.x + a.width <= layout.width && a.y + BOX_HEIGHT <= layout.height);
        }
        for line in &layout.lines {
            let (x, y) = line.label;
            assert!(x > 0.0 && y > 0.0 && x < layout.width && y < layout.height, "{line:?}");
        }
    }

    #[test]
    fn services_are_in_layers_after_what_they_wait_for() {
        let services: [(&str, &[&str]); 5] =
            [("poller", &["health"]), ("api", &[]), ("health", &["api", "db"]), ("db", &[]), ("x", &["db"])];
        for down in [false, true] {
            let layout = draw(&services, down);
            let layer = |name: &str| layout.boxes.iter().find(|b| b.name == name).unwrap().layer;
            assert_eq!(["api", "db", "health", "x", "poller"].map(layer), [0, 0, 1, 1, 2]);
            assert_no_overlap(&layout);
        }
    }

    #[test]
    fn chain_of_services_is_a_straight_line() {
        let layout = draw(&[("api", &[]), ("health", &["api"]), ("poller", &["health"])], false);
        assert!(layout.boxes.iter().all(|b| (b.y - layout.boxes[0].y).abs() < 0.1), "{layout:?}");
    }

    #[test]
    fn line_that_passes_a_layer_goes_around_its_services() {
        let layout = draw(&[("a", &[]), ("b", &["a"]), ("c", &["b", "a"])], false);
        let b = &layout.boxes[1];
        let long = layout.lines.iter().find(|line| (line.from, line.to) == (2, 0)).unwrap();
        let lane: f64 = long.path.split(['L', ' ', 'C']).rev().nth(6).unwrap().parse().unwrap();
        assert!(lane < b.y || lane > b.y + BOX_HEIGHT, "{long:?} {b:?}");
    }

    #[test]
    fn chain_of_ten_thousand_services_has_as_many_layers() {
        let line =
            |n| PlacedLine { from: n, to: n + 1, kind: 0, texts: Vec::new(), path: String::new(), label: (0.0, 0.0) };
        let lines: Vec<PlacedLine> = (0..9_999).map(line).collect();
        assert_eq!(layers(10_000, &lines)[0], 9_999);
    }

    #[test]
    fn cycle_of_gates_ends() {
        let line =
            |from, to| PlacedLine { from, to, kind: 0, texts: Vec::new(), path: String::new(), label: (0.0, 0.0) };
        assert_eq!(layers(3, &[line(0, 1), line(1, 2), line(2, 0)]).len(), 3);
        assert_eq!(layers(1, &[line(0, 0)]), [0]);
    }

    proptest! {
        #[test]
        fn graph_of_any_edges_has_no_overlaps(edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..30), down: bool) {
            let names: Vec<String> = (0..12).map(|n| format!("s{n}")).collect();
            let targets: Vec<Vec<&str>> = (0..12)
                .map(|me| edges.iter().filter(|(from, to)| *from == me && to != from).map(|(_, to)| &*names[*to]).collect())
                .collect();
            let services: Vec<(&str, &[&str])> = names.iter().zip(&targets).map(|(name, to)| (&**name, &**to)).collect();
            assert_no_overlap(&draw(&services, down));
        }
    }
}
