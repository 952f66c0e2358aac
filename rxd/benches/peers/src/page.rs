//! RESULTS.md: the results of a run, the machine, and what the results do not say.

use crate::builds::Builds;
use crate::machine;
use crate::sample::{COME_AND_GO, RESTARTS, SUBJECTS};
use crate::stats::{Figure, Results};
use std::fmt::Write;

/// What each subject leaves out of the work that rxd does.
const LEAVES_OUT: [(&str, &str); 8] = [
    ("floor", "everything: no names, states, order, restarts, reports"),
    (
        "rxd",
        "nothing: each service goes through Init, Idle, Run, Stop and Exit, eight to ten transitions, each numbered, timed, kept and published to watches",
    ),
    (
        "rxd, four methods",
        "nothing: as rxd, and it implements `init`, `idle` and `stop`, which are called; rxd does not call a method that is not implemented",
    ),
    (
        "supervised",
        "states of single services, watches, order, a stop method; it restarts at once only a service that ended well: after a failure its shortest delay is a millisecond",
    ),
    (
        "task-supervisor",
        "order, watches, a stop method; its status is polled; its shortest restart delay is a millisecond, tokio's timer",
    ),
    (
        "tokio-graceful-shutdown",
        "restarts (written by hand here, as its example does), states, watches but for `finished`",
    ),
    (
        "kameo",
        "order by dependency, states; its stop returned while an unresponsive actor was still running (see the wedge test)",
    ),
    (
        "ractor-supervisor",
        "`post_stop` of children: stopping the supervisor kills them, so its stop is not clean; states",
    ),
];

/// The packages whose versions are named.
const PEERS: [&str; 8] = [
    "tokio",
    "tokio-util",
    "supervised",
    "task-supervisor",
    "tokio-graceful-shutdown",
    "kameo",
    "ractor",
    "ractor-supervisor",
];

const RUNTIMES: [(&str, &str); 2] = [("one", "`current_thread`"), ("two", "`multi_thread`, two workers")];

/// Writes the page.
pub struct Page<'a> {
    results: &'a Results,
    text: String,
}

