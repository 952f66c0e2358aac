//! What is public, why, and what can be done with each of it.
//!
//! Every public type can be printed, and sent to and shared with other threads; but for builders of what holds a
//! user's services, which need only be sent. Whoever adds one adds it here, with a reason. What is not here is
//! behind `__private`, for generated code.

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

/// The words: a user writes them, matches on them, prints them.
#[test]
fn words() {
    all!(word: rxd::State, rxd::Transition, rxd::Action, rxd::Cause, rxd::Mode, rxd::Effect, rxd::OnFailure);
    all!(word: rxd::OnStale, rxd::Signal);
    value::<rxd::Filter>();
}

/// To declare: a service, how it is paced, who decides, what it waits for; by hand where no macro is used.
#[test]
fn declaring() {
    all!(builder: rxd::Service, rxd::Daemon, rxd::prestart::Stage);
    all!(value: rxd::When, rxd::Options, rxd::Backoff);
    all!(value: rxd::manager::Table, rxd::manager::Ended, rxd::manager::continuous, rxd::manager::until_success);
    // Traits to implement, or to ask for: Runner, Manager, Pipeline, Declared, Names.
    fn _named(_: impl rxd::ServiceSelector) {}
    fn _declared<T: rxd::Declared + 'static>() {
        ordinary::<rxd::ByType<T>>();
    }
}

/// Inside a service, and outside of a daemon.
#[test]
fn running() {
    all!(value: rxd::Context, rxd::DaemonHandle, rxd::Report, rxd::ServiceReport, rxd::States, rxd::ServiceState);
    all!(value: rxd::Why, rxd::ServiceDiagnosis, rxd::UnmetGate);
    all!(ordinary: rxd::Watch, rxd::StateStream, rxd::WaitFor, rxd::Ticker);
    all!(value: rxd::WatchEvent, rxd::StateEvent);
    future::<<rxd::WaitFor as IntoFuture>::IntoFuture>();
}

/// What goes wrong. `AnyError` is no `std` error itself, so that any of those becomes one.
#[test]
fn errors() {
    ordinary::<rxd::AnyError>();
    all!(error: rxd::Error, rxd::Cancelled, rxd::LifecycleDone, rxd::WatchEnded, rxd::WaitError, rxd::Report);
    all!(error: rxd::intracom::Error, rxd::intracom::PublishError<u8>, rxd::intracom::TryRecvError);
}

/// The checked graph, to be read and drawn; built by generated code, and by tests of graphs.
#[test]
fn graphs() {
    all!(value: rxd::Graph<'static>, rxd::graph::Node<'static>, rxd::graph::Edge<'static>, rxd::graph::Target<'static>);
    all!(value: rxd::graph::Kind, rxd::graph::Fault);
    all!(word: rxd::graph::Keyword, rxd::graph::Rule);
}

/// Messages between services.
#[test]
fn topics() {
    all!(value: rxd::intracom::Intracom, rxd::intracom::Topic<u8>, rxd::intracom::Group<'static>);
    all!(value: rxd::intracom::Options, rxd::intracom::Policy, rxd::intracom::Delivery);
    all!(value: rxd::intracom::Publisher<u8>, rxd::intracom::Subscriber<u8>);
    all!(ordinary: rxd::intracom::Declared<u8>, rxd::intracom::Subscription<u8>, rxd::intracom::TopicSink<u8>);
    future::<rxd::intracom::Publish<'static, u8>>();
    all!(value: rxd::intracom::Stats, rxd::intracom::TopicStats, rxd::intracom::GroupStats, rxd::intracom::Drops);
    value::<rxd::intracom::Ended>();
}

/// Logs: set up with a builder, turned with a dial; parts for a subscriber of one's own.
#[cfg(feature = "log")]
#[test]
fn logs() {
    all!(ordinary: rxd::log::Builder, rxd::log::Guard, rxd::log::LineFormat, rxd::log::EscapedFields, rxd::log::ServiceFilter);
    all!(value: rxd::log::LevelHandle, rxd::log::LevelTarget, rxd::log::LevelSetting);
    word::<rxd::log::Level>();
}

/// The door for operators.
#[cfg(feature = "admin")]
#[test]
fn admin() {
    all!(value: rxd::admin::Admin, rxd::admin::Address, rxd::admin::AdminStatus);
}

/// systemd: the unit to print, the sockets it opened. All else happens by itself.
#[cfg(feature = "systemd")]
#[test]
fn systemd() {
    ordinary::<rxd::systemd::Sockets>();
    value::<rxd::systemd::Unit>();
}

/// The test kit: fakes and what they are told, a daemon under test, what is expected of it, every order.
/// (An `Explorer` holds closures of a test, and stays in it.)
#[test]
fn testing() {
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

/// What is awaited may be awaited in a task of its own.
#[tokio::test]
async fn futures_are_send() {
    let cx = rxd::Context::detached("alone");
    is_send(&cx.cancelled());
    is_send(&cx.or_cancelled(std::future::ready(1)));
    is_send(&cx.every(std::time::Duration::ZERO).tick());
    let daemon = || rxd::Daemon::new("d").signals([]).add(rxd::Service::new("a", rxd::testing::FakeService::new()));
    is_send(&daemon().run());
    is_send(&daemon().main());
    let handle = daemon().start().await.expect("it starts");
    is_send(&handle.stop("a"));
    is_send(&handle.start("a"));
    is_send(&handle.restart("a"));
    is_send(&handle.reload("a"));
    is_send(&handle.wait());
    let mut watch = handle.watch_any(rxd::Action::Entering, rxd::State::Run, "a").expect("it is there");
    is_send(&watch.next());
    is_send(&watch.wait());
    let mut states = handle.watch_states(rxd::Filter::None).expect("no names, no unknown ones");
    is_send(&states.next());
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
