//! The builder and the macros refuse the same values in the same words (G60).
//!
//! [`table`] has a row for each key of each attribute. A value that a key cannot have is tried in
//! three ways:
//!
//! 1. It is given to the builder, here.
//! 2. It is a literal in the attribute, in a case of `tests/*/fail`. The macro reports it.
//! 3. It is a constant in the attribute, in another case. The compiler reports it, with a
//!    `const fn` of rxd.
//!
//! All three give the same sentence and the same help.

mod table;

use crate::cases::{self, Case};
use rxd::{Context, Daemon, Runner, Service};
use std::fs;
use std::path::Path;
use table::{KeyRow, WrongValue};

/// Runs until it is cancelled.
struct Idle;

impl Runner for Idle {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

fn service(name: impl Into<std::borrow::Cow<'static, str>>) -> Service {
    Service::new(name, Idle)
}

/// A daemon with this service, and with one that it can watch.
fn around(service: Service) -> Daemon {
    Daemon::new("edge").add(service).add(self::service("health"))
}

#[test]
fn g60_builder_with_a_wrong_value_names_the_option_and_says_the_sentence() {
    for KeyRow { key, wrong, .. } in table::rows() {
        for WrongValue { build, of, says, .. } in wrong {
            let daemon = build();
            let error = daemon.check().expect_err(key);
            assert_eq!(error.to_string(), format!("{of}: {says}"), "{key}");
            assert!(error.is_graph(), "{key}: {error}");
        }
    }
}

#[tokio::test]
async fn g60_start_with_a_wrong_value_fails_with_the_error_of_the_check() {
    for KeyRow { key, wrong, .. } in table::rows() {
        for WrongValue { build, of, says, .. } in wrong {
            let error = build().signals([]).start().await.map(drop);
            // In one row the signals are the wrong value.
            if !of.contains("`signals`") {
                assert_eq!(error.expect_err(key).to_string(), format!("{of}: {says}"), "{key}");
            }
        }
    }
}

#[test]
fn g60_attribute_with_a_wrong_literal_or_constant_says_the_sentence() {
    let cases = cases::all();
    let find = |name: &str| cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
    for KeyRow { key, wrong, .. } in table::rows() {
        for WrongValue { literal, constant, says, .. } in wrong {
            for name in [literal, constant].into_iter().flatten() {
                let case = find(name);
                assert!(plain(&case.stderr).contains(&plain(&says)), "{key}: {name} says:\n{}", case.stderr);
            }
            if let Some(name) = constant {
                assert_reported_by_the_compiler(find(name));
            }
        }
    }
}

/// Asserts that the compiler reported it at the value, not the macro.
fn assert_reported_by_the_compiler(case: &Case) {
    let [(words, line)] = &*case.errors() else { panic!("{} has more than one error", case.name) };
    assert!(words.starts_with("error[E0080]: evaluation panicked: `"), "{}: {words}", case.name);
    assert!(line.starts_with("#["), "{} is underlined elsewhere: {line}", case.name);
}

/// The text with single spaces instead of line breaks.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn g60_key_of_each_attribute_has_a_row() {
    let words = |text: &str| -> Vec<String> {
        let letter = |c: char| c.is_alphanumeric() || c == '_';
        text.split(|c| !letter(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let rows: Vec<String> = table::rows().iter().flat_map(|row| words(row.key)).collect();
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rxd-macros/src/syntax/tables.rs");
    let source = fs::read_to_string(tables).expect("the file of the key tables");
    let mut found = 0;
    for key in source.split("Key { name: \"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(rows.iter().any(|word| word == key), "`{key}` is in no row");
        found += 1;
    }
    assert!(found > 35, "these are not the key tables: {found}");
}

#[test]
fn g60_row_of_each_key_says_which_values_it_takes() {
    for KeyRow { key, takes, wrong } in table::rows() {
        assert!(!takes.is_empty(), "{key}");
        for WrongValue { says, .. } in wrong {
            let (sentence, help) = says.split_once("\nhelp: ").unwrap_or_else(|| panic!("{key}: no help in {says}"));
            assert!(!sentence.ends_with('.') && !help.ends_with('.'), "{key}: {says}");
        }
    }
}

#[test]
fn g60_several_wrong_values_are_all_in_one_error() {
    let bad = rxd::Options::DEFAULT.heartbeat(std::time::Duration::ZERO).backoff(rxd::Backoff::DEFAULT.jitter(7.0));
    let daemon = Daemon::new("edge").exit_code(0).history(0).add(service("db").options(bad).needs(["dB"]));
    let text = daemon.check().unwrap_err().to_string();
    for part in [
        "daemon `edge`: `exit_code` cannot be 0\n",
        "daemon `edge`: `history` cannot be 0\n",
        "service `db` of daemon `edge`: `heartbeat` cannot be zero\n",
        "service `db` of daemon `edge`, `backoff`: `jitter` cannot be 7\n",
        "service `db` needs `dB`, but daemon `edge` has no service of that name\n",
    ] {
        assert_eq!(text.matches(part).count(), 1, "{part}{text}");
    }
}
