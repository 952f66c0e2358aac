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
const FOLLOW: [(&str, &[&str]); 4] = [
    ("Init", &["Idle", "Stop", "Exit"]),
    ("Idle", &["Run", "Stop", "Exit"]),
    ("Run", &["Stop", "Exit"]),
    ("Stop", &["Init", "Exit"]),
];

const OUTCOMES: [&str; 2] = ["ok", "failed"];

/// Checks everything that was written. What is missing is reported, and filled in.
pub(crate) fn check(written: &ManagerInput, errors: &mut Errors) -> ManagerTable {
    let before = errors.len();
    let mut rows: [Option<&StateRow>; 4] = [None; 4];
    let mut complete = !written.is_broken;
    for row in &written.rows {
        let state = &row.state;
        match FOLLOW.iter().position(|(name, _)| state == name) {
            Some(place) if rows[place].is_some() => {
                errors.report_with_help(state, format_args!("`{state}` is handled twice"), "remove one of them");
            }
            Some(place) => rows[place] = Some(row),
            None if state == "Exit" || state == "Unknown" => {
                errors.report_with_help(state, format_args!("no state follows `{state}`"), "remove this row");
            }
            None => {
                // A misspelt state: the row that seems to be missing is this one.
                complete = false;
                let text = state.to_string();
                errors.report_with_help(state, STATES.unknown_message(&text), METHODS.help_message(&text));
            }
        }
    }
    for (place, (state, follow)) in FOLLOW.iter().enumerate() {
        if rows[place].is_none() && complete {
            errors.report_with_help(
                &written.ident,
                format_args!("manager `{}` has no row for `{state}`", written.ident),
                format_args!("add `{state} => {{ ok: {}, failed: {} }}`", follow[0], later_state(follow)),
            );
        }
    }
    let mut place = 0;
    let table = rows.map(|row| {
        let (state, follow) = FOLLOW[place];
        place += 1;
        let cells = row.map_or([None, None], |row| check_row(row, follow, errors));
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

fn later_state<'a>(follow: &[&'a str]) -> &'a str {
    if follow.contains(&"Stop") { "Stop" } else { follow[0] }
}

/// Checks the row of one state: its next states `[ok, failed]`.
fn check_row(row: &StateRow, follow: &[&str], errors: &mut Errors) -> [Option<Ident>; 2] {
    let mut next: [Option<Ident>; 2] = [None, None];
    let mut seen = [false; 2];
    let mut complete = !row.is_broken;
    let state = &row.state;
    for cell in &row.cells {
        let outcome = &cell.outcome;
        let Some(place) = OUTCOMES.iter().position(|name| outcome == name) else {
            complete = false;
            let text = outcome.to_string();
            let help = match text.as_str() {
                "err" | "error" | "fail" | "failure" | "panic" => "did you mean `failed`?".to_owned(),
                "success" | "done" | "Ok" => "did you mean `ok`?".to_owned(),
                _ => near::did_you_mean(&text, &OUTCOMES),
            };
            errors.report_with_help(outcome, format_args!("unknown outcome `{text}`"), help);
            continue;
        };
        if seen[place] {
            errors.report_with_help(outcome, format_args!("`{outcome}` is written twice"), "remove one of them");
            continue;
        }
        seen[place] = true;
        next[place] = check_next(state, &cell.next, follow, errors);
    }
    for (place, outcome) in OUTCOMES.iter().enumerate() {
        if !seen[place] && complete {
            errors.report_with_help(
                state,
                format_args!("`{state}` has no next state for `{outcome}`"),
                format_args!("add `{outcome}: {}`", if place == 0 { follow[0] } else { later_state(follow) }),
            );
        }
    }
    next
}

/// Checks one next state.
fn check_next(state: &Ident, path: &Path, follow: &[&str], errors: &mut Errors) -> Option<Ident> {
    let segments = &path.segments;
    let ident = match segments.len() {
        0 => return None,
        1 => &segments[0].ident,
        n if segments[n - 2].ident == "State" => &segments[n - 1].ident,
        _ => {
            errors.report_with_help(
                path,
                "expected a state",
                format_args!("after `{state}` comes {}", near::quoted_alternatives(follow)),
            );
            return None;
        }
    };
    let found = STATES.expect_variant(ident, errors)?;
    if follow.iter().any(|name| found == name) {
        return Some(found);
    }
    errors.report_with_help(
        path.to_token_stream(),
        format_args!("`{ident}` cannot follow `{state}`"),
        format_args!("after `{state}` comes {}", near::quoted_alternatives(follow)),
    );
    None
}

/// Reports a state that is never entered, and a table without a way to Exit.
fn check_reachable(table: &ManagerTable, written: &ManagerInput, rows: &[Option<&StateRow>; 4], errors: &mut Errors) {
    let goes = |from: usize, to: &str| table[from].iter().any(|next| next == to);
    let (idle, run) = (goes(0, "Idle"), goes(1, "Run"));
    for (place, reached, before) in [(1, idle, "Init"), (2, !idle || run, "Idle")] {
        if let (false, Some(row)) = (reached, rows[place]) {
            let state = &row.state;
            errors.report_with_help(
                state,
                format_args!("`{state}` is never entered"),
                format_args!("write `{state}` as a next state of `{before}`"),
            );
        }
    }
    let ends = goes(0, "Exit") || goes(3, "Exit") || (idle && goes(1, "Exit")) || (idle && run && goes(2, "Exit"));
    if !ends {
        errors.report_with_help(
            &written.ident,
            format_args!("manager `{}` never reaches `Exit`", written.ident),
            "write `Exit` as a next state of one of them; for a service that runs until its daemon stops, write `manager = \"continuous\"`",
        );
    }
}
