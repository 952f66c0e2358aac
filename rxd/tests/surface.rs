//! All public types, and which traits they have.
//!
//! Every public type is `Debug`, `Send` and `Sync`. Builders that hold a user's services need only
//! be `Send`. A new public type needs a line here. Types behind `__private` are for generated code,
//! and not listed.

use std::fmt::Debug;
use std::future::Future;

fn ordinary<T: Debug + Send + Sync + 'static>() {}
fn builder<T: Debug + Send + 'static>() {}
fn value<T: Debug + Send + Sync + Clone + 'static>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}
fn word<T: Debug + Send + Sync + Copy + Eq + 'static>() {}
fn future<T: Future + Send>() {}
fn is_send<T: Send>(_: &T) {}

macro_rules! all {
    ($is:ident: $($type:ty),* $(,)?) => { $( $is::<$type>(); )* };
}

/// Enums and values that users write, match on and print.
#[test]
fn words_are_copy_and_shared() {
    all!(word: rxd::State, rxd::Transition, rxd::Action, rxd::Cause, rxd::Mode, rxd::Effect, rxd::OnFailure, rxd::Readiness);
    all!(word: rxd::OnStale, rxd::Signal, rxd::CancelCause, rxd::FirstRun, rxd::MissedRun);
    value::<rxd::Filter>();
}

/// What declares a service: its options, its manager and its watches, without macros.
#[test]
fn declarations_are_sent_and_values_shared() {
    all!(builder: rxd::Service, rxd::Family, rxd::Daemon, rxd::prestart::Stage);
    all!(value: rxd::When, rxd::Options, rxd::Backoff, rxd::Every);
    #[cfg(feature = "cron")]
    value::<rxd::Schedule>();
    #[cfg(feature = "probe")]
    all!(value: rxd::probe::Tcp, rxd::probe::Http, rxd::probe::Command);
    #[cfg(feature = "process")]
    {
        ordinary::<rxd::process::Process>();
        value::<rxd::process::Ready>();
        word::<rxd::process::Output>();
    }
    all!(value: rxd::manager::Table, rxd::manager::Ended, rxd::manager::continuous, rxd::manager::until_success);
    // Traits: Runner, LocalRunner, BlockingRunner, Configure, ConfigPart, Manager, Pipeline, Declared,
    // Provides, ServiceSelector, FromIndex.
    fn _named(_: impl rxd::ServiceSelector) {}
    fn _declared<T: rxd::Declared + 'static>() {
        ordinary::<rxd::ByType<T>>();
    }
}

