//! What is valid: a row for each state, both outcomes in each row, next states in the order of a
//! lifecycle, and a way to Exit.

use super::attr::{ManagerInput, StateRow};
use crate::errors::Errors;
use crate::syntax::near;
use crate::syntax::words::{METHODS, STATES};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::Path;

/// The next states `[ok, failed]` of Init, Idle, Run and Stop.
pub(crate) type ManagerTable = [[Ident; 2]; 4];

/// The states that may follow each state with a method.
const MAY_FOLLOW: [(&str, &[&str]); 4] = [
    ("Init", &["Idle", "Stop", "Exit"]),
    ("Idle", &["Run", "Stop", "Exit"]),
    ("Run", &["Stop", "Exit"]),
    ("Stop", &["Init", "Exit"]),
];

/// The names of the outcomes, in the order of a row.
const OUTCOMES: [&str; 2] = ["ok", "failed"];

/// Checks everything that was written. What is missing is reported, and filled in.
pub(crate) fn check(written: &ManagerInput, errors: &mut Errors) -> ManagerTable {
    let before = errors.len();
    let mut rows: [Option<&StateRow>; 4] = [None; 4];
    let mut is_complete = !written.is_broken;
    for row in &written.rows {
        let state = &row.state;
        match MAY_FOLLOW.iter().position(|(name, _)| state == name) {
            Some(index) if rows[index].is_some() => {
                errors.report_with_help(state, format_args!("`{state}` is handled twice"), "remove one of them");
            }
            Some(index) => rows[index] = Some(row),
            None if state == "Exit" || state == "Unknown" => {
                errors.report_with_help(state, format_args!("no state follows `{state}`"), "remove this row");
            }
            None => {
                // A misspelt state: the row that seems to be missing is this one.
                is_complete = false;
                let text = state.to_string();
                errors.report_with_help(state, STATES.unknown_message(&text), METHODS.help_message(&text));
            }
        }
    }
    for (index, (state, may_follow)) in MAY_FOLLOW.iter().enumerate() {
        if rows[index].is_none() && is_complete {
            errors.report_with_help(
                &written.ident,
                format_args!("manager `{}` has no row for `{state}`", written.ident),
                format_args!("add `{state} => {{ ok: {}, failed: {} }}`", may_follow[0], failure_state(may_follow)),
            );
        }
    }
    let mut index = 0;
    let table = rows.map(|row| {
        let (state, may_follow) = MAY_FOLLOW[index];
        index += 1;
        let cells = row.map_or([None, None], |row| check_row(row, may_follow, errors));
        // A valid state for what is missing, so that the expansion has no further errors.
        cells.map(|cell| {
            cell.unwrap_or_else(|| {
                Ident::new(if state == "Stop" { "Init" } else { "Stop" }, proc_macro2::Span::call_site())
            })
        })
    });
    if errors.len() == before && !written.is_broken {
        check_reachable(&table, written, &rows, errors);
    }
    table
}

/// The state to suggest for a failure: Stop, where it may follow.
fn failure_state<'a>(may_follow: &[&'a str]) -> &'a str {
    if may_follow.contains(&"Stop") { "Stop" } else { may_follow[0] }
}

/// Checks the row of one state: its next states `[ok, failed]`.
fn check_row(row: &StateRow, may_follow: &[&str], errors: &mut Errors) -> [Option<Ident>; 2] {
    let mut next: [Option<Ident>; 2] = [None, None];
    let mut seen = [false; 2];
    let mut is_complete = !row.is_broken;
    let state = &row.state;
    for cell in &row.cells {
        let outcome = &cell.outcome;
        let Some(index) = OUTCOMES.iter().position(|name| outcome == name) else {
            is_complete = false;
            // It stands for one of those that seem to be missing, which are not reported then.
            let text = outcome.to_string();
            let help = match text.as_str() {
                "err" | "error" | "fail" | "failure" | "panic" => "did you mean `failed`?".to_owned(),
                "success" | "done" | "Ok" => "did you mean `ok`?".to_owned(),
                _ => near::did_you_mean(&text, &OUTCOMES),
            };
            errors.report_with_help(outcome, format_args!("unknown outcome `{text}`"), help);
            continue;
        };
        if seen[index] {
            errors.report_with_help(outcome, format_args!("`{outcome}` is written twice"), "remove one of them");
            continue;
        }
        seen[index] = true;
        next[index] = check_next(state, &cell.next, may_follow, errors);
    }
    for (index, outcome) in OUTCOMES.iter().enumerate() {
        if !seen[index] && is_complete {
            errors.report_with_help(
                state,
                format_args!("`{state}` has no next state for `{outcome}`"),
                format_args!("add `{outcome}: {}`", if index == 0 { may_follow[0] } else { failure_state(may_follow) }),
            );
        }
    }
    next
}

/// Checks one next state.
fn check_next(state: &Ident, path: &Path, may_follow: &[&str], errors: &mut Errors) -> Option<Ident> {
    let segments = &path.segments;
    let ident = match segments.len() {
        0 => return None,
        1 => &segments[0].ident,
        n if segments[n - 2].ident == "State" => &segments[n - 1].ident,
        _ => {
            errors.report_with_help(
                path,
                "expected a state",
                format_args!("after `{state}` comes {}", near::quoted_alternatives(may_follow)),
            );
            return None;
        }
    };
    let found = STATES.expect_variant(ident, errors)?;
    if may_follow.iter().any(|name| found == name) {
        return Some(found);
    }
    errors.report_with_help(
        path.to_token_stream(),
        format_args!("`{ident}` cannot follow `{state}`"),
        format_args!("after `{state}` comes {}", near::quoted_alternatives(may_follow)),
    );
    None
}

/// Reports a state that is never entered, and a table without a way to Exit.
fn check_reachable(table: &ManagerTable, written: &ManagerInput, rows: &[Option<&StateRow>; 4], errors: &mut Errors) {
    let names = |index: usize, state: &str| table[index].iter().any(|next| next == state);
    let (enters_idle, enters_run) = (names(0, "Idle"), names(1, "Run"));
    // If Idle is never entered, neither is Run: only Idle is reported.
    for (index, is_reported, before) in [(1, !enters_idle, "Init"), (2, enters_idle && !enters_run, "Idle")] {
        if let (true, Some(row)) = (is_reported, rows[index]) {
            let state = &row.state;
            errors.report_with_help(
                state,
                format_args!("`{state}` is never entered"),
                format_args!("write `{state}` as a next state of `{before}`"),
            );
        }
    }
    // An `Exit` in the row of a state that is never entered does not count. Init and Stop always
    // are.
    let reaches_exit = names(0, "Exit")
        || names(3, "Exit")
        || (enters_idle && names(1, "Exit"))
        || (enters_idle && enters_run && names(2, "Exit"));
    if !reaches_exit {
        errors.report_with_help(
            &written.ident,
            format_args!("manager `{}` never reaches `Exit`", written.ident),
            "write `Exit` as a next state in one of the rows; for a service that runs until its daemon stops, write `manager = \"continuous\"`",
        );
    }
}
