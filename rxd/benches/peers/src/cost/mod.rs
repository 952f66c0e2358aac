//! What it costs to compile a program of many services, in CPU time: `peers --cost` writes COST.md.
//!
//! Programs are in [`program`], the page is written by [`page`]. All subjects take turns in each
//! round, so other work of the machine affects all alike.

mod page;
mod program;

use crate::generated;
use crate::stats::Figure;
use nix::sys::resource::{UsageWho, getrusage};
use program::Program;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// One way to write the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// rxd, declared by attributes.
    Declared,
    /// The same without the watches.
    Unwatched,
    /// rxd by `Service::new`.
    Builder,
    /// A task for each service, with a cancellation token and channels.
    Tokio,
    /// The same tasks under task-supervisor.
    TaskSupervisor,
}

use Subject::{Builder, Declared, TaskSupervisor, Tokio, Unwatched};

const SUBJECTS: [Subject; 5] = [Declared, Unwatched, Builder, Tokio, TaskSupervisor];

impl Subject {
    /// As the page calls it.
    fn title(self) -> &'static str {
        match self {
            Declared => "rxd, declared",
            Unwatched => "rxd, no watches",
            Builder => "rxd, builder",
            Tokio => "plain tokio",
            TaskSupervisor => "task-supervisor",
        }
    }

    /// The name of its package.
    fn package(self) -> &'static str {
        match self {
            Declared => "declared",
            Unwatched => "unwatched",
            Builder => "builder",
            Tokio => "plain-tokio",
            TaskSupervisor => "task-supervisor-program",
        }
    }
}

/// The options of the command line.
#[derive(Debug)]
pub struct Options {
    /// How many services are built. Five times as many are checked.
    services: usize,
    rounds: usize,
    out: PathBuf,
}

impl Options {
    pub fn parse(words: &[&str]) -> Option<Self> {
        let mut options = Options { services: 100, rounds: 3, out: PathBuf::from(env!("CARGO_MANIFEST_DIR")) };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--services" => options.services = words.next()?.parse().ok().filter(|&services| services > 0)?,
                "--rounds" => options.rounds = words.next()?.parse().ok().filter(|&rounds| rounds > 0)?,
                "--out" => options.out = words.next()?.into(),
                _ => return None,
            }
        }
        Some(options)
    }

    fn checked(&self) -> usize {
        5 * self.services
    }
}

/// A figure of each subject, in the order of [`SUBJECTS`].
type Row = [Figure; SUBJECTS.len()];

/// What was measured.
#[derive(Debug, Default)]
struct Costs {
    /// CPU seconds of `cargo build` after a method body was touched.
    debug: Row,
    /// CPU seconds of `cargo check` after a method body was touched.
    check: Row,
    /// CPU seconds of `cargo build --release`, without the dependencies.
    release: Row,
    /// Bytes of the release binary, stripped.
    bytes: Row,
}

/// Measures everything, and writes the page.
pub fn run(options: &Options) -> ExitCode {
    let begun = Instant::now();
    let exe = std::env::current_exe().expect("this program");
    // The folder is kept: the next run then finds the dependencies built.
    let folder = exe.parent().expect("a folder").join("cost");
    let costs = Costs {
        debug: measure(&folder, "debug", options.services, options.rounds, &["build"], Before::AllIsBuilt).0,
        check: measure(&folder, "check", options.checked(), options.rounds, &["check"], Before::AllIsBuilt).0,
        ..Costs::default()
    };
    let release = ["build", "--release"];
    let (release, bytes) =
        measure(&folder, "release", options.services, options.rounds, &release, Before::DependenciesAreBuilt);
    let costs = Costs { release, bytes, ..costs };
    let page = page::page(options, &costs);
    println!("{page}");
    std::fs::write(options.out.join("COST.md"), page).expect("COST.md");
    eprintln!("done after {:.0} s", begun.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

/// Prints the CPU seconds of `cargo build --release` of rxd and of plain tokio, dependencies
/// included.
pub fn from_nothing(options: &Options) -> ExitCode {
    let exe = std::env::current_exe().expect("this program");
    let folder = exe.parent().expect("a folder").join("from-nothing");
    let subjects = [Declared, Tokio];
    let mut seconds = subjects.map(|_| Figure::default());
    for round in 1..=options.rounds {
        for (subject, seconds) in subjects.iter().zip(&mut seconds) {
            let (place, target) = (folder.join(subject.package()), folder.join("target"));
            let program = Program { subject: *subject, services: options.services };
            generated::package(&place, subject.package(), subject.needs());
            write(&place.join("src/main.rs"), &program.main());
            (0..program.files()).for_each(|file| write_services(&place, program, file, 0));
            generated::cargo(&place, &target, &["fetch"]);
            let begun = cpu_of_children();
            generated::cargo(&place, &target, &["build", "--release"]);
            seconds.add(cpu_of_children() - begun);
            let _ = std::fs::remove_dir_all(&target);
            println!("round {round}: {}, {} services: {:.1} s", subject.title(), options.services, seconds.median());
        }
    }
    println!("{:.2} of plain tokio's, by the medians so far", seconds[0].median() / seconds[1].median());
    ExitCode::SUCCESS
}

/// What is built before the first round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    DependenciesAreBuilt,
    AllIsBuilt,
}

/// CPU seconds of this command after each touch, and the size of the release binary.
fn measure(folder: &Path, case: &str, services: usize, rounds: usize, command: &[&str], before: Before) -> (Row, Row) {
    // One folder for all targets, since programs share their dependencies.
    let target = folder.join("target");
    let programs = SUBJECTS.map(|subject| Program { subject, services });
    let places = SUBJECTS.map(|subject| folder.join(case).join(subject.package()));
    for (program, place) in programs.iter().zip(&places) {
        generated::package(place, program.subject.package(), program.subject.needs());
        if before == Before::DependenciesAreBuilt {
            write(&place.join("src/main.rs"), "fn main() {}\n");
            generated::cargo(place, &target, command);
        }
        write(&place.join("src/main.rs"), &program.main());
        (0..program.files()).for_each(|file| write_services(place, *program, file, 0));
        if before == Before::AllIsBuilt {
            generated::cargo(place, &target, command);
        }
        eprintln!("{case}: {} is ready", program.subject.title());
    }
    let (mut seconds, mut bytes) = (Row::default(), Row::default());
    for round in 1..=rounds {
        for (at, place) in places.iter().enumerate() {
            write_services(place, programs[at], programs[at].middle(), round);
            let begun = cpu_of_children();
            generated::cargo(place, &target, command);
            seconds[at].add(cpu_of_children() - begun);
            if let Ok(file) = std::fs::metadata(target.join("release").join(SUBJECTS[at].package())) {
                bytes[at].add(file.len() as f64);
            }
        }
        let medians: Vec<String> = seconds.iter().map(|figure| format!("{:.2}", figure.median())).collect();
        eprintln!("{case}: round {round} of {rounds}, CPU seconds so far: {}", medians.join(", "));
    }
    (seconds, bytes)
}

fn write_services(place: &Path, program: Program, file: usize, step: usize) {
    write(&place.join(format!("src/group_{file}.rs")), &program.file(file, step));
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a source file");
}

/// User and system seconds of all children that have ended, and of theirs.
fn cpu_of_children() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of children");
    [usage.user_time(), usage.system_time()].map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).iter().sum()
}
