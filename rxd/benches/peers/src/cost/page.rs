//! COST.md.

use super::{Builder, Costs, Declared, Options, Row, SUBJECTS, Subject, Tokio};
use crate::machine;
use std::fmt::Write;

/// What is to be at most `limit` times as much as of the base.
struct Aim {
    base: Subject,
    limit: Option<f64>,
}

/// The page.
pub(super) fn page(options: &Options, costs: &Costs) -> String {
    let Options { services, rounds, .. } = options;
    let checked = options.checked();
    let mut text = format!(
        "# What it costs to compile many services\n\n\
         Written by `cargo run --release -- --cost` in this folder; do not edit. [README.md](README.md) says how.\n\n\
         {}\n\n\
         CPU time is user and system time of cargo and all its children. Each figure is the median of {rounds} rounds, \
         with the least and the most in brackets; the subjects take turns in each round. After `=` is the ratio to the \
         base of the row's target. Read the ratios: other work of the machine affects all subjects of a row alike.\n\n",
        machine::describe("cargo's default profiles", &["tokio", "tokio-util", "task-supervisor"])
    );
    let titles: String = SUBJECTS.iter().map(|subject| format!(" {} |", subject.title())).collect();
    let _ = writeln!(text, "| |{titles} target for declared | here | |\n|{}", " --- |".repeat(SUBJECTS.len() + 4));
    let mut row = |what: &str, row: &Row, unit: f64, aim: Aim| line(&mut text, what, row, unit, &aim);
    let touched = "after one method body was touched";
    row(
        &format!("`cargo build`, debug, {services} services, {touched}, CPU s"),
        &costs.debug,
        1.0,
        Aim { base: Tokio, limit: Some(0.8) },
    );
    row(
        &format!("`cargo check`, {checked} services, {touched}, CPU s"),
        &costs.check,
        1.0,
        Aim { base: Builder, limit: Some(1.6) },
    );
    row(
        &format!("release binary, stripped, {services} services, KiB"),
        &costs.bytes,
        1024.0,
        Aim { base: Tokio, limit: Some(1.4) },
    );
    row(
        &format!("`cargo build --release`, {services} services, dependencies built, CPU s"),
        &costs.release,
        1.0,
        Aim { base: Tokio, limit: None },
    );
    text.push_str(NOTES);
    text
}

/// What the subjects are, and leave out.
const NOTES: &str = "
Each service is a struct that counts once a second in a `select!`, until it is cancelled. It is in Run only while the \
service that it needs runs, and enters Run only once two others run. There are ten services in a file, in a crate of \
its own outside the workspace. A touch changes one constant in the body of one service, in the file in the middle.

* rxd, declared: `#[rxd::service]`, `#[needs(..)]` and two `#[watch(..)]` for each, and one `#[rxd::daemon]`. The \
compiler checks the graph.
* rxd, no watches: the same without `#[needs(..)]` and `#[watch(..)]`.
* rxd, builder: `Service::new(..)` with `needs` and `watch`. The graph is checked at start.
* plain tokio: a spawned task for each, with a cancellation token. Each publishes in a `tokio::sync::watch` whether it \
runs, and waits for three others. Nothing is restarted, there is no order of stopping, and a panic ends one task.
* task-supervisor: the same tasks and channels, as `SupervisedTask`. It restarts a task that fails; there is no order of \
stopping.
";

/// One row of the table.
fn line(text: &mut String, what: &str, row: &Row, unit: f64, aim: &Aim) {
    let index = |subject| SUBJECTS.iter().position(|&other| other == subject).expect("a subject");
    let base = row[index(aim.base)].median();
    let digits = if unit > 1.0 { 0 } else { 2 };
    let _ = write!(text, "| {what} |");
    for figure in row {
        let (median, (least, most)) = (figure.median(), figure.range());
        let _ = write!(text, " {:.digits$}", median / unit);
        if least < most {
            let _ = write!(text, " ({:.digits$} to {:.digits$})", least / unit, most / unit);
        }
        let _ = write!(text, " = {:.2} |", median / base);
    }
    let here = row[index(Declared)].median() / base;
    let _ = match aim.limit {
        Some(limit) => {
            let verdict = if here <= limit { "met" } else { "**missed**" };
            writeln!(text, " at most {limit} of {} | {here:.2} | {verdict} |", aim.base.title())
        }
        None => writeln!(text, " - | {here:.2} of {} | |", aim.base.title()),
    };
}
