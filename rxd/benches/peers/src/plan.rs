//! Which samples are taken, and in which order: one process a sample, all subjects in turn.

use crate::builds::Builds;
use crate::page::Page;
use crate::plot;
use crate::sample::{COME_AND_GO, Key, SUBJECTS};
use crate::stats::Results;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// A subject that takes longer than this for one sample is not sampled again.
const SAMPLE_LIMIT: Duration = Duration::from_secs(10);

/// The options of the command line.
#[derive(Debug)]
pub struct Options {
    pub samples: usize,
    pub only: Vec<String>,
    pub builds: bool,
    pub up_to: usize,
    pub out: PathBuf,
}

impl Options {
    pub fn parse(words: &[&str]) -> Option<Self> {
        let out = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut options = Options { samples: 15, only: Vec::new(), builds: true, up_to: usize::MAX, out };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--samples" => options.samples = words.next()?.parse().ok()?,
                "--only" => options.only = words.next()?.split(',').map(str::to_owned).collect(),
                "--up-to" => options.up_to = words.next()?.parse().ok()?,
                "--no-builds" => options.builds = false,
                "--out" => options.out = words.next()?.into(),
                _ => return None,
            }
        }
        Some(options)
    }
}

/// A case to sample, and how many samples to take of it at most.
struct Job {
    key: Key,
    samples: usize,
}

fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut add = |case: &str, subject: &str, runtime: &str, n: usize, samples: usize| {
        let [case, subject, runtime] = [case, subject, runtime].map(str::to_owned);
        jobs.push(Job { key: Key { case, subject, runtime, n }, samples });
    };
    for runtime in ["one", "two"] {
        for n in [10, 100, 1_000, 10_000, 100_000] {
            SUBJECTS.iter().for_each(|subject| add("start", subject, runtime, n, usize::MAX));
        }
        for n in [1, 10, 100, 1_000] {
            ["floor", "rxd", "rxd, its board", "tokio-graceful-shutdown"]
                .iter()
                .for_each(|subject| add("observe", subject, runtime, n, usize::MAX));
        }
        ["kameo", "ractor-supervisor"].iter().for_each(|subject| add("observe", subject, runtime, 1, usize::MAX));
        SUBJECTS.iter().for_each(|subject| add("restart", subject, runtime, 1, usize::MAX));
        for n in [1_000, 10_000] {
            COME_AND_GO.iter().for_each(|subject| add("come-and-go", subject, runtime, n, usize::MAX));
        }
        SUBJECTS.iter().for_each(|subject| add("wedge", subject, runtime, 10, 1));
        [0, 1, 3, 10, 30].iter().for_each(|&n| add("edges", "rxd", runtime, n, usize::MAX));
    }
    ["floor", "rxd"].iter().for_each(|subject| add("start", subject, "two", 1_000_000, 1));
    [0, 1, 10, 100, 1_000].iter().for_each(|&n| add("board-watches", "rxd", "one", n, usize::MAX));
    [0, 1_000, 100_000].iter().for_each(|&n| add("board-others", "rxd", "one", n, usize::MAX));
    [1, 100, 10_000, 100_000].iter().for_each(|&n| add("board-services", "rxd", "one", n, usize::MAX));
    [2, 100, 10_000].iter().for_each(|&n| add("board-threads", "rxd", "one", n, usize::MAX));
    for n in [1, 10, 100, 1_000] {
        for case in ["board-any", "board-all"] {
            ["floor", "rxd"].iter().for_each(|subject| add(case, subject, "one", n, usize::MAX));
        }
    }
    add("board-flat", "rxd", "one", 100, 1);
    [1_000, 10_000, 125_000, 1_250_000].iter().for_each(|&n| add("flat", "rxd", "two", n, 1));
    [10, 100, 1_000, 10_000].iter().for_each(|&n| add("topics", "rxd", "one", n, usize::MAX));
    jobs
}

