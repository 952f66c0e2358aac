//! The errors in the README, in the table of rules and in `ERRORS.md` are those of the cases.

use crate::cases::{self, Case};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn overwrites() -> bool {
    std::env::var("TRYBUILD").is_ok_and(|how| how == "overwrite")
}

/// Asserts that the file holds `expected`. With `TRYBUILD=overwrite`, writes it.
#[track_caller]
fn assert_file_holds(path: &Path, expected: &str) {
    if overwrites() {
        fs::write(path, expected).expect("a writable folder");
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{} is out of date; `TRYBUILD=overwrite` overwrites it", path.display());
}

/// The first fenced block that begins with `open` and contains `text`.
fn block<'a>(document: &'a str, open: &str, text: &str) -> &'a str {
    let blocks = document.split(open).skip(1).filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
    blocks.into_iter().find(|block| block.contains(text)).unwrap_or_else(|| panic!("no {open} with {text}"))
}

#[test]
fn readme_error_is_the_error_of_its_example() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is one");
    let example = block(&readme, "```rust,no_run\n", "#[rxd::daemon");
    let fault = example.replacen("\"health\"", "\"helth\"", 1);
    assert!(fault != example, "the first example of the README watches `health`");
    let case = Path::new("tests/graph/fail/unknown_name_in_the_readme.rs");
    assert_file_holds(case, &format!("//! The first example of the README, with a letter too few.\n{fault}"));
    let stderr = fs::read_to_string(case.with_extension("stderr")).expect("the case's words");
    // The case has one line more than the README, at the top.
    let shown = block(&readme, "```text\n", "error[E0080]");
    let expected: String = stderr.lines().map(|line| one_line_up(line) + "\n").collect();
    assert_file_holds(&root().join("README.md"), &readme.replacen(shown, &expected, 1));
}

/// A line of an error, as it is when the code begins one line further up, in `src/main.rs`.
fn one_line_up(line: &str) -> String {
    let less = |number: &str| number.parse::<usize>().map(|number| (number - 1).to_string());
    if let Some((arrow, place)) = line.split_once("--> ") {
        let mut parts = place.split(':').skip(1);
        let (Some(row), Some(column)) = (parts.next(), parts.next()) else { return line.to_owned() };
        return format!("{arrow}--> src/main.rs:{}:{column}", less(row).unwrap_or_default());
    }
    match line.split_once(" | ") {
        Some((number, code)) if less(number.trim()).is_ok() => {
            format!("{:>width$} | {code}", less(number.trim()).unwrap_or_default(), width = number.len())
        }
        _ => line.to_owned(),
    }
}

/// Rules that only the builder reports. For an attribute the macro has reported it before, in other
/// words.
const BUILDERS_ONLY: [&str; 8] = [
    "no-services",
    "empty-name",
    "invalid-name",
    "no-targets",
    "within-without-gate",
    "lasts-on-changing",
    "lasts-on-stream",
    "duplicate-stream",
];

#[test]
fn rules_table_has_the_words_of_a_case_in_each_row() {
    let table = fs::read_to_string(root().join("rxd/src/graph/rules.md")).expect("the table of rules");
    let rows: Vec<Vec<&str>> = table.lines().skip(2).map(|row| row.split(" | ").collect()).collect();
    assert!(rows.len() > 20, "that is not the table of rules");
    let cases = cases::all();
    let mut builders = Vec::new();
    for row in rows {
        let (rule, example) = (row[0].trim_start_matches("| ").trim_matches('`'), row[1]);
        let words = row[2].trim_end_matches(" |").replace("<br>", " ").replace("*help:*", "help:");
        let says = |case: &&Case| plain(&case.stderr).contains(&plain(&words));
        match cases.iter().find(says) {
            Some(case) => {
                // The case contains the attributes of the example.
                let attributes = example.split('`').skip(1).step_by(2).filter(|code| code.starts_with("#["));
                for attribute in attributes {
                    assert!(case.source.contains(attribute), "`{rule}`: no {attribute} in {}", case.name);
                }
            }
            None => builders.push(rule),
        }
    }
    assert_eq!(builders, BUILDERS_ONLY, "these rules are shown in words that no case has");
}

/// The text without line breaks and source locations.
fn plain(text: &str) -> String {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    if let Some(at) = words.windows(2).position(|pair| pair == ["declared", "at"]) {
        words.remove(at + 2);
    }
    words.join(" ")
}

/// Writes `ERRORS.md`: the mistake of each case, and its errors.
#[test]
fn errors_table_has_a_row_for_each_case() {
    let mut text = String::from(
        "# What the compiler says\n\n\
         Each row is a case of `tests`: a mistake, and the error about it. A test writes this file from\n\
         the cases. The rules of the graph are explained in the documentation of `rxd::graph`.\n",
    );
    let mut room = String::new();
    for case in cases::all() {
        let (this, _) = case.name.split_once('/').expect("a room and a name");
        if this != room {
            room = this.to_owned();
            text.push_str(&format!("\n## {room}\n\n| mistake | the line | the error |\n|---|---|---|\n"));
        }
        for (words, line) in case.errors() {
            text.push_str(&format!("| {} | {} | {} |\n", case.fault(), code(&line), cell(&words)));
        }
    }
    assert_file_holds(Path::new("ERRORS.md"), &text);
}

fn code(line: &str) -> String {
    format!("`{}`", line.replace('|', "\\|"))
}

fn cell(words: &str) -> String {
    let words = words.trim_start_matches("error[E0080]: evaluation panicked: ").trim_start_matches("error: ");
    let lines: Vec<String> = words
        .lines()
        .map(|line| match line.trim().strip_prefix("help: ") {
            Some(help) => format!("*help:* {help}"),
            None => line.trim().to_owned(),
        })
        .collect();
    lines.join("<br>").replace('|', "\\|")
}