/// What is used inside a service and outside of a daemon.
#[test]
fn handles_and_streams_are_shared() {
    all!(value: rxd::Context, rxd::DaemonHandle, rxd::Report, rxd::ServiceReport, rxd::States, rxd::ServiceState);
    all!(value: rxd::Why, rxd::ServiceDiagnosis, rxd::UnmetGate, rxd::HoldingReaction);
    all!(value: rxd::ServiceGroup<'static>, rxd::Reconciled);
    all!(ordinary: rxd::GroupOutcome, rxd::Watch, rxd::StateStream, rxd::WaitFor, rxd::Ticker, rxd::BlockingContext);
    all!(value: rxd::WatchEvent, rxd::StateEvent);
    future::<<rxd::WaitFor as IntoFuture>::IntoFuture>();
}

/// Errors. `AnyError` is not a `std` error itself, so that every `std` error converts into it.
#[test]
fn errors_are_std_errors() {
    ordinary::<rxd::AnyError>();
    all!(error: rxd::Error, rxd::Cancelled, rxd::LifecycleDone, rxd::WatchEnded, rxd::WaitError, rxd::Report);
    all!(error: rxd::intracom::TopicError, rxd::intracom::PublishError<u8>, rxd::intracom::TryRecvError, rxd::intracom::AskError);
}

/// The checked graph, to read and to draw. Generated code and tests of graphs build it.
#[test]
fn graphs_are_values() {
    all!(value: rxd::Graph<'static>, rxd::graph::Node<'static>, rxd::graph::Edge<'static>, rxd::graph::Target<'static>);
    all!(value: rxd::graph::ServiceType, rxd::graph::Fault, rxd::graph::Advice);
    all!(word: rxd::graph::Keyword, rxd::graph::Rule, rxd::graph::AdviceRule);
}

/// Messages between services.
#[test]
fn topics_are_shared() {
    all!(value: rxd::intracom::Intracom, rxd::intracom::Topic<u8>, rxd::intracom::Group<'static>);
    all!(value: rxd::intracom::TopicOptions, rxd::intracom::Policy, rxd::intracom::Delivery);
    all!(value: rxd::intracom::Publisher<u8>, rxd::intracom::Subscriber<u8>);
    all!(ordinary: rxd::intracom::StaticTopic<u8>, rxd::intracom::Subscription<u8>, rxd::intracom::Request<u8, u8>);
    future::<rxd::intracom::Publish<'static, u8>>();
    all!(value: rxd::intracom::Stats, rxd::intracom::TopicStats, rxd::intracom::GroupStats, rxd::intracom::DropCounts);
    value::<rxd::intracom::ClosedGroups>();
}

/// Logs: the builder, the handle of levels, and parts for a user's own subscriber.
#[cfg(feature = "log")]
#[test]
fn logs_are_shared() {
    all!(ordinary: rxd::log::Builder, rxd::log::LogGuard, rxd::log::LineFormat, rxd::log::EscapedFields, rxd::log::ServiceFilter);
    all!(value: rxd::log::LevelHandle, rxd::log::LevelTarget, rxd::log::LevelSetting);
    word::<rxd::log::Level>();
}

/// The admin route.
#[cfg(feature = "admin")]
#[test]
fn admin_is_a_value() {
    all!(value: rxd::admin::Admin, rxd::admin::Address, rxd::admin::AdminStatus);
}

/// The HTTP service, which holds a user's closure.
#[cfg(feature = "axum")]
#[test]
fn server_is_sent_and_its_addresses_are_shared() {
    builder::<rxd::http::Server>();
    all!(value: rxd::http::Address, rxd::http::LocalAddresses);
}

/// launchd: the list to print.
#[test]
fn launchd_plist_is_a_value() {
    value::<rxd::launchd::Plist>();
}

/// systemd: the unit to print, and the sockets that it opened.
#[cfg(feature = "systemd")]
#[test]
fn systemd_parts_are_shared() {
    #[cfg(unix)]
    ordinary::<rxd::systemd::Sockets>();
    value::<rxd::systemd::Unit>();
}

/// The test kit. An `Explorer` holds closures of a test, and need not be `Send`.
#[test]
fn testing_kit_is_shared() {
    use rxd::testing::{Behavior, CallLog, FakeService, Inbox, ReloadingFake};
    all!(value: Behavior, Inbox<u32>, CallLog, FakeService, ReloadingFake);
    use rxd::testing::{Finished, Harness, Running};
    builder::<Harness>();
    all!(ordinary: Running, Finished);
    use rxd::testing::{DeclaredRules, Expect, Expected, StatesAt, Trace, TraceStep, Violation};
    all!(value: Trace, TraceStep, Expect<'static>, Expected<'static>, StatesAt<'static>, Violation);
    ordinary::<DeclaredRules>();
    use rxd::testing::{Choice, Counterexample, Explored};
    all!(value: Choice, Counterexample);
    ordinary::<Explored>();
}

/// Each future may be awaited in a spawned task.
#[tokio::test]
async fn futures_of_the_api_are_send() {
    let cx = rxd::Context::detached("alone");
    is_send(&cx.cancelled());
    is_send(&cx.or_cancelled(std::future::ready(1)));
    is_send(&cx.every(std::time::Duration::ZERO).tick());
    is_send(&cx.sleep(std::time::Duration::ZERO));
    let daemon = || rxd::Daemon::new("d").signals([]).add(rxd::Service::new("a", rxd::testing::FakeService::new()));
    is_send(&daemon().run());
    is_send(&daemon().main());
    let handle = daemon().start().await.expect("the daemon starts");
    is_send(&handle.stop("a"));
    is_send(&handle.start("a"));
    is_send(&handle.restart("a"));
    is_send(&handle.reload("a"));
    is_send(&handle.wait());
    let mut watch = handle.watch_any(rxd::Action::Entering, rxd::State::Run, "a").expect("`a` exists");
    is_send(&watch.next());
    is_send(&watch.wait());
    let mut states = handle.watch_states(rxd::Filter::None).expect("a filter without names is valid");
    is_send(&states.next());
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
