//! Reads programs out of documents: the fenced Rust blocks that have a `main`.

use std::fmt::Write;
use std::path::Path;

/// One fenced block of Rust.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where it is: the document and the heading above it, as in `first_daemon/one-service`.
    pub place: String,
    /// The words after the fence: `no_run`, for example.
    pub info: String,
    /// The text as rustdoc compiles it: hidden lines without their `# `.
    pub code: String,
    /// The text as a reader sees it: without the hidden lines.
    pub visible: String,
}

impl Block {
    /// Whether it is a program.
    pub fn has_main(&self) -> bool {
        self.code.contains("fn main()")
    }

    /// Whether this word is after its fence.
    pub fn is(&self, word: &str) -> bool {
        self.info.split([',', ' ']).any(|part| part == word)
    }
}

/// Every Rust block of a Markdown file, or of the `//!` comment of a Rust file.
///
/// The second block under a heading has `-2` at the end of its place, and so on.
///
/// # Panics
///
/// If the file does not exist, or a block in it has no end.
pub fn blocks(file: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let text = if file.extension().is_some_and(|end| end == "rs") { module_comment(&text) } else { text };
    let (name, mut heading) = (document(file), String::new());
    let mut found: Vec<(String, Block)> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            if let Some(title) = line.strip_prefix('#') {
                heading = slug(title);
            }
            continue;
        };
        let (mut code, mut visible, mut ended) = (String::new(), String::new(), false);
        for line in lines.by_ref() {
            ended = line == "```";
            if ended {
                break;
            }
            // As rustdoc: `# x` and `#` are hidden, `##x` is `#x`, `#[x]` is itself.
            let start = line.trim_start();
            match start.strip_prefix("# ").or_else(|| (start == "#").then_some("")) {
                Some(hidden) => writeln!(code, "{hidden}").unwrap(),
                None => {
                    let line = if start.starts_with("##") { line.replacen('#', "", 1) } else { line.to_owned() };
                    writeln!(code, "{line}").unwrap();
                    writeln!(visible, "{line}").unwrap();
                }
            }
        }
        assert!(ended, "{}: the block under `{heading}` has no end", file.display());
        if is_rust(info) {
            let stem = if heading.is_empty() { name.clone() } else { format!("{name}/{heading}") };
            let place = match found.iter().filter(|(other, _)| *other == stem).count() {
                0 => stem.clone(),
                n => format!("{stem}-{}", n + 1),
            };
            found.push((stem, Block { place, info: info.to_owned(), code, visible }));
        }
    }
    found.into_iter().map(|(_, block)| block).collect()
}

/// Whether rustdoc takes the block for Rust, by the words after its fence.
fn is_rust(info: &str) -> bool {
    let ours = ["", "rust", "no_run", "ignore", "should_panic", "compile_fail"];
    info.split([',', ' ']).all(|word| ours.contains(&word) || word.starts_with("edition"))
}

/// The text of a file's `//!` comment.
fn module_comment(text: &str) -> String {
    let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

/// `first_daemon` for `docs/first_daemon.md`, `log` for `log/mod.rs`, `readme` for the README at
/// the root.
fn document(file: &Path) -> String {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let directory = file.parent().map(stem).unwrap_or_default();
    match &*stem(file) {
        "mod" => directory,
        "readme" if file.ancestors().skip(1).any(|above| above.ends_with("src")) => directory,
        name => name.to_owned(),
    }
}

/// `a-unit` for `A unit`.
fn slug(title: &str) -> String {
    let title = title.replace('\'', "");
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}
