//! The checked graph as an SVG picture: laid out once, when it is first asked for, and coloured with
//! the states each time.
//!
//! Services stand in columns (rows, if the picture goes [down](Layout::of)), each after those it
//! waits for. A line leads from a service to one that it watches, around those in between; its
//! label is the condition. Gates are solid lines, reactions dashed ones, streams dotted ones.

use super::graph_layout::{BOX_HEIGHT, Layout, MAX_SHOWN_LABELS, MAX_TEXT_CHARS, PlacedLine, label_size};
use crate::core::{ServiceState, States};
use crate::escape;
use crate::graph::Graph;
use crate::lifecycle::state::State;
use std::fmt;
use std::sync::OnceLock;

/// The graph of a daemon in all formats. Each is made when it is first asked for: a graph may have a
/// million edges, and mostly nobody looks at it.
pub(crate) struct Pictures {
    graph: GraphSource,
    json: OnceLock<String>,
    mermaid: OnceLock<String>,
    dot: OnceLock<String>,
    /// For a wide window.
    right: OnceLock<Layout>,
    /// For a narrow one.
    down: OnceLock<Layout>,
}

/// Puts the graph together, and calls the function with it.
type GraphSource = Box<dyn Fn(&mut dyn FnMut(&Graph<'_>)) + Send + Sync>;

impl Pictures {
    pub(crate) fn of(graph: impl Fn(&mut dyn FnMut(&Graph<'_>)) + Send + Sync + 'static) -> Self {
        Pictures {
            graph: Box::new(graph),
            json: OnceLock::new(),
            mermaid: OnceLock::new(),
            dot: OnceLock::new(),
            right: OnceLock::new(),
            down: OnceLock::new(),
        }
    }

    pub(crate) fn json(&self) -> &String {
        self.made(&self.json, |graph| graph.to_json())
    }

    pub(crate) fn mermaid(&self) -> &String {
        self.made(&self.mermaid, |graph| graph.to_mermaid())
    }

    pub(crate) fn dot(&self) -> &String {
        self.made(&self.dot, |graph| graph.to_dot())
    }

    pub(crate) fn layout(&self, down: bool) -> &Layout {
        self.made(if down { &self.down } else { &self.right }, |graph| Layout::of(graph, down))
    }

    fn made<'a, T: Default>(&self, place: &'a OnceLock<T>, make: impl Fn(&Graph<'_>) -> T) -> &'a T {
        place.get_or_init(|| {
            let mut made = T::default();
            (self.graph)(&mut |graph| made = make(graph));
            made
        })
    }
}

const STYLE: &str = "\
svg{--ink:#1c2330;--paper:#fff;--line:#6b7688;--alarm:#b3261e;--unknown:#e9ecf1;--init:#fff1c9;--idle:#e3e8ff;--run:#cdf3d8;--stop:#ffe0cc;--exit:#e1e4ea;--bad:#ffd3d3;\
--unknown-b:#9aa3b2;--init-b:#c79a1b;--idle-b:#6f82e8;--run-b:#2e9e57;--stop-b:#d9772f;--exit-b:#808a9b;--bad-b:#d1453b}\
@media(prefers-color-scheme:dark){svg{--ink:#e8ecf4;--paper:#161b26;--line:#8a96ab;--alarm:#ffb4ab;--unknown:#262c39;--init:#4d3f10;--idle:#2a3260;--run:#124a26;--stop:#5a3413;--exit:#2b303b;--bad:#5f1f24;\
--unknown-b:#6b7688;--init-b:#d9b13b;--idle-b:#8c9cf5;--run-b:#45c274;--stop-b:#ec9350;--exit-b:#77839a;--bad-b:#f2685d}}\
text{font:12px ui-sans-serif,system-ui,sans-serif;fill:var(--ink)}.n{font-size:15px;font-weight:600}\
rect{fill:var(--f);stroke:var(--b);stroke-width:1.5}.bar{fill:var(--b);stroke:none}\
.unknown{--f:var(--unknown);--b:var(--unknown-b)}.init{--f:var(--init);--b:var(--init-b)}.idle{--f:var(--idle);--b:var(--idle-b)}.run{--f:var(--run);--b:var(--run-b)}\
.stop{--f:var(--stop);--b:var(--stop-b)}.exit{--f:var(--exit);--b:var(--exit-b)}.bad{--f:var(--bad);--b:var(--bad-b)}\
.e path{fill:none;stroke:var(--line);stroke-width:1.5;marker-end:url(#a)}.k1 path{stroke-dasharray:6 4}.k2 path{stroke-dasharray:1 4;stroke-linecap:round}\
.e text{text-anchor:middle}.p{fill:var(--paper);stroke:none}\
.many text,.many .p{opacity:0}.many:hover text,.many:hover .p,.shut text,.shut .p{opacity:1}\
.shut path{stroke:var(--alarm);stroke-width:2.5;marker-end:url(#b)}.shut text{fill:var(--alarm)}\
marker path{fill:var(--line)}#b path{fill:var(--alarm)}";

/// The picture, coloured with these states.
pub(crate) fn svg(layout: &Layout, states: &States) -> String {
    let mut out = String::with_capacity(4096 + layout.boxes.len() * 400 + layout.lines.len() * 360);
    // Writing to a `String` cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0} {1:.0}\" width=\"{0:.0}\" height=\"{1:.0}\" \
         role=\"img\" aria-label=\"the services of {2}, and which services they watch\"><style>{STYLE}</style><defs>{3}{4}</defs>",
        layout.width,
        layout.height,
        escape::xml(&layout.daemon),
        Marker("a"),
        Marker("b"),
    );
    let many = layout.lines.len() > MAX_SHOWN_LABELS;
    // Labels are above all lines, unless they appear only with their own line.
    let mut labels = String::new();
    for line in &layout.lines {
        let (from, to) = (escape::xml(&layout.boxes[line.from].name), escape::xml(&layout.boxes[line.to].name));
        let group = format!(
            "<g class=\"e k{}{}\" data-from=\"{from}\" data-to=\"{to}\"><title>{from} to {to}: {}</title>",
            line.kind,
            if many { " many" } else { "" },
            escape::xml(&line.texts.join("; "))
        );
        let _ = write!(out, "{group}<path d=\"{}\"/>", line.path);
        if many {
            label(&mut out, line);
        } else {
            labels.push_str(&group);
            label(&mut labels, line);
            labels.push_str("</g>");
        }
        out.push_str("</g>");
    }
    out.push_str(&labels);
    for placed in &layout.boxes {
        let ShownState { class, bad, text: state } = match &placed.stem {
            Some(stem) => ShownState::of_family(stem, states),
            None => ShownState::of_service(states.get(&placed.name)),
        };
        let (x, y, width) = (placed.x, placed.y, placed.width);
        let _ = write!(
            out,
            "<g class=\"{class}{bad}\" data-service=\"{name}\"><title>{name}</title>\
             <rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{BOX_HEIGHT}\" rx=\"8\"/>\
             <rect class=\"bar\" x=\"{:.0}\" y=\"{:.0}\" width=\"5\" height=\"{}\" rx=\"2.5\"/>\
             <text class=\"n\" x=\"{text:.0}\" y=\"{:.0}\">{}</text><text class=\"s\" x=\"{text:.0}\" y=\"{:.0}\">{state}</text></g>",
            x + 6.0,
            y + 8.0,
            BOX_HEIGHT - 16.0,
            y + 23.0,
            escape::xml(&short(&placed.name)),
            y + 42.0,
            name = escape::xml(&placed.name),
            text = x + 20.0,
        );
    }
    out.push_str("</svg>");
    out
}

/// How a state is shown.
struct ShownState {
    class: &'static str,
    /// `" bad"` after a failure.
    bad: &'static str,
    text: String,
}

impl ShownState {
    fn of_service(service: Option<&ServiceState>) -> Self {
        let class = service.map_or("unknown", |service| service.state.as_str());
        let text = match service.map_or(0, |service| service.restarts) {
            0 => class.to_owned(),
            1 => format!("{class}, 1 restart"),
            n => format!("{class}, {n} restarts"),
        };
        ShownState { class, bad: bad(service.is_some_and(|service| service.cause.is_failure())), text }
    }

    /// The state of the first member that is not in Run, if there is one, and how many are.
    fn of_family(stem: &str, states: &States) -> Self {
        let members: Vec<&ServiceState> =
            states.iter().filter(|service| crate::graph::is_member_name(stem, &service.name)).collect();
        let is_up = |service: &&&ServiceState| service.is_in(State::Run);
        let shown = members.iter().find(|service| !is_up(service)).or(members.first());
        let text = format!("{} of {} in run", members.iter().filter(is_up).count(), members.len());
        ShownState {
            class: shown.map_or("unknown", |service| service.state.as_str()),
            bad: bad(shown.is_some_and(|service| service.cause.is_failure())),
            text,
        }
    }
}

fn bad(is_bad: bool) -> &'static str {
    if is_bad { " bad" } else { "" }
}

fn label(out: &mut String, line: &PlacedLine) {
    let (x, middle) = line.label;
    let (wide, high) = label_size(&line.texts);
    let (left, top) = (x - wide / 2.0, middle - high / 2.0);
    let _ = write!(
        out,
        "<rect class=\"p\" x=\"{left:.0}\" y=\"{top:.0}\" width=\"{wide:.0}\" height=\"{high}\" rx=\"4\"/>"
    );
    for (at, text) in line.texts.iter().enumerate() {
        let y = top + 11.5 + at as f64 * 15.0;
        let _ = write!(out, "<text x=\"{x:.0}\" y=\"{y:.0}\">{}</text>", escape::xml(&short(text)));
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= MAX_TEXT_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_TEXT_CHARS - 1).chain(['\u{2026}']).collect()
}

struct Marker(&'static str);

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<marker id=\"{}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"9\" markerHeight=\"9\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker>",
            self.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::graph_layout::tests::draw;
    use crate::{Context, Daemon, Runner, Service};

    struct Waits;

    impl Runner for Waits {
        async fn run(&mut self, cx: &Context) -> crate::Result {
            cx.cancelled().await;
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn x25_picture_is_made_when_it_is_first_asked_for() {
        let daemon = Daemon::new("d").signals([]).add(Service::new("db", Waits));
        let handle = daemon.add(Service::new("api", Waits).needs(["db"])).start().await.unwrap();
        let pictures = handle.core().extensions.get::<Pictures>().unwrap();
        let made = || {
            let texts = [&pictures.json, &pictures.mermaid, &pictures.dot].map(|text| text.get().is_some());
            let layouts = [&pictures.right, &pictures.down].map(|layout| layout.get().is_some());
            (texts, layouts)
        };
        assert_eq!(made(), ([false; 3], [false; 2]));
        assert_eq!(pictures.layout(true).lines.len(), 1);
        assert!(pictures.dot().contains("s1 -> s0 [label = \"needs\""), "{}", pictures.dot());
        assert_eq!(made(), ([false, false, true], [false, true]));
    }

    #[tokio::test(start_paused = true)]
    async fn f80_picture_of_a_family_says_how_many_of_its_members_are_in_run() {
        let workers = crate::Family::new("workers", [Service::new("w", Waits), Service::new("w", Waits)]);
        let handle = Daemon::new("d").signals([]).family(workers).start().await.unwrap();
        handle.wait_for(["worker-0", "worker-1"], State::Run).await.unwrap();
        handle.stop("worker-1").await.unwrap();
        let pictures = handle.core().extensions.get::<Pictures>().unwrap();
        let svg = svg(pictures.layout(false), &handle.states());
        assert!(svg.contains("<g class=\"exit\" data-service=\"workers\">"), "{svg}");
        assert!(svg.contains(">1 of 2 in run</text>"), "{svg}");
    }

    #[test]
    fn svg_of_a_name_with_markup_escapes_it() {
        let layout = draw(&[("\"><script>alert(1)</script>\u{0}", &[])], false);
        let svg = svg(&layout, &States::new(0, Vec::new()));
        assert!(!svg.contains("<script"), "{svg}");
        assert!(!svg.contains('\u{0}'));
    }

    #[test]
    fn svg_line_has_its_condition_as_label() {
        let svg = svg(&draw(&[("db", &[]), ("api", &["db"])], false), &States::new(0, Vec::new()));
        let line = "data-from=\"api\" data-to=\"db\"><title>api to db: in Run: run</title><path d=\"M";
        assert!(svg.contains(line) && svg.contains(">in Run: run</text>"), "{svg}");
    }
}
