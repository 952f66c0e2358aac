//! Which check reports a fault: at the service, or at its field in the daemon.

use super::*;
use crate::graph::check::{check_field, is_in_crate_of};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message with which a check panics.
pub(super) fn panic_of(check: &dyn Fn()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(check)).err()?;
    panic.downcast_ref::<String>().cloned()
}

#[test]
fn fault_of_a_foreign_service_is_reported_at_its_field() {
    let nodes = [node("a", [needs("nobody"), needs("x")]), node("b", [])];
    let graph = Graph { daemon: "D", nodes: &nodes };
    let index = Index::<2>::new(&graph);
    let analysis = index.of(&graph).declared_in("app::daemon", &[("a", false), ("b", false)], &[]);
    let faults = graph.faults();
    let at_field = |module: &'static str| panic_of(&|| check_field(&analysis, 0, module));
    assert_eq!(at_field("app::services"), None);
    assert_eq!(at_field("library"), Some(format!("{}\nalso: {}", faults[0].message, faults[1].message)));
    assert_eq!(panic_of(&|| check_field(&analysis, 1, "library")), None);
}

#[test]
fn name_given_by_a_field_is_reported_at_that_field() {
    let nodes = [node("a", []), node("a", [])];
    let graph = Graph { daemon: "D", nodes: &nodes };
    let index = Index::<2>::new(&graph);
    for is_named in [false, true] {
        let fields = [("first", false), ("second", is_named)];
        let analysis = index.of(&graph).declared_in("app", &fields, &[]);
        assert_eq!(panic_of(&|| check_service(&analysis, 1)).is_some(), !is_named);
        assert_eq!(panic_of(&|| check_field(&analysis, 1, "app")).is_some(), is_named);
    }
}

#[test]
fn module_of_another_crate_is_told_from_one_with_a_longer_name() {
    let graph = Graph { daemon: "D", nodes: &[] };
    let index = Index::<0>::new(&graph);
    for (daemon, service, same) in [
        ("app", "app", true),
        ("app", "app::db", true),
        ("app::daemon", "app", true),
        ("app::daemon", "app::db", true),
        ("app", "apple", false),
        ("app::daemon", "apple::daemon", false),
        ("apple", "app::db", false),
        ("app", "library", false),
    ] {
        let analysis = index.of(&graph).declared_in(daemon, &[], &[]);
        assert_eq!(is_in_crate_of(&analysis, service), same, "{daemon} {service}");
    }
}

#[test]
fn unknown_name_of_a_field_names_its_service() {
    let nodes = [node("api", [needs("main_db"), needs("metrics")]), node("db", [])];
    let graph = Graph { daemon: "D", nodes: &nodes };
    let index = Index::<2>::new(&graph);
    let fields = [("api", false), ("main_db", true)];
    let analysis = index.of(&graph).declared_in("app", &fields, &[("metrics", "Metrics")]);
    assert_eq!(
        panic_of(&|| check_target(&analysis, 0, 0, 0)).expect("a fault"),
        "service `api` needs `main_db`, but daemon `D` has no service of that name\n\
         help: field `main_db` is called `db`: write that\n\
         also: service `api` needs `metrics`, but in daemon `D` it is configured out\n\
         help: write the watch under the condition of the field: `#[cfg_attr(.., needs(..))]`"
    );
}
