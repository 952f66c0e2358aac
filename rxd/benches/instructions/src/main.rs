//! Counts the instructions of the core paths by valgrind, and compares them with a baseline. A busy
//! machine does not change the counts.
//!
//! ```text
//! cargo run --release -p instructions             # fails if a path takes 5 % more instructions
//! cargo run --release -p instructions -- --update # makes the current counts the baseline
//! cargo run --release -p instructions -- restart  # one path, and where it spends them
//! ```
//!
//! Each path is run in two processes, n times and 2n times. The difference divided by n is the
//! count of the path, without the start and the end of the process. The counts depend on the
//! compiler: with another compiler than that of `baseline.txt` nothing is compared.

#![allow(clippy::print_stdout, reason = "the figures are the program's output")]

mod paths;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How much a count may grow before the check fails, or shrink before the check says so.
const TOLERANCE: f64 = 0.05;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match &args[..] {
        ["--path", path, times] => paths::run(path, times.parse()?).map(|()| true),
        ["--update"] => update().map(|()| true),
        [] => check(),
        [path] => profile(path).map(|()| true),
        _ => Err("instructions [--update | PATH]".into()),
    }
}

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.txt")
}

fn compiler() -> Result<String> {
    let output = Command::new("rustc").arg("-V").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The instructions of a whole process that runs the path `times` times.
fn process(path: &str, times: usize, profile: &str) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", &format!("--callgrind-out-file={profile}")]);
    valgrind.arg(std::env::current_exe()?).args(["--path", path, &times.to_string()]);
    let output = valgrind.output().map_err(|error| format!("failed to run valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("failed to count `{path}`: {text}").into());
    }
    let count = text.lines().find_map(|line| line.split_once("Collected :")).ok_or("valgrind counted nothing")?;
    Ok(count.1.trim().parse()?)
}

/// The instructions of one run of the path.
fn count(path: &str, times: usize) -> Result<u64> {
    let (once, twice) = (process(path, times, "/dev/null")?, process(path, 2 * times, "/dev/null")?);
    Ok((twice - once) / times as u64)
}

fn count_all() -> Result<BTreeMap<String, u64>> {
    paths::ALL.iter().map(|&(path, times)| Ok((path.to_owned(), count(path, times)?))).collect()
}

fn update() -> Result {
    let mut text = format!("# {}\n", compiler()?);
    for (path, count) in count_all()? {
        println!("{path}: {count}");
        text += &format!("{path} {count}\n");
    }
    std::fs::write(baseline(), text)?;
    Ok(())
}

/// Whether no path takes more instructions than its baseline.
fn check() -> Result<bool> {
    let text = std::fs::read_to_string(baseline())?;
    let made_by = text.lines().next().unwrap_or_default().trim_start_matches("# ");
    if made_by != compiler()? {
        println!("not compared: the baseline was made by {made_by}; with --update make one by {}", compiler()?);
        return Ok(true);
    }
    let before: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(path, count)| Some((path, count.parse().ok()?)))
        .collect();
    let mut good = true;
    for (path, now) in count_all()? {
        let Some(&then) = before.get(&*path) else {
            println!("{path}: {now}, and there is no baseline");
            good = false;
            continue;
        };
        let change = now as f64 / then as f64 - 1.0;
        let verdict = match change {
            change if change > TOLERANCE => {
                "more than the tolerance: find the cause, or accept it by --update in the same commit"
            }
            change if change < -TOLERANCE => "less than the tolerance: record it by --update",
            _ => "as before",
        };
        println!("{path}: {now} instructions, before {then}, {:+.1} %: {verdict}", change * 100.0);
        good &= change <= TOLERANCE;
    }
    Ok(good)
}

/// Prints where one path spends its instructions.
fn profile(path: &str) -> Result {
    let times = paths::ALL.iter().find(|(name, _)| *name == path).ok_or("there is no such path")?.1;
    println!("{path}: {} instructions", count(path, times)?);
    let file = std::env::temp_dir().join(format!("callgrind.{path}"));
    process(path, 2 * times, &file.to_string_lossy())?;
    let output = Command::new("callgrind_annotate").arg("--threshold=80").arg(&file).output()?;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}
