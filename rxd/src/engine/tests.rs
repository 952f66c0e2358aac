//! Tests of an engine without a daemon: its task is dropped or panics, and requests come after it.

use super::{EngineState, OverriddenMethods, serve};
use crate::board::{Board, signal};
use crate::core::names::ServiceNames;
use crate::core::stop_order::StopOrder;
use crate::core::{Core, ServiceCommand};
use crate::error::Result;
use crate::lifecycle::manager::continuous;
use crate::lifecycle::options::service::ServiceOptions;
use crate::lifecycle::options::{OnFailure, Options};
use crate::report::ShutdownReason;
use crate::service::context::Context;
use crate::service::runner::Runner;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Wake, Waker};

struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

struct Waits;

impl Runner for Waits {
    async fn run(&mut self, cx: &Context) -> Result {
        cx.cancelled().await;
        Ok(())
    }
}

/// Ignores cancellation.
struct Hangs;

impl Runner for Hangs {
    async fn run(&mut self, _: &Context) -> Result {
        std::future::pending().await
    }
}

fn core() -> Arc<Core> {
    let (names, stop_order) = (ServiceNames::of_names(["a".to_owned()]), StopOrder::new(&[vec![]]));
    Arc::new(Core::new("d".into(), names, Board::new(vec![vec![]], 8), stop_order))
}

const COMMANDS: [ServiceCommand; 4] =
    [ServiceCommand::Stop, ServiceCommand::Start, ServiceCommand::Restart, ServiceCommand::Reload];

/// The error for each of [`COMMANDS`] once the engine is gone, while the daemon continues.
const REFUSED: [Option<&str>; 4] = [
    None,
    Some("service `a` cannot start again: its task has ended"),
    Some("service `a` cannot start again: its task has ended"),
    Some("service `a` is not running"),
];

#[test]
fn g55_x2_requests_after_the_engine_has_ended_are_answered() {
    // Requests that the engine has not read yet, and requests that it was about to carry out.
    for has_seen in [false, true] {
        let core = core();
        let engine =
            EngineState::new(core.clone(), 0, ServiceOptions::Declared(&Options::DEFAULT), Box::new(continuous));
        let mut engine = Box::pin(serve(Some(Hangs), engine, OverriddenMethods::of::<Hangs>()));
        let mut task = TaskContext::from_waker(Waker::noop());
        assert!(engine.as_mut().poll(&mut task).is_pending());
        let mut pending = COMMANDS.map(|command| core.request_by(false, 0, command));
        if has_seen {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _entered = runtime.enter();
            assert!(engine.as_mut().poll(&mut task).is_pending());
        }
        drop(engine);
        let text = |answer: Result<(), crate::Error>| answer.err().map(|error| error.to_string());
        let answers = pending.each_mut().map(|answer| answer.try_recv().expect("it is answered"));
        let mut expected = REFUSED.map(|refused| refused.map(str::to_owned));
        if has_seen {
            // The service had started, and has no `reload`: those two were answered at once.
            (expected[1], expected[3]) = (None, None);
        }
        assert_eq!(answers.map(text), expected, "seen: {has_seen}");
        let later = COMMANDS
            .map(|command| core.request_by(false, 0, command).try_recv().expect("a later request is answered too"));
        assert_eq!(later.map(text), REFUSED.map(|refused| refused.map(str::to_owned)));
        assert_eq!(core.shutting_down(), None, "its runtime was dropped: that is no failure");
    }
}

#[test]
fn g53_x2_engine_ended_by_a_panic_fails_its_service_for_good() {
    for (on_failure, reason, failures) in [
        (OnFailure::Shutdown, Some(ShutdownReason::Service(0)), vec![0]),
        (OnFailure::Exit, None, vec![0]),
        (OnFailure::Ignore, None, vec![]),
    ] {
        let core = core();
        let options = Box::new(Options::DEFAULT.on_failure(on_failure));
        let engine = EngineState::new(core.clone(), 0, ServiceOptions::Overridden(options), Box::new(continuous));
        let mut engine = Box::pin(serve(Some(Waits), engine, OverriddenMethods::of::<Waits>()));
        assert!(engine.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
        let mut pending = core.request_by(false, 0, ServiceCommand::Stop);
        let ended = catch_unwind(AssertUnwindSafe(move || {
            let _engine = engine;
            std::panic::resume_unwind(Box::new("in the engine itself"));
        }));
        assert!(ended.is_err());
        assert_eq!((core.shutting_down(), core.failures()), (reason, failures), "{on_failure:?}");
        assert!(pending.try_recv().is_ok() && core.board.status(0).over);
    }
}

#[test]
fn engine_that_has_ended_leaves_no_waker_behind() {
    for is_dropped in [false, true] {
        let core = core();
        let engine =
            EngineState::new(core.clone(), 0, ServiceOptions::Declared(&Options::DEFAULT), Box::new(continuous));
        let task = Arc::new(Task);
        let waker = Waker::from(task.clone());
        {
            let mut engine = pin!(Some(serve(Some(Waits), engine, OverriddenMethods::of::<Waits>())));
            let mut poll =
                || engine.as_mut().as_pin_mut().map(|engine| engine.poll(&mut TaskContext::from_waker(&waker)));
            assert!(poll().is_some_and(|poll| poll.is_pending()));
            assert!(Arc::strong_count(&task) > 2, "the board has its waker");
            core.board.raise(0, signal::SHUTDOWN);
            if is_dropped {
                engine.set(None);
            } else {
                // The engine has woken the supervisor, and yields the thread to it before the
                // service is dropped.
                assert!(poll().is_some_and(|poll| poll.is_pending()));
                assert!(poll().is_some_and(|poll| poll.is_ready()));
            }
        }
        assert_eq!(Arc::strong_count(&task), 2);
        assert!(core.board.status(0).over);
    }
}
