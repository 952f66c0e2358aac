//! What services do in a plan: all that fakes can do, and what only user code would do.

use super::plan::{Command, name};
use super::run::Run;
use crate::errors::{Bad, BadError};
use rxd::testing::{Behavior, FakeService, ReloadingFake};
use rxd::{BlockingContext, BlockingRunner, Context, DaemonHandle, Error, LocalRunner, Runner};
use std::time::Duration;
use tokio::time::Instant;

/// What one call of a method does.
#[derive(Clone, Debug)]
pub(super) enum ScriptedCall {
    Behavior(Behavior),
    /// Returns an error whose own code fails.
    FailsWithBadError(Bad),
    /// Waits until it is cancelled, and holds a value that panics when it is dropped.
    HoldsBadValue,
    /// Blocks its thread.
    Blocks(Duration),
    /// Calls `heartbeat` well within the interval, until it is cancelled.
    Beats,
    /// Waits, makes a request to a service, and waits for the answer.
    Asks(Duration, usize, Command),
    /// The same, to the service itself.
    AsksForItself(Duration, Command),
}

/// What the value of a service does when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum OnDrop {
    Nothing,
    Panics,
    Blocks(Duration),
}

impl ScriptedCall {
    /// The behavior of a fake.
    pub(super) fn behavior(&self, run: &Run) -> Behavior {
        match *self {
            ScriptedCall::Behavior(ref behavior) => behavior.clone(),
            ScriptedCall::FailsWithBadError(bad) => {
                Behavior::call(move |_| std::future::ready(Err(BadError(bad).into())))
            }
            ScriptedCall::HoldsBadValue => Behavior::call(async |cx: Context| {
                let _value = PanicsOnDrop;
                cx.cancelled().await;
                Ok(())
            }),
            ScriptedCall::Blocks(time) => Behavior::call(move |_| async move {
                std::thread::sleep(time);
                Ok(())
            }),
            ScriptedCall::Beats => Behavior::call(async |cx: Context| {
                while !cx.is_cancelled() {
                    cx.heartbeat();
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(200)) => {}
                        () = cx.cancelled() => {}
                    }
                }
                Ok(())
            }),
            ScriptedCall::Asks(after, whom, command) => {
                let run = run.clone();
                Behavior::call(move |cx: Context| {
                    let run = run.clone();
                    async move {
                        tokio::time::sleep(after).await;
                        // A refusal is an answer.
                        let _ = run.request(&cx.daemon(), &name(whom), command).await;
                        Ok(())
                    }
                })
            }
            ScriptedCall::AsksForItself(after, command) => {
                let run = run.clone();
                Behavior::call(move |cx: Context| {
                    let run = run.clone();
                    async move {
                        tokio::time::sleep(after).await;
                        let began = Instant::now();
                        let answer = run.request(&cx.daemon(), cx.name(), command).await;
                        run.expect(answer.is_ok() && (run.is_real() || began.elapsed().is_zero()), || {
                            format!("G55: `{}`: {command:?} of itself: {answer:?}, {:?}", cx.name(), began.elapsed())
                        });
                        cx.cancelled().await;
                        Ok(())
                    }
                })
            }
        }
    }

    /// Whether the call may still be running when its limits end.
    pub(super) fn may_hang(&self) -> bool {
        match self {
            ScriptedCall::Behavior(behavior) => matches!(
                behavior,
                Behavior::Hang
                    | Behavior::HangAndPanic
                    | Behavior::UntilCancelled
                    | Behavior::After(..)
                    | Behavior::FailOnCancel
                    | Behavior::PanicOnCancel
            ),
            // In Stop it is not cancelled before the limit.
            ScriptedCall::HoldsBadValue | ScriptedCall::Beats => true,
            ScriptedCall::Asks(..) | ScriptedCall::AsksForItself(..) | ScriptedCall::Blocks(_) => true,
            ScriptedCall::FailsWithBadError(_) => false,
        }
    }
}

pub(super) async fn request(handle: &DaemonHandle, service: &str, command: Command) -> Result<(), Error> {
    match command {
        Command::Stop => handle.stop(service).await,
        Command::Start => handle.start(service).await,
        Command::Restart => handle.restart(service).await,
        Command::Reload => handle.reload(service).await,
    }
}

/// Panics when it is dropped, unless its thread is panicking already.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("scripted panic on drop");
        }
    }
}

/// A service whose value does something when it is dropped.
pub(super) struct Dropped<R>(pub(super) R, pub(super) OnDrop);

impl<R> Drop for Dropped<R> {
    fn drop(&mut self) {
        match self.1 {
            OnDrop::Nothing => {}
            OnDrop::Panics => drop(PanicsOnDrop),
            OnDrop::Blocks(time) => std::thread::sleep(time),
        }
    }
}

/// Calls the same methods of the fake.
macro_rules! methods_of_the_fake {
    ($of:ident for $fake:ty: $($method:ident)*) => {
        impl $of for Dropped<$fake> {
            $(async fn $method(&mut self, cx: &Context) -> rxd::Result {
                Runner::$method(&mut self.0, cx).await
            })*
        }
    };
}

methods_of_the_fake!(Runner for FakeService: init idle run stop);
methods_of_the_fake!(Runner for ReloadingFake: init idle run stop reload);
methods_of_the_fake!(LocalRunner for FakeService: init idle run stop);
methods_of_the_fake!(LocalRunner for ReloadingFake: init idle run stop reload);

/// Blocks until the method of the fake has returned, or is cancelled: nobody can end it otherwise.
macro_rules! blocking_methods_of_the_fake {
    ($fake:ty: $($method:ident)*) => {
        impl BlockingRunner for Dropped<$fake> {
            $(fn $method(&mut self, cx: &BlockingContext) -> rxd::Result {
                cx.or_cancelled(Runner::$method(&mut self.0, cx.context())).unwrap_or(Ok(()))
            })*
        }
    };
}

blocking_methods_of_the_fake!(FakeService: init idle run stop);
blocking_methods_of_the_fake!(ReloadingFake: init idle run stop reload);