/// Takes all samples, and writes the results.
pub fn run(options: &Options) -> ExitCode {
    let mut results = Results::default();
    let jobs: Vec<Job> = jobs().into_iter().filter(|job| options.wants(&job.key)).collect();
    let begun = Instant::now();
    for pass in 0..options.samples {
        for job in jobs.iter().filter(|job| pass < job.samples) {
            if !results.left_out.contains_key(&job.key) {
                take(&job.key, &mut results);
            }
        }
        eprintln!("pass {} of {} after {:.0} s", pass + 1, options.samples, begun.elapsed().as_secs_f64());
    }
    println!("{}", results.table());
    let builds = options.builds.then(Builds::run);
    let page = Page::new(&results).write(options.samples, builds.as_ref());
    std::fs::write(options.out.join("RESULTS.md"), page).expect("RESULTS.md");
    if options.out == Path::new(env!("CARGO_MANIFEST_DIR")) {
        readme(&Page::new(&results).summary());
    }
    plot::all(&results, &options.out.join("plots"));
    eprintln!("done after {:.0} s", begun.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

/// Writes the figures between the two marks of the project's README.
fn readme(figures: &str) {
    const MARKS: [&str; 2] = ["<!-- figures -->\n", "<!-- end of figures -->"];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../README.md");
    let text = std::fs::read_to_string(&path).expect("the README");
    let at = MARKS.map(|mark| text.find(mark).expect("a mark"));
    let text = format!("{}{figures}{}", &text[..at[0] + MARKS[0].len()], &text[at[1]..]);
    std::fs::write(path, text).expect("the README");
}

impl Options {
    fn wants(&self, key: &Key) -> bool {
        key.n <= self.up_to && (self.only.is_empty() || self.only.iter().any(|only| key.case.starts_with(&**only)))
    }
}

/// Takes one sample in a process of its own.
fn take(key: &Key, results: &mut Results) {
    let Key { case, subject, runtime, n } = key;
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["sample", case, subject, runtime, &n.to_string()]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("this program again");
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None if begun.elapsed() > 3 * SAMPLE_LIMIT => {
                let _ = child.kill();
                let _ = child.wait();
                results.left_out.insert(key.clone(), format!("not done after {:?}", 3 * SAMPLE_LIMIT));
                return;
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    if !status.success() {
        results.left_out.insert(key.clone(), format!("failed: {status}"));
        return;
    }
    let text = std::io::read_to_string(child.stdout.take().expect("piped")).expect("text");
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(' ').and_then(|(name, value)| Some((name, value.parse().ok()?))) {
            results.note(key, name, value);
        }
    }
    if begun.elapsed() > SAMPLE_LIMIT {
        results.left_out.insert(key.clone(), format!("one sample took {:.0} s", begun.elapsed().as_secs_f64()));
    }
}

/// Whether rxd stops in time when one service ignores its cancellation, stops the other services
/// cleanly, and names that service.
pub fn wedge() -> ExitCode {
    let mut passed = true;
    for runtime in ["one", "two"] {
        let mut results = Results::default();
        let [case, subject] = ["wedge", "rxd"].map(str::to_owned);
        take(&Key { case, subject, runtime: runtime.into(), n: 10 }, &mut results);
        let figure = |name| results.get("wedge", "rxd", runtime, 10, name).map(|figure| figure.median());
        let (took, ended, named) = (figure("took_ms"), figure("ended"), figure("named"));
        let limit = crate::subject::DEADLINE.as_secs_f64() * 1e3 + 250.0;
        let good = took.is_some_and(|took| took < limit) && ended == Some(9.0) && named == Some(1.0);
        println!(
            "{runtime}: exit after {took:?} ms (limit {limit}), {ended:?} of 9 others stopped cleanly, named: {named:?}"
        );
        passed &= good;
    }
    println!("{}", if passed { "passed" } else { "failed" });
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