/// Nanoseconds in a readable unit.
fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e4 => format!("{:.2} us", ns / 1e3),
        ns if ns < 1e6 => format!("{:.0} us", ns / 1e3),
        ns if ns < 1e8 => format!("{:.2} ms", ns / 1e6),
        ns if ns < 1e9 => format!("{:.0} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

fn times(figure: Option<&Figure>) -> String {
    figure.map_or("-".into(), |figure| {
        let (least, most) = figure.range();
        match figure.len() {
            1 => time(figure.median()),
            _ => format!("{} ({} to {})", time(figure.median()), time(least), time(most)),
        }
    })
}

fn number(figure: Option<&Figure>) -> String {
    figure.map_or("-".into(), |figure| match figure.median() {
        small if small.abs() < 100.0 && small.fract().abs() > 0.05 => format!("{small:.1}"),
        large => format!("{large:.0}"),
    })
}

impl<'a> Page<'a> {
    pub fn new(results: &'a Results) -> Self {
        Page { results, text: String::new() }
    }

    fn line(&mut self, text: &str) {
        self.text += text;
        self.text.push('\n');
    }

    fn heads(&mut self, heads: &[&str]) {
        self.line("");
        self.line(&format!("| {} |", heads.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(heads.len())));
    }

    fn get(&self, case: &str, subject: &str, runtime: &str, n: usize, name: &str) -> Option<&'a Figure> {
        self.results.get(case, subject, runtime, n, name)
    }

    fn ratio(&self, case: &str, (ours, theirs): (&str, &str), runtime: &str, n: usize, name: &str) -> Option<f64> {
        let of = |subject| Some(self.get(case, subject, runtime, n, name)?.median());
        Some(of(ours)? / of(theirs)?)
    }

    fn to_floor(&self, case: &str, subject: &str, runtime: &str, n: usize, name: &str) -> String {
        self.ratio(case, (subject, "floor"), runtime, n, name).map_or("-".into(), |ratio| format!("{ratio:.2}"))
    }

    /// The whole page.
    pub fn write(mut self, samples: usize, builds: Option<&Builds>) -> String {
        self.line("# What rxd costs, beside comparable crates\n");
        self.line("Written by `cargo run --release` in this folder; do not edit. [README.md](README.md) says how.\n");
        self.line("What compiling many services costs is in [COST.md](COST.md), which is measured by itself.\n");
        self.line(&machine::describe("release profile", &PEERS));
        let _ = writeln!(
            self.text,
            "\nEach figure is the median of {samples} samples, with the least and the most in brackets; each sample is a process of \
             its own, and the subjects take turns. Read the ratios: all figures that are compared come from the same run."
        );
        self.targets(builds);
        self.starting();
        self.restarting();
        self.coming_and_going();
        self.observing();
        self.wedging();
        self.transitions();
        self.growth();
        if let Some(builds) = builds {
            self.line("\n## Build cost\n");
            self.text += &builds.text();
        }
        self.left_out();
        self.line("\n## What is not claimed\n");
        for text in [
            "That another machine, or a service that does real work, has these absolute times.",
            "That a peer is slow at its own purpose: the work here is rxd's, and each peer does the part of it that it offers.",
            "Anything about logging: there is no subscriber. With one, rxd's transitions are events at DEBUG.",
            "Anything about more than two cores.",
            "That a restart with a back-off costs the same: here there is none.",
        ] {
            self.line(&format!("* {text}"));
        }
        self.text
    }

    /// The table of the project's README.
    pub fn summary(mut self) -> String {
        let heads = [
            "`multi_thread`, two workers",
            "start 1,000",
            "stop 1,000",
            "start 10,000",
            "stop 10,000",
            "bytes a service",
            "a restart",
            "change to observer, p50",
        ];
        self.heads(&heads);
        for subject in SUBJECTS {
            let start =
                |n, name| self.get("start", subject, "two", n, name).map_or("-".into(), |figure| time(figure.median()));
            let restart =
                self.get("restart", subject, "two", 1, "restart_ns").map_or("-".into(), |figure| time(figure.median()));
            let observed =
                self.get("observe", subject, "two", 1, "p50_ns").map_or("-".into(), |figure| time(figure.median()));
            let bytes = number(self.get("start", subject, "two", 10_000, "bytes"));
            let [a, b, c, d] = [(1_000, "start_ns"), (1_000, "stop_ns"), (10_000, "start_ns"), (10_000, "stop_ns")]
                .map(|(n, name)| start(n, name));
            let name = match subject {
                "floor" => "bare tokio",
                "rxd" => "**rxd**",
                other => other,
            };
            let _ = writeln!(self.text, "| {name} | {a} | {b} | {c} | {d} | {bytes} | {restart} | {observed} |");
        }
        self.text
            + "\nMedians of one run in which the subjects took turns. What each subject leaves out of the work, what\n\
               is not claimed, and the command that repeats the measurement are in\n\
               [RESULTS.md](rxd/benches/peers/RESULTS.md).\n"
    }

    /// Whether the bodies of all services ended.
    fn has_stopped(&self, subject: &str, runtime: &str, n: usize) -> bool {
        self.get("start", subject, runtime, n, "ended").is_none_or(|ended| ended.median() >= n as f64)
    }

    fn targets(&mut self, builds: Option<&Builds>) {
        self.line("\n## Targets");
        self.heads(&["", "aim", "here", ""]);
        for (runtime, words) in RUNTIMES {
            for n in [1_000, 10_000] {
                for name in ["start_ns", "stop_ns"] {
                    let what = format!("{} of {n}, {words}", &name[..name.len() - 3]);
                    let ratio = self.ratio("start", ("rxd", "floor"), runtime, n, name);
                    self.target(&what, "at most 1.5 of the floor", ratio, 1.5);
                    // To kill is not to stop: a peer counts if its services were cancelled and have
                    // ended.
                    let peers = SUBJECTS[3..].iter();
                    let peers = peers.filter(|peer| name != "stop_ns" || self.has_stopped(peer, runtime, n));
                    let best = peers.filter_map(|peer| self.ratio("start", ("rxd", peer), runtime, n, name));
                    self.target(&what, "less than the fastest peer", best.reduce(f64::max), 1.0);
                }
            }
            let per = |n: usize, name: &str| Some(self.get("start", "rxd", runtime, n, name)?.median() / n as f64);
            let linear = per(100_000, "start_ns").zip(per(1_000, "start_ns")).map(|(large, small)| large / small);
            self.target(&format!("start of 100,000 to 1,000, each service, {words}"), "linear", linear, 1.5);
            let restart = self.ratio("restart", ("rxd", "floor"), runtime, 1, "restart_ns");
            self.target(&format!("restart without delay, {words}"), "at most 3 of a bare respawn", restart, 3.0);
            let us = self.get("restart", "rxd", runtime, 1, "restart_ns").map(|figure| figure.median() / 1e3);
            self.target(&format!("the same in us, {words}"), "under 1.5", us, 1.5);
            for name in ["add_ns", "remove_ns"] {
                let what = format!("{} 10000 while it runs, {words}", &name[..name.len() - 3]);
                let ratios =
                    COME_AND_GO[2..].iter().filter(|peer| name != "remove_ns" || **peer != "ractor-supervisor");
                let best = ratios.filter_map(|peer| self.ratio("come-and-go", ("rxd", peer), runtime, 10_000, name));
                self.target(&what, "less than the fastest peer", best.reduce(f64::max), 1.0);
            }
            for (subject, what) in [("rxd, its board", "transition"), ("rxd", "end of Run")] {
                let observed = self.ratio("observe", (subject, "floor"), runtime, 1, "p50_ns");
                self.target(&format!("{what} to observer, p50, {words}"), "`tokio::sync::watch`", observed, 1.0);
            }
        }
        for (name, what, aim) in [
            ("bytes", "live bytes a service beyond the floor's", 256.0),
            ("blocks", "live allocations a service beyond the floor's", 1.0),
        ] {
            let of = |subject| Some(self.get("start", subject, "two", 10_000, name)?.median());
            let beyond = of("rxd").zip(of("floor")).map(|(ours, floor)| ours - floor);
            self.target(what, &format!("at most {aim}"), beyond, aim + 0.05);
        }
        let rate =
            self.get("board-threads", "rxd", "one", 10_000, "per_s").map(|figure| 10.0 / (figure.median() / 1e6));
        self.target("time of ten million unwatched transitions, two threads, in s", "at most 1", rate, 1.0);
        for (case, n) in [("board-flat", 100), ("flat", 1_250_000)] {
            let runtime = if case == "flat" { "two" } else { "one" };
            let grown = self.get(case, "rxd", runtime, n, "grown_bytes").map(Figure::median);
            let place = if case == "flat" { "under an engine" } else { "of the board" };
            self.target(&format!("bytes grown over 10^7 transitions {place}"), "0", grown, 0.0);
        }
        if let Some(builds) = builds {
            self.target("crates of the default build", "at most 30", builds.crates(), 30.0);
            self.target("check of 200 declared services to 200 by hand", "at most 1.2", builds.declared(), 1.2);
        }
    }

    fn target(&mut self, what: &str, aim: &str, here: Option<f64>, limit: f64) {
        let Some(here) = here else { return };
        let verdict = if here <= limit { "met" } else { "**missed**" };
        let _ = writeln!(self.text, "| {what} | {aim} | {here:.2} | {verdict} |");
    }

    fn starting(&mut self) {
        self.line("\n## Start and stop\n");
        self.line(
            "Start: from the list of names until the last body runs. Stop: until the subject reports that all have ended. \
             `killed` marks a subject whose bodies had not ended by then; it does not count as a peer in the table above.",
        );
        self.line("\n![start](plots/start.svg) ![stop](plots/stop.svg)");
        for (runtime, words) in RUNTIMES {
            for n in [10, 100, 1_000, 10_000, 100_000] {
                self.line(&format!("\n### {n} services, {words}"));
                self.heads(&[
                    "",
                    "start",
                    "to the floor",
                    "stop",
                    "to the floor",
                    "live bytes",
                    "live blocks",
                    "allocations",
                ]);
                for subject in SUBJECTS {
                    let get = |name| self.get("start", subject, runtime, n, name);
                    let (start, stop) = (times(get("start_ns")), times(get("stop_ns")));
                    let (bytes, blocks, calls) = (number(get("bytes")), number(get("blocks")), number(get("calls")));
                    let of = |name| self.to_floor("start", subject, runtime, n, name);
                    let (a, mut b) = (of("start_ns"), of("stop_ns"));
                    if !self.has_stopped(subject, runtime, n) {
                        b += " (killed)";
                    }
                    self.line(&format!("| {subject} | {start} | {a} | {stop} | {b} | {bytes} | {blocks} | {calls} |"));
                }
            }
        }
        self.line(
            "\nBytes, blocks and allocations are those of one service, once all run. What each subject leaves out:\n",
        );
        for (subject, what) in LEAVES_OUT {
            self.line(&format!("* {subject}: {what}."));
        }
        self.line("\nOnce, for the record: 1,000,000 services, `multi_thread`, two workers.");
        self.heads(&["", "start", "stop", "live bytes"]);
        for subject in ["floor", "rxd"] {
            let get = |name| self.get("start", subject, "two", 1_000_000, name);
            let row = (times(get("start_ns")), times(get("stop_ns")), number(get("bytes")));
            self.line(&format!("| {subject} | {} | {} | {} |", row.0, row.1, row.2));
        }
    }

    fn restarting(&mut self) {
        self.line(&format!("\n## One service, started again {RESTARTS} times without delay"));
        self.heads(&["", "`current_thread`, each", "to the floor", "`multi_thread`, each", "to the floor"]);
        for subject in SUBJECTS {
            let of = |runtime| times(self.get("restart", subject, runtime, 1, "restart_ns"));
            let ratio = |runtime| self.to_floor("restart", subject, runtime, 1, "restart_ns");
            let (a, b, c, d) = (of("one"), ratio("one"), of("two"), ratio("two"));
            self.line(&format!("| {subject} | {a} | {b} | {c} | {d} |"));
        }
        self.line("\nThe floor spawns a task, awaits it, and spawns the next. rxd leaves Run, passes Stop, Init and Idle, and enters Run: eight transitions.");
    }

    fn coming_and_going(&mut self) {
        self.line("\n## Services that come and go\n");
        self.line(
            "Services are added one after the other to what runs already, until all run; then each is removed by its \
             name, and its end is waited for. For each service:",
        );
        for (runtime, words) in RUNTIMES {
            self.heads(&[words, "services", "add", "to the floor", "remove", "to the floor"]);
            for n in [1_000, 10_000] {
                for subject in COME_AND_GO {
                    let of = |name| {
                        let median = self.get("come-and-go", subject, runtime, n, name).map(Figure::median);
                        median.map_or("-".into(), |total| time(total / n as f64))
                    };
                    let ratio = |name| self.to_floor("come-and-go", subject, runtime, n, name);
                    let (add, remove) = (of("add_ns"), of("remove_ns"));
                    let (a, b) = (ratio("add_ns"), ratio("remove_ns"));
                    self.line(&format!("| {subject} | {n} | {add} | {a} | {remove} | {b} |"));
                }
            }
        }
        self.line(
            "\nThe floor keeps tasks in a map by name. rxd checks each addition against the graph that runs. \
             task-supervisor keeps what was removed in its list. With tokio-graceful-shutdown and kameo the caller \
             keeps a handle to each, here in a map; a name finds nothing. ractor-supervisor kills a child, and does \
             not wait for its `post_stop`. supervised adds nothing while it runs.",
        );
    }

    fn observing(&mut self) {
        self.line("\n## From a change to its observers\n");
        self.line(
            "The time from just before the change until the last observer has received it. The floor is \
             `tokio::sync::watch`. On its board alone rxd makes a transition where the floor changes a value. \
             Otherwise a service's `run` returns, and before an observer is woken the engine has dropped the \
             method, chosen the next state and made the transitions up to the next wait.",
        );
        self.line("\n![change to observer](plots/observe.svg)");
        for (runtime, words) in RUNTIMES {
            self.heads(&[words, "observers", "p50", "to the floor", "p99"]);
            for n in [1, 10, 100, 1_000] {
                for subject in
                    ["floor", "rxd, its board", "rxd", "tokio-graceful-shutdown", "kameo", "ractor-supervisor"]
                {
                    let Some(p50) = self.get("observe", subject, runtime, n, "p50_ns") else { continue };
                    let p99 = times(self.get("observe", subject, runtime, n, "p99_ns"));
                    let ratio = self.to_floor("observe", subject, runtime, n, "p50_ns");
                    self.line(&format!("| {subject} | {n} | {} | {ratio} | {p99} |", times(Some(p50))));
                }
            }
        }
        self.line("\ntokio-graceful-shutdown reports the end of a subsystem; kameo and ractor report the end of an actor. supervised reports no single service; task-supervisor is polled.");
    }

    fn wedging(&mut self) {
        self.line("\n## One of ten services ignores its cancellation\n");
        self.line("The deadline is 500 ms; kameo and ractor have none, so it is set from outside. `peers wedge` passes or fails this test for rxd.");
        self.heads(&["", "exit after, ms", "of 9 others stopped cleanly", "its name in the error"]);
        for subject in SUBJECTS {
            let get = |name| self.get("wedge", subject, "two", 10, name);
            let named = match get("named").map(Figure::median) {
                Some(named) if named > 0.0 => "yes",
                _ => "no",
            };
            let (took, ended) = (number(get("took_ms")), number(get("ended")));
            self.line(&format!("| {subject} | {took} | {ended} | {named} |"));
        }
    }

    fn transitions(&mut self) {
        self.line("\n## What one transition costs\n");
        self.line("rxd's board without engines: a transition is published, and its watches are updated.");
        self.heads(&["", "ns a transition"]);
        let base = self.get("board-watches", "rxd", "one", 0, "ns").map(Figure::median);
        let mut row = |what: String, figure: Option<&Figure>| {
            let ratio = figure.zip(base).map(|(figure, base)| figure.median() / base).unwrap_or_default();
            let _ = writeln!(self.text, "| {what} | {} = {ratio:.2} |", times(figure));
        };
        for n in [0, 1, 10, 100, 1_000] {
            row(format!("{n} watches on its service"), self.results.get("board-watches", "rxd", "one", n, "ns"));
        }
        for n in [1_000, 100_000] {
            row(format!("{n} other services, each watched"), self.results.get("board-others", "rxd", "one", n, "ns"));
        }
        for n in [1, 100, 10_000, 100_000] {
            row(format!("{n} services in turn"), self.results.get("board-services", "rxd", "one", n, "ns"));
        }
        for n in [2, 100, 10_000] {
            let rate = number(self.get("board-threads", "rxd", "one", n, "per_s"));
            self.line(&format!("| two threads at once, {n} services | {rate} a second |"));
        }
        self.line("\nA task that waits for any or all of K services, woken and polled after each transition of one of them; by hand it holds K receivers of `tokio::sync::watch`. No peer has such a watch.");
        self.heads(&["K", "rxd, any", "by hand", "rxd, all", "by hand"]);
        for n in [1, 10, 100, 1_000] {
            let of = |case, subject| times(self.get(case, subject, "one", n, "ns"));
            let cells =
                [of("board-any", "rxd"), of("board-any", "floor"), of("board-all", "rxd"), of("board-all", "floor")];
            self.line(&format!("| {n} | {} |", cells.join(" | ")));
        }
        self.line("\nrxd's watch returns the state of each of its K services with each event; by hand only the truth of the condition is known.");
    }

    fn growth(&mut self) {
        self.line("\n## Growth\n");
        self.line("![edges](plots/edges.svg) ![topics](plots/topics.svg) ![watches](plots/watches.svg) ![any and all](plots/conditions.svg)");
        self.line("\n1,000 services, each of which needs the E services before it: no service starts before its dependencies.");
        self.heads(&["E", "start", "stop", "bytes a service"]);
        for n in [0, 1, 3, 10, 30] {
            let get = |name| self.get("edges", "rxd", "two", n, name);
            let row = (times(get("start_ns")), times(get("stop_ns")), number(get("bytes")));
            self.line(&format!("| {n} | {} | {} | {} |", row.0, row.1, row.2));
        }
        self.line("\nT topics with one subscriber each.");
        self.heads(&["T", "made, each", "a message, each", "bytes, each"]);
        for n in [10, 100, 1_000, 10_000] {
            let get = |name| self.get("topics", "rxd", "one", n, name);
            let row = (times(get("make_ns")), times(get("message_ns")), number(get("bytes")));
            self.line(&format!("| {n} | {} | {} | {} |", row.0, row.1, row.2));
        }
        self.line("\nOne service that is restarted n times, eight transitions each; the bytes grown from the first hundredth to the end.");
        self.heads(&["restarts", "bytes grown"]);
        for n in [1_000, 10_000, 125_000, 1_250_000] {
            let grown = number(self.get("flat", "rxd", "two", n, "grown_bytes"));
            self.line(&format!("| {n} | {grown} |"));
        }
    }

    fn left_out(&mut self) {
        if !self.results.left_out.is_empty() {
            self.line("\n## Measurements that did not finish\n");
            for (key, why) in &self.results.left_out {
                let _ = writeln!(self.text, "* {} of {} {}, {}: {why}", key.case, key.n, key.subject, key.runtime);
            }
        }
    }
}
