//! What services do in a plan: all that fakes can, and what only code of a user's would.

use super::plan::{Command, name};
use super::run::Run;
use crate::errors::{Bad, BadError};
use rxd::testing::{Behavior, FakeService, ReloadingFake};
use rxd::{Context, DaemonHandle, Error, Runner};
use std::time::Duration;
use tokio::time::Instant;

/// What one call of a method does.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Behavior(Behavior),
    /// Returns an error whose own code fails.
    FailsBadly(Bad),
    /// Waits until it is cancelled, and holds a value meanwhile that panics when it is dropped.
    HoldsBadValue,
    /// Blocks its thread.
    Blocks(Duration),
    /// Calls `heartbeat` well within the interval, until it is cancelled.
    Beats,
    /// Waits, asks something of a service, and waits for the answer.
    Asks(Duration, usize, Command),
    /// The same, of the service itself.
    AsksForItself(Duration, Command),
}

/// What the value of a service does when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum OnDrop {
    Nothing,
    Panics,
    Blocks(Duration),
}

impl Deed {
    /// As a fake does it.
    pub(super) fn act(&self, run: &Run) -> Behavior {
        match *self {
            Deed::Behavior(ref act) => act.clone(),
            Deed::FailsBadly(bad) => Behavior::call(move |_| std::future::ready(Err(BadError(bad).into()))),
            Deed::HoldsBadValue => Behavior::call(async |cx: Context| {
                let _value = Bomb;
                cx.cancelled().await;
                Ok(())
            }),
            Deed::Blocks(time) => Behavior::call(move |_| async move {
                std::thread::sleep(time);
                Ok(())
            }),
            Deed::Beats => Behavior::call(async |cx: Context| {
                while !cx.is_cancelled() {
                    cx.heartbeat();
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(200)) => {}
                        () = cx.cancelled() => {}
                    }
                }
                Ok(())
            }),
            Deed::Asks(after, whom, command) => {
                let run = run.clone();
                Behavior::call(move |cx: Context| {
                    let run = run.clone();
                    async move {
                        tokio::time::sleep(after).await;
                        // Refused is an answer.
                        let _ = run.ask(&cx.daemon(), &name(whom), command).await;
                        Ok(())
                    }
                })
            }
            Deed::AsksForItself(after, command) => {
                let run = run.clone();
                Behavior::call(move |cx: Context| {
                    let run = run.clone();
                    async move {
                        tokio::time::sleep(after).await;
                        let began = Instant::now();
                        let answer = run.ask(&cx.daemon(), cx.name(), command).await;
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

    /// Whether it may be at work when its limits are over.
    pub(super) fn may_hang(&self) -> bool {
        match self {
            Deed::Behavior(act) => matches!(
                act,
                Behavior::Hang
                    | Behavior::HangAndPanic
                    | Behavior::UntilCancelled
                    | Behavior::After(..)
                    | Behavior::FailOnCancel
                    | Behavior::PanicOnCancel
            ),
            // In Stop nobody cancels it before the limit.
            Deed::HoldsBadValue | Deed::Beats => true,
            Deed::Asks(..) | Deed::AsksForItself(..) | Deed::Blocks(_) => true,
            Deed::FailsBadly(_) => false,
        }
    }
}

pub(super) async fn ask(handle: &DaemonHandle, service: &str, command: Command) -> Result<(), Error> {
    match command {
        Command::Stop => handle.stop(service).await,
        Command::Start => handle.start(service).await,
        Command::Restart => handle.restart(service).await,
        Command::Reload => handle.reload(service).await,
    }
}

/// Panics when it is dropped, unless that would be the second panic at once.
struct Bomb;

impl Drop for Bomb {
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
            OnDrop::Panics => drop(Bomb),
            OnDrop::Blocks(time) => std::thread::sleep(time),
        }
    }
}

impl Runner for Dropped<FakeService> {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.0.init(cx).await
    }

    async fn idle(&mut self, cx: &Context) -> rxd::Result {
        self.0.idle(cx).await
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0.run(cx).await
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        self.0.stop(cx).await
    }
}

impl Runner for Dropped<ReloadingFake> {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.0.init(cx).await
    }

    async fn idle(&mut self, cx: &Context) -> rxd::Result {
        self.0.idle(cx).await
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0.run(cx).await
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        self.0.stop(cx).await
    }

    async fn reload(&mut self, cx: &Context) -> rxd::Result {
        self.0.reload(cx).await
    }
}
