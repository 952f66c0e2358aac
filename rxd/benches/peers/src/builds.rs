//! What it costs to build a program of three services.

use crate::generated;
use crate::sample::SUBJECTS;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The services of the crate of which `cargo check` is timed.
const SERVICES: usize = 200;

/// How often the check is timed. The median counts.
const CHECKS: usize = 5;

/// The dependencies of a subject's program besides tokio, and the program.
fn program(subject: &str) -> (&'static str, &'static str) {
    match subject {
        "floor" => (generated::TOKIO_UTIL, include_str!("../programs/floor.rs")),
        "rxd" => (generated::RXD, include_str!("../programs/rxd.rs")),
        "supervised" => ("supervised = \"=0.3.0\"", include_str!("../programs/supervised.rs")),
        "task-supervisor" => (generated::TASK_SUPERVISOR, include_str!("../programs/task_supervisor.rs")),
        "tokio-graceful-shutdown" => ("tokio-graceful-shutdown = \"=0.20.0\"", include_str!("../programs/graceful.rs")),
        "kameo" => ("kameo = \"=0.22.2\"", include_str!("../programs/kameo.rs")),
        _ => ("ractor = \"=0.16.5\"\nractor-supervisor = \"=0.2.0\"", include_str!("../programs/ractor.rs")),
    }
}

/// One program that was built.
#[derive(Debug)]
struct Built {
    subject: &'static str,
    seconds: f64,
    crates: usize,
    bytes: u64,
}

/// The builds of all subjects, and the checks.
#[derive(Debug)]
pub struct Builds {
    built: Vec<Built>,
    /// Seconds of `cargo check`: declared, by hand.
    checks: [f64; 2],
}

impl Builds {
    /// Builds everything, in a folder beside this program.
    pub fn run() -> Self {
        let exe = std::env::current_exe().expect("this program");
        let place = exe.parent().expect("a folder").join("builds");
        let _ = std::fs::remove_dir_all(&place);
        let subjects = SUBJECTS.into_iter().filter(|subject| !subject.contains(','));
        let built = subjects.map(|subject| build(&place.join(subject), subject)).collect();
        let checks = checks(&place);
        let _ = std::fs::remove_dir_all(&place);
        Builds { built, checks }
    }

    /// How many crates the default build of rxd has, rxd and its macros among them.
    pub fn crates(&self) -> Option<f64> {
        self.built.iter().find(|built| built.subject == "rxd").map(|built| built.crates as f64)
    }

    /// The check of declared services to that of the same by hand.
    pub fn declared(&self) -> Option<f64> {
        let [declared, by_hand] = self.checks;
        Some(declared / by_hand)
    }

    /// As a table.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "A program of three services from an empty target folder by `cargo build --release`, its source in \
             [programs](programs); crates are all that are compiled for it but itself; the size is stripped.\n\n\
             | | seconds | crates | KiB |\n| --- | --- | --- | --- |\n",
        );
        for Built { subject, seconds, crates, bytes } in &self.built {
            let _ = writeln!(text, "| {subject} | {seconds:.1} | {crates} | {} |", bytes / 1024);
        }
        let [declared, by_hand] = self.checks;
        let _ = writeln!(
            text,
            "\n`cargo check` of {SERVICES} services in one crate, each watching the one before it, dependencies built: \
             declared by attributes {declared:.2} s, with the same by `Service::new` and `watch` {by_hand:.2} s, \
             median of {CHECKS}. What is declared is checked there as a graph, what is built by hand at start."
        );
        text
    }
}

/// A package with this program, in this folder.
fn package(place: &Path, needs: &str, source: &str) {
    generated::package(place, "three", needs);
    std::fs::write(place.join("src/main.rs"), source).expect("a program");
}

fn cargo(place: &Path, args: &[&str]) -> String {
    generated::cargo(place, &place.join("target"), args)
}

fn build(place: &Path, subject: &'static str) -> Built {
    let (needs, source) = program(subject);
    package(place, needs, source);
    cargo(place, &["fetch"]);
    let begun = Instant::now();
    cargo(place, &["build", "--release"]);
    let seconds = begun.elapsed().as_secs_f64();
    let tree = cargo(place, &["tree", "--edges", "normal,build", "--prefix", "none", "--no-dedupe", "--format", "{p}"]);
    let mut crates: Vec<&str> = tree.lines().map(|line| line.split(" (").next().unwrap_or(line)).collect();
    crates.sort_unstable();
    crates.dedup();
    let bytes = std::fs::metadata(place.join("target/release/three")).expect("a program").len();
    Built { subject, seconds, crates: crates.len() - 1, bytes }
}

/// The services as attributes declare them.
fn declared() -> String {
    let mut text = String::from("#![allow(dead_code)]\n");
    let mut fields = String::new();
    for at in 0..SERVICES {
        let watch = if at > 0 { format!("#[watch(any, entering, Run, \"s{}\")]\n", at - 1) } else { String::new() };
        let _ = write!(
            text,
            "#[rxd::service(name = \"s{at}\", startup_delay = \"1ms\")]\n{watch}struct S{at};\n{}",
            runner(at)
        );
        let _ = writeln!(fields, "    s{at}: S{at},");
    }
    let values: String = (0..SERVICES).map(|at| format!("s{at}: S{at}, ")).collect();
    text + &format!(
        "#[rxd::daemon]\nstruct D {{\n{fields}}}\n#[tokio::main]\nasync fn main() -> rxd::Result {{ D {{ {values} }}.run().await }}\n"
    )
}

/// The same by hand.
fn by_hand() -> String {
    let mut text =
        String::from("use rxd::{Action, Daemon, Options, Service, State, When};\nuse std::time::Duration;\n");
    let mut adds = String::new();
    for at in 0..SERVICES {
        let _ = write!(text, "struct S{at};\n{}", runner(at));
        let watch = if at > 0 {
            format!(".watch(When::any(Action::Entering, State::Run, [\"s{}\"]))", at - 1)
        } else {
            String::new()
        };
        let _ = writeln!(
            adds,
            "    let d = d.add(Service::new(\"s{at}\", S{at}).options(Options::DEFAULT.startup_delay(Duration::from_millis(1))){watch});"
        );
    }
    text + &format!(
        "#[tokio::main]\nasync fn main() -> rxd::Result {{\n    let d = Daemon::new(\"d\");\n{adds}    d.run().await\n}}\n"
    )
}

fn runner(at: usize) -> String {
    format!(
        "impl rxd::Runner for S{at} {{\n    async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {{ cx.cancelled().await; Ok(()) }}\n}}\n"
    )
}

/// Seconds of `cargo check` of both, measured in turn.
fn checks(place: &Path) -> [f64; 2] {
    let places: [PathBuf; 2] = ["declared", "by-hand"].map(|name| place.join(name));
    for (place, source) in places.iter().zip([declared(), by_hand()]) {
        package(place, program("rxd").0, &source);
        cargo(place, &["check"]);
    }
    let mut seconds = [const { Vec::new() }; 2];
    for _ in 0..CHECKS {
        for (place, seconds) in places.iter().zip(&mut seconds) {
            let main = place.join("src/main.rs");
            let source = std::fs::read_to_string(&main).expect("a program");
            std::fs::write(&main, source + "// again\n").expect("a program");
            let begun = Instant::now();
            cargo(place, &["check"]);
            seconds.push(begun.elapsed().as_secs_f64());
        }
    }
    seconds.map(|mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[CHECKS / 2]
    })
}
