//! What the macros generate is never the reason for a warning: a program with all of them, under
//! every lint of the compiler, and under those of clippy that people turn on.
//!
//! It is a test of its own, not a case, so that `cargo clippy` sees it as well.

#![deny(warnings, future_incompatible, nonstandard_style, rust_2018_idioms, rust_2021_compatibility, unused)]
#![deny(
    ambiguous_negative_literals,
    closure_returning_async_block,
    deprecated_in_future,
    deref_into_dyn_supertrait,
    explicit_outlives_requirements,
    ffi_unwind_calls,
    if_let_rescope,
    impl_trait_overcaptures,
    impl_trait_redundant_captures,
    let_underscore_drop,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    missing_unsafe_on_extern,
    non_ascii_idents,
    redundant_imports,
    redundant_lifetimes,
    single_use_lifetimes,
    tail_expr_drop_order,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unsafe_attr_outside_unsafe,
    unsafe_code,
    unused_crate_dependencies,
    unused_extern_crates,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
#![allow(unknown_lints, reason = "an older compiler does not know all of them")]
#![allow(
    clippy::arbitrary_source_item_ordering,
    clippy::blanket_clippy_restriction_lints,
    clippy::implicit_return,
    clippy::missing_trait_methods,
    clippy::single_call_fn,
    clippy::std_instead_of_core,
    clippy::tests_outside_test_module,
    reason = "the style of the program below, not of what is generated"
)]

use rxd::{Context, Runner};
use std::time::Duration;
use tokio::time::sleep;
use {trybuild as _, ui_tests as _};

/// A constant limit.
const LIMIT: Duration = Duration::from_secs(3);

/// A constant name.
const NAME: &str = "lints";

rxd::manager! {
    /// A table.
    pub(crate) Once {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, failed: Exit },
        Run => { ok: Exit, failed: Stop },
        Stop => { ok: Exit, failed: Init },
    }
}

/// A job, with every option.
#[rxd::service(
    name = "job",
    manager(Once),
    startup_delay = "1ms",
    delays(Run = LIMIT),
    timeouts(Init = "5s", Stop = LIMIT),
    backoff(base = "100ms", factor = 2.5, max = LIMIT, jitter = 0.2, reset = "60s"),
    restarts(max = 5, within = "1m"),
    on_failure(shutdown),
    heartbeat = LIMIT
)]
#[derive(Clone, Copy, Debug)]
struct Job;

impl Runner for Job {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.heartbeat();
        Ok(())
    }
}

/// A generic service.
#[rxd::service]
#[rxd::after("job", within = LIMIT)]
#[derive(Debug)]
struct Pool<T>
where
    T: Send + 'static,
{
    /// What it holds.
    items: Vec<T>,
}

impl<T> Runner for Pool<T>
where
    T: Send + 'static,
{
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.items.clear();
        cx.cancelled().await;
        Ok(())
    }
}

/// A service with each kind of watch.
#[rxd::service]
#[rxd::needs("pool")]
#[watch(any, exited, Stop, Job, then(exit))]
#[watch(all, not_in, Exit, "pool", "other", then(init), within = "30s")]
#[watch(any, changing, Run, "other", stream(changes))]
#[derive(Debug)]
enum Api {
    /// The only kind.
    Plain,
}

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let changes = Self::changes(cx);
        drop(changes);
        cx.cancelled().await;
        Ok(())
    }
}

/// A function, one argument of which only a `Vec` can own.
#[rxd::service]
async fn collector(cx: &Context, rows: &Vec<u8>, total: &mut usize) -> rxd::Result {
    *total = rows.len();
    cx.cancelled().await;
    Ok(())
}

/// A stage.
async fn check_disk() -> rxd::Result {
    sleep(LIMIT).await;
    Ok(())
}

/// A daemon.
#[rxd::daemon(
    name = NAME,
    shutdown_timeout = LIMIT,
    exit_code = 3,
    history = 64,
    blocking_threshold = LIMIT,
    watchdog_interval = LIMIT,
    on_stale(restart),
    prestart(check_disk(retry = "1ms", attempts = 3, timeout = LIMIT)),
    signals(terminate)
)]
#[derive(Debug)]
struct Edge {
    /// A service.
    job: Job,
    /// A generic one.
    pool: Pool<u8>,
    /// One that may be off.
    #[service(name = "other")]
    other: Option<Pool<String>>,
    /// A function.
    collector: Collector,
    /// One that is configured out.
    #[cfg(not(test))]
    absent: Absent,
    /// One that is not.
    #[cfg(test)]
    api: Api,
}

/// A daemon that is part of a library.
#[rxd::daemon]
#[derive(Clone, Copy, Debug)]
pub struct Small {
    /// A service.
    job: Job,
}

#[test]
fn program_under_all_lints_is_a_daemon() {
    let edge = Edge {
        job: Job,
        pool: Pool { items: vec![1] },
        other: None,
        collector: Collector::new(vec![1], 0),
        api: Api::Plain,
    };
    let names: Vec<_> = Edge::GRAPH.nodes.iter().map(|node| node.name).collect();
    assert_eq!(names, ["job", "pool", "other", "collector", "api"], "the services, in order");
    drop(edge.into_daemon());
    drop(Small { job: Job }.into_daemon());
}
