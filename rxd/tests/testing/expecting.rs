//! What is expected of a trace, and what is said when it is not so.

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
fn what_is_so_says_nothing() {
    let trace = trace();
    trace.expect("db").enters(Run).before("api").at(Duration::from_secs(2)).times(1);
    trace.expect("api").enters(Run).after("db").while_in("db", Run).because(Cause::Normal);
    trace.expect("api").leaves(Run).after("db").because(Cause::Reaction);
    trace.expect("api").enters(Init).after_it_enters("db", Init);
    trace.expect("db").never_enters(Stop);
    trace.never("api is in Run and db in Init", |at| at.is_in("api", Run) && at.is_in("db", Init));
}

#[test]
fn a_timeline_is_a_table() {
    assert_eq!(trace().timeline(), TIMELINE);
}

/// What is said, and that the timeline comes with it.
#[track_caller]
fn says(text: &str, mark: &str, expect: impl FnOnce(&Trace)) {
    let said = panic_of(|| expect(&trace()));
    let (first, rest) = said.split_once('\n').unwrap();
    assert_eq!(first, text);
    let table = match rest.split_once('\n') {
        Some((help, table)) if help.starts_with("help: ") => table,
        _ => rest,
    };
    assert!(table.starts_with("     seq  at  db"), "{table}");
    assert_eq!(table.lines().find(|line| line.starts_with("->")).unwrap_or_default(), mark, "{table}");
}

#[test]
fn what_is_not_so_is_said_with_the_timeline() {
    says("`api` enters run at 6; it should before `db` does, which is at 5", "->     6  2s  run    run+", |trace| {
        trace.expect("api").enters(Run).before("db");
    });
    says("`db` enters run at 5; it should after `api` does, which is at 6", "->     5  2s  run+", |trace| {
        trace.expect("db").enters(Run).after("api");
    });
    says("`db` never enters stop", "", |trace| {
        trace.expect("db").enters(Stop);
    });
    says("`api` never enters stop", "", |trace| {
        trace.expect("db").enters(Run).after_it_enters("api", Stop);
    });
    says("`db` enters run at 5, and never should", "->     5  2s  run+", |trace| {
        trace.expect("db").never_enters(Run);
    });
    says(
        "`db` leaves run at 7; it should because of `panic`, not of `error`",
        "->     7  5s  run-   run    error",
        |trace| {
            trace.expect("db").leaves(Run).because(Cause::Panic);
        },
    );
    says("`db` enters run at 5; it should after 3s, not after 2s", "->     5  2s  run+", |trace| {
        trace.expect("db").enters(Run).at(Duration::from_secs(3));
    });
    says("`db` enters run at 5; it should 2 times, not 1", "->     5  2s  run+", |trace| {
        trace.expect("db").enters(Run).times(2);
    });
    says("`db` enters run at 5; it should while `api` is in run", "->     5  2s  run+", |trace| {
        trace.expect("db").enters(Run).while_in("api", Run);
    });
    says(
        "`api` enters run at 6; it should after `db` leaves run, which is at 7",
        "->     6  2s  run    run+",
        |trace| {
            trace.expect("api").enters(Run).after_it_leaves("db", Run);
        },
    );
    says("api is in Run while db is not, at 7", "->     7  5s  run-   run    error", |trace| {
        trace.never("api is in Run while db is not", |at| at.is_in("api", Run) && !at.is_in("db", Run));
    });
}

#[test]
fn what_is_so_for_an_instant_only_is_asked_for_at_rest() {
    let wrong = |at: &rxd::testing::StatesAt<'_>| at.is_in("api", Run) && !at.is_in("db", Run);
    let trace = Trace::parse("db run+\n api run+\n 5s db run-\n api run-");
    trace.never_when_settled("api without db", wrong);
    let said = panic_of(|| trace.never("api without db", wrong));
    assert!(said.starts_with("api without db, at 3\nhelp: it is so for an instant, "), "{said}");
    // Here it stays so: the test has found something.
    let trace = Trace::parse("db run+\n api run+\n 5s db run-\n 6s api run-");
    let said = panic_of(|| trace.never("api without db", wrong));
    assert!(said.starts_with("api without db, at 3\n") && !said.contains("help"), "{said}");
    let said = panic_of(|| trace.never_when_settled("api without db", wrong));
    assert!(said.starts_with("api without db, at 3\n"), "{said}");
}

#[test]
fn a_name_that_is_none_is_a_mistake_and_nothing_that_never_happens() {
    let help = "no service is named `apj`\nhelp: did you mean `api`? it has: `db`, `api`";
    assert_eq!(panic_of(|| trace().expect("apj").never_enters(Stop)), help);
    assert_eq!(panic_of(|| _ = trace().expect("api").enters(Run).while_in("apj", Run)), help);
    assert!(panic_of(|| trace().never("it", |at| at.is_in("apj", Run))).starts_with("no service is named `apj`"));
}

#[test]
fn many_services_share_a_column() {
    let text: String = (0..9).map(|n| format!("s{n} init+\n")).collect();
    let table = Trace::parse(&text).timeline();
    assert!(table.lines().nth(9).unwrap().ends_with("  s8 init+"), "{table}");
}

#[test]
fn what_is_in_a_window_begins_where_it_was() {
    let mut text = "db run+\n".to_owned();
    (0..40).for_each(|_| text += "api init+\napi init-\n");
    let around = Trace::parse(&text).around(60);
    assert!(around.lines().any(|line| line.starts_with("->    60") && line.contains("run")), "{around}");
    assert!(!around.contains("db     run+"), "{around}");
    assert_eq!(Trace::parse(&text).states_of("db"), format!("{}+", State::Run));
}
