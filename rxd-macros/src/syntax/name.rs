//! Names of services and daemons. The builder checks names with the same rules and messages:
//! `rxd/src/graph/name.rs`.

use crate::errors::Errors;
use syn::LitStr;

/// The maximum length of a name, in bytes: a name is part of every log line and metric.
const LONGEST: usize = 64;

/// Help: what a name is made of.
const RULE: &str = "a name is made of ASCII letters, digits, `-`, `_` and `.`";

/// The name of a type in kebab-case: `HTTPServer` becomes `http-server`.
pub(crate) fn kebab_case(ident: &str) -> String {
    let ident = ident.strip_prefix("r#").unwrap_or(ident);
    let letters: Vec<char> = ident.chars().collect();
    let mut name = String::new();
    for (i, &letter) in letters.iter().enumerate() {
        if letter == '_' {
            if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
            continue;
        }
        let word_starts = letter.is_uppercase()
            && i > 0
            && letters[i - 1] != '_'
            // A word starts after a small letter or a digit, and at the `S` of `HTTPServer`.
            && (!letters[i - 1].is_uppercase() || letters.get(i + 1).is_some_and(|next| next.is_lowercase()));
        if word_starts && !name.ends_with('-') {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name.trim_end_matches('-').to_owned()
}

/// The name of a function as that of a type: `cache_sweeper` becomes `CacheSweeper`.
pub(crate) fn pascal_case(ident: &str) -> String {
    let ident = ident.strip_prefix("r#").unwrap_or(ident);
    let words = ident.split('_').filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters)
        })
        .collect()
}

/// The name in `lit`; otherwise an error.
pub(crate) fn check_name(lit: &LitStr, errors: &mut Errors) -> Option<String> {
    let name = lit.value();
    match name_fault(&name) {
        None => Some(name),
        Some((what, help)) => {
            errors.report_with_help(lit, what, help);
            None
        }
    }
}

/// Why `name` is not valid: a message and its help.
pub(crate) fn name_fault(name: &str) -> Option<(String, String)> {
    let help = || match suggested_name(name) {
        Some(better) => format!("{RULE}: write `\"{better}\"`"),
        None => RULE.to_owned(),
    };
    if name.is_empty() {
        return Some(("a name cannot be empty".to_owned(), RULE.to_owned()));
    }
    if let Some(bad) = name.chars().find(|&letter| !is_name_character(letter)) {
        let bad = match bad {
            ' ' => "a space".to_owned(),
            bad if bad.is_ascii_control() => "a control character".to_owned(),
            bad => format!("`{bad}`"),
        };
        return Some((format!("a name cannot contain {bad}"), help()));
    }
    if name.starts_with("_rxd") {
        return Some((format!("`{name}` is reserved"), "write a name that does not begin with `_rxd`".to_owned()));
    }
    if name.len() > LONGEST {
        let long = name.len();
        return Some((format!("this name is {long} bytes long"), format!("a name is at most {LONGEST} bytes long")));
    }
    None
}

fn is_name_character(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

/// The name with each run of invalid characters replaced by a dash, if that is a valid name.
fn suggested_name(name: &str) -> Option<String> {
    let words: Vec<&str> = name.split(|letter| !is_name_character(letter)).filter(|word| !word.is_empty()).collect();
    let better = words.join("-");
    (is_valid_name(&better)).then_some(better)
}

/// A valid name in place of one that is not, and different for different ones: the number of each
/// character that no name has.
pub(crate) fn stand_in(name: &str) -> String {
    let mut valid = String::from("x");
    for letter in name.chars() {
        if is_name_character(letter) {
            valid.push(letter);
        } else {
            valid.push_str(&format!("{:x}", u32::from(letter)));
        }
    }
    valid.truncate(LONGEST);
    valid
}

fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && !name.starts_with("_rxd") && name.chars().all(is_name_character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_name_in_kebab_case_splits_its_words() {
        for (ident, name) in [
            ("Health", "health"),
            ("HTTPServer", "http-server"),
            ("EdgeAgent", "edge-agent"),
            ("Worker2", "worker2"),
            ("S3Sync", "s3-sync"),
            ("r#Try", "try"),
            ("Poll_Er", "poll-er"),
            ("_Hidden", "hidden"),
            ("DB", "db"),
            ("MyDB", "my-db"),
            ("A", "a"),
        ] {
            assert_eq!(kebab_case(ident), name);
        }
    }

    #[test]
    fn stand_in_for_an_invalid_name_is_valid() {
        for bad in ["", "größe", "_rxd", "数据", &"x".repeat(65), &"数".repeat(65)] {
            assert!(is_valid_name(&stand_in(bad)), "{bad}");
        }
        assert_ne!(stand_in("数据"), stand_in("服务"));
    }

    #[test]
    fn name_with_an_invalid_character_or_length_is_a_fault() {
        for good in ["a", "api", "worker-2", "a_b", "v1.2", "_x"] {
            assert!(name_fault(good).is_none(), "{good}");
        }
        for bad in ["", "a b", "a/b", "größe", "_rxd", "_rxd.admin", "a\n"] {
            assert!(name_fault(bad).is_some(), "{bad}");
        }
        assert!(name_fault(&"x".repeat(64)).is_none());
        assert!(name_fault(&"x".repeat(65)).is_some());
        assert!(name_fault("my service").is_some_and(|(_, help)| help.contains("`\"my-service\"`")));
    }
}
