//! Assertions about a trace, and the messages of those that fail.

use crate::agent::panic_of;
use rxd::testing::Trace;
use rxd::{Cause, State, State::*};
use std::time::Duration;

/// `api` needs `db`, which fails.
fn trace() -> Trace {
    Trace::parse(
        "0   db  init+
             db  init-
             api init+
             api init-
         2s  db  run+
             api run+
         5s  db  run- error
             api run- reaction",
    )
}

const TIMELINE: &str = "     \
     seq  at  db     api
       1  0s  init+
       2  0s  init-
       3  0s         init+
       4  0s         init-
       5  2s  run+
       6  2s  run    run+
       7  5s  run-   run    error
       8  5s         run-   reaction";

#[test]
fn assertions_that_hold_do_not_panic() {
    let trace = trace();
    trace.expect("db").enters(Run).before("api").at(Duration::from_secs(2)).times(1);
    trace.expect("api").enters(Run).after("db").while_in("db", Run).because(Cause::Normal);
    trace.expect("api").leaves(Run).after("db").because(Cause::Reaction);
    trace.expect("api").enters(Init).after_it_enters("db", Init);
    trace.expect("db").never_enters(Stop);
    trace.never("api is in Run and db in Init", |at| at.is_in("api", Run) && at.is_in("db", Init));
}

#[test]
fn timeline_is_a_table() {
    assert_eq!(trace().timeline(), TIMELINE);
}

/// Asserts the first line of the panic's message, and the marked line of the timeline below it.
#[track_caller]
fn assert_message(text: &str, mark: &str, expect: impl FnOnce(&Trace)) {
    let message = panic_of(|| expect(&trace()));
    let (first, rest) = message.split_once('\n').unwrap();
    assert_eq!(first, text);
    let table = match rest.split_once('\n') {
        Some((help, table)) if help.starts_with("help: ") => table,
        _ => rest,
    };
    assert!(table.starts_with("     seq  at  db"), "{table}");
    assert_eq!(table.lines().find(|line| line.starts_with("->")).unwrap_or_default(), mark, "{table}");
}

#[test]
fn assertion_that_fails_panics_with_the_timeline() {
    assert_message(
        "`api` enters run at seq 6; expected: before `db`, which does at seq 5",
        "->     6  2s  run    run+",
        |trace| {
            trace.expect("api").enters(Run).before("db");
        },
    );
    assert_message(
        "`db` enters run at seq 5; expected: after `api`, which does at seq 6",
        "->     5  2s  run+",
        |trace| {
            trace.expect("db").enters(Run).after("api");
        },
    );
    assert_message("`db` never enters stop", "", |trace| {
        trace.expect("db").enters(Stop);
    });
    assert_message("`api` never enters stop", "", |trace| {
        trace.expect("db").enters(Run).after_it_enters("api", Stop);
    });
    assert_message("`db` enters run at seq 5; expected: never", "->     5  2s  run+", |trace| {
        trace.expect("db").never_enters(Run);
    });
    assert_message(
        "`db` leaves run at seq 7; expected: with cause `panic`, not `error`",
        "->     7  5s  run-   run    error",
        |trace| {
            trace.expect("db").leaves(Run).because(Cause::Panic);
        },
    );
    assert_message("`db` enters run at seq 5; expected: 3s after the start, not 2s", "->     5  2s  run+", |trace| {
        trace.expect("db").enters(Run).at(Duration::from_secs(3));
    });
    assert_message("`db` enters run at seq 5; expected: 2 times, not 1", "->     5  2s  run+", |trace| {
        trace.expect("db").enters(Run).times(2);
    });
    assert_message("`db` enters run at seq 5; expected: while `api` is in run", "->     5  2s  run+", |trace| {
        trace.expect("db").enters(Run).while_in("api", Run);
    });
    assert_message(
        "`api` enters run at seq 6; expected: after `db` leaves run, at seq 7",
        "->     6  2s  run    run+",
        |trace| {
            trace.expect("api").enters(Run).after_it_leaves("db", Run);
        },
    );
    assert_message("api is in Run while db is not, at seq 7", "->     7  5s  run-   run    error", |trace| {
        trace.never("api is in Run while db is not", |at| at.is_in("api", Run) && !at.is_in("db", Run));
    });
}

#[test]
fn never_when_settled_ignores_a_condition_that_does_not_last() {
    let api_without_db = |at: &rxd::testing::StatesAt<'_>| at.is_in("api", Run) && !at.is_in("db", Run);
    let trace = Trace::parse("db run+\n api run+\n 5s db run-\n api run-");
    trace.never_when_settled("api without db", api_without_db);
    let message = panic_of(|| trace.never("api without db", api_without_db));
    assert!(
        message.starts_with("api without db, at seq 3\nhelp: the condition holds only for an instant, "),
        "{message}"
    );
    // Here the condition lasts for a second.
    let trace = Trace::parse("db run+\n api run+\n 5s db run-\n 6s api run-");
    let message = panic_of(|| trace.never("api without db", api_without_db));
    assert!(message.starts_with("api without db, at seq 3\n") && !message.contains("help"), "{message}");
    let message = panic_of(|| trace.never_when_settled("api without db", api_without_db));
    assert!(message.starts_with("api without db, at seq 3\n"), "{message}");
}

#[test]
fn unknown_name_in_an_assertion_panics() {
    let help = "no service is named `apj`\nhelp: did you mean `api`? it has: `db`, `api`";
    assert_eq!(panic_of(|| trace().expect("apj").never_enters(Stop)), help);
    assert_eq!(panic_of(|| _ = trace().expect("api").enters(Run).while_in("apj", Run)), help);
    assert!(panic_of(|| trace().never("it", |at| at.is_in("apj", Run))).starts_with("no service is named `apj`"));
}

#[test]
fn timeline_of_many_services_has_one_column() {
    let text: String = (0..9).map(|n| format!("s{n} init+\n")).collect();
    let table = Trace::parse(&text).timeline();
    assert!(table.lines().nth(9).unwrap().ends_with("  s8 init+"), "{table}");
}

#[test]
fn timeline_window_begins_with_the_states_before_it() {
    let mut text = "db run+\n".to_owned();
    (0..40).for_each(|_| text += "api init+\napi init-\n");
    let around = Trace::parse(&text).around(60);
    assert!(around.lines().any(|line| line.starts_with("->    60") && line.contains("run")), "{around}");
    assert!(!around.contains("db     run+"), "{around}");
    assert_eq!(Trace::parse(&text).states_of("db"), format!("{}+", State::Run));
}
