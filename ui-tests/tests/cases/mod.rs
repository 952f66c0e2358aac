//! What holds for every failing case, checked without compiling it.

use std::fs;
use std::path::{Path, PathBuf};

/// One failing case.
pub(crate) struct Case {
    /// The folder and the file name: `graph/unknown_name`.
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) stderr: String,
}

impl Case {
    /// The mistake: the first line of the file, or its name.
    pub(crate) fn fault(&self) -> String {
        match self.source.lines().next().and_then(|first| first.strip_prefix("//! ")) {
            Some(fault) => fault.to_owned(),
            None => self.name.rsplit('/').next().unwrap_or_default().replace('_', " "),
        }
    }

    /// Its errors: each message, and the source line that it underlines.
    pub(crate) fn errors(&self) -> Vec<(String, String)> {
        let mut errors = Vec::new();
        let mut words: Vec<&str> = Vec::new();
        for line in self.stderr.lines() {
            if line.starts_with("error") {
                words = vec![line];
            } else if let Some(place) = line.trim_start().strip_prefix("--> ").filter(|_| !words.is_empty()) {
                let number = place.rsplit(':').nth(1).and_then(|number| number.parse::<usize>().ok());
                let source = number.and_then(|number| self.source.lines().nth(number - 1));
                let source = source.unwrap_or_else(|| panic!("{}: no line for {place}", self.name));
                errors.push((std::mem::take(&mut words).join("\n"), source.trim().to_owned()));
            } else if !words.is_empty() {
                words.push(line);
            }
        }
        errors
    }
}

/// All failing cases, sorted by name.
pub(crate) fn all() -> Vec<Case> {
    let mut sources = files("rs");
    sources.sort();
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    sources
        .into_iter()
        .map(|path| {
            let room = path.parent().and_then(Path::parent).and_then(Path::file_name).expect("a room");
            let name = format!("{}/{}", room.to_string_lossy(), path.file_stem().expect("a name").to_string_lossy());
            Case { name, source: read(&path), stderr: read(&path.with_extension("stderr")) }
        })
        .collect()
}

/// The files under `tests/*/fail` with this extension.
fn files(extension: &str) -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let rooms = fs::read_dir(tests).expect("the folder this file is in").filter_map(|room| {
        let fail = room.expect("a readable folder").path().join("fail");
        fail.is_dir().then_some(fail)
    });
    rooms
        .flat_map(|fail| fs::read_dir(fail).expect("it was just listed"))
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[test]
fn stderr_file_always_belongs_to_a_case() {
    for stderr in files("stderr") {
        assert!(stderr.with_extension("rs").exists(), "{} is an orphan", stderr.display());
    }
    for case in all() {
        assert!(!case.errors().is_empty(), "{} has no errors", case.name);
    }
}

/// Lines of the standard library change with its releases.
#[test]
fn stderr_of_each_case_has_no_lines_of_the_standard_library() {
    for case in all() {
        assert!(!case.stderr.contains("$RUST"), "{} shows the standard library", case.name);
    }
}

/// A case has one error, unless its name says that it has more.
#[test]
fn case_with_one_fault_has_one_error() {
    for case in all() {
        let more = case.name.contains("two_") || case.name.contains("_two") || MORE.contains(&&*case.name);
        let errors = case.errors().len();
        assert!(more || errors == 1, "{} has {errors} errors", case.name);
    }
}

/// Cases with more than one error whose names do not say so.
const MORE: [&str; 6] = [
    "daemon/field_key_of_a_second_one",
    "daemon/key_of_a_service",
    "manager/empty_row",
    "service/depends_and_before",
    // At the service that provides nothing, and at the use of its value.
    "watch/value_of_nothing",
    // The compiler says it of the argument's owner, and of the future that borrows it.
    "function/argument_not_send",
];

/// If a macro loses the item, or causes a follow-on error, the use of the item in `main` is one
/// more error.
#[test]
fn item_of_each_case_is_used_in_main() {
    for case in all() {
        let (before, main) = case.source.split_once("fn main()").expect("a case has a main");
        let declared = |word: &str| {
            ["struct ", "enum ", "union ", "fn ", "trait ", "type ", "pub "]
                .iter()
                .any(|keyword| before.lines().any(|line| declares(line.trim_start(), keyword, word)))
        };
        let words = main.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let used = words.filter(|word| !word.is_empty()).any(declared);
        assert!(used || NAMELESS.contains(&&*case.name), "{} does not use its item in `main`", case.name);
    }
}

/// Cases without a name to use, since that is the mistake.
const NAMELESS: [&str; 2] = ["manager/empty", "manager/no_name"];

fn declares(line: &str, keyword: &str, word: &str) -> bool {
    line.split_once(keyword).is_some_and(|(before, rest)| {
        let after = rest.strip_prefix("r#").unwrap_or(rest).strip_prefix(word);
        let whole =
            after.is_some_and(|after| !after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_'));
        whole && before.split_whitespace().all(|word| word.starts_with("pub") || word == "async" || word == "unsafe")
    })
}
