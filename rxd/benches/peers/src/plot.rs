//! Plots: lines over logarithmic axes, as SVG.

use crate::sample::SUBJECTS;
use crate::stats::Results;
use std::fmt::Write;
use std::path::Path;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
const COLOURS: [&str; 8] = ["#555555", "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#ff7f0e"];

/// One line: its name, and its points.
type Line = (String, Vec<(f64, f64)>);

/// Writes all plots into this folder.
pub fn all(results: &Results, folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a plot");
    let line = |case: &str, who: &str, runtime: &str, over: &[usize], name: &str, scale: fn(usize) -> f64| {
        let points = over.iter().filter_map(|&n| {
            let value = results.get(case, who, runtime, n, name)?.median() * scale(n);
            // A logarithmic axis has no zero: "none" is drawn at a half.
            (value > 0.0).then_some(((n as f64).max(0.5), value))
        });
        points.collect::<Vec<_>>()
    };
    let each = |n: usize| 1.0 / n as f64;
    let counts = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
    for (file, title, name) in [("start", "start: us a service", "start_ns"), ("stop", "stop: us a service", "stop_ns")]
    {
        let of = |who: &&str| (who.to_string(), line("start", who, "two", &counts, name, each));
        let lines: Vec<Line> = SUBJECTS.iter().map(of).collect();
        write(&format!("{file}.svg"), plot(title, "services", lines, 1e-3));
    }
    let observers = [1, 10, 100, 1_000];
    let of =
        |(who, name): &(&str, &str)| (name.to_string(), line("observe", who, "two", &observers, "p50_ns", |_| 1.0));
    let who = [
        ("floor", "tokio::sync::watch"),
        ("rxd", "rxd"),
        ("tokio-graceful-shutdown", "graceful"),
        ("kameo", "kameo"),
        ("ractor-supervisor", "ractor"),
    ];
    write("observe.svg", plot("change to last observer, p50: us", "observers", who.iter().map(of).collect(), 1e-3));
    let edges = [0, 1, 3, 10, 30];
    let of = |(name, words): (&str, &str)| (words.to_owned(), line("edges", "rxd", "two", &edges, name, |_| 1e-3));
    let lines = [("start_ns", "start"), ("stop_ns", "stop")].map(of).into();
    write("edges.svg", plot("1,000 services: us each", "edges a service", lines, 1e-3));
    let topics = [10, 100, 1_000, 10_000];
    let of = |(name, words): (&str, &str)| (words.to_owned(), line("topics", "rxd", "one", &topics, name, |_| 1.0));
    let lines = [("make_ns", "made"), ("message_ns", "a message")].map(of).into();
    write("topics.svg", plot("topics: us each", "topics", lines, 1e-3));
    let of =
        |(case, words, over): (&str, &str, &[usize])| (words.to_owned(), line(case, "rxd", "one", over, "ns", |_| 1.0));
    let lines = [
        ("board-watches", "watches on it", &[0, 1, 10, 100, 1_000][..]),
        ("board-others", "others, watched", &[0, 1_000, 100_000][..]),
        ("board-services", "services in turn", &[1, 100, 10_000, 100_000][..]),
    ];
    write("watches.svg", plot("one transition: us", "how many", lines.map(of).into(), 1e-3));
    let over = [1, 10, 100, 1_000];
    let of = |(case, who, words): (&str, &str, &str)| (words.to_owned(), line(case, who, "one", &over, "ns", |_| 1.0));
    let lines = [
        ("board-any", "rxd", "rxd, any"),
        ("board-all", "rxd", "rxd, all"),
        ("board-any", "floor", "any by hand"),
        ("board-all", "floor", "all by hand"),
    ];
    write("conditions.svg", plot("any and all of K, a change: us", "K", lines.map(of).into(), 1e-3));
}

/// The decades that hold these values.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    if high > low { (low, high) } else { (low, low + 1.0) }
}

fn decade(at: f64, value: f64) -> String {
    match at {
        at if at >= 6.0 => format!("{}M", value / 1e6),
        at if at >= 3.0 => format!("{}k", value / 1e3),
        _ => format!("{value}"),
    }
}

fn plot(title: &str, below: &str, lines: Vec<Line>, unit: f64) -> String {
    let lines: Vec<Line> = lines.into_iter().filter(|(_, points)| !points.is_empty()).collect();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{title}</text>\n"
    );
    if lines.is_empty() {
        return svg + "</svg>\n";
    }
    let (left, right) = decades(lines.iter().flat_map(|(_, points)| points.iter().map(|point| point.0)));
    let (low, high) = decades(lines.iter().flat_map(|(_, points)| points.iter().map(|point| point.1 * unit)));
    let x = |value: f64| LEFT + (value.log10() - left) / (right - left) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - (value.log10() - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
    for at in left as i32..=right as i32 {
        let value = 10_f64.powi(at);
        let (x, y) = (x(value), HEIGHT - BOTTOM);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{y}\" stroke=\"#ddd\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            y + 16.0,
            decade(f64::from(at), value)
        );
    }
    for at in low as i32..=high as i32 {
        let value = 10_f64.powi(at);
        let (x, y) = (WIDTH - RIGHT, y(value));
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{x}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            y + 4.0,
            decade(f64::from(at), value)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{below}</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 10.0
    );
    for (nth, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[nth % COLOURS.len()];
        let width = if name.starts_with("rxd") { 3.0 } else { 1.5 };
        let path: Vec<String> =
            points.iter().map(|&(at, value)| format!("{:.1},{:.1}", x(at), y(value * unit))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
            path.join(" ")
        );
        for &(at, value) in points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\" fill=\"{colour}\"/>",
                x(at),
                y(value * unit)
            );
        }
        let (lx, ly) = (WIDTH - RIGHT + 12.0, TOP + 14.0 + 18.0 * nth as f64);
        let _ = writeln!(
            svg,
            "<path d=\"M{lx} {}h16\" stroke=\"{colour}\" stroke-width=\"{width}\"/><text x=\"{}\" y=\"{ly}\">{name}</text>",
            ly - 4.0,
            lx + 22.0
        );
    }
    svg + "</svg>\n"
}
