//! What services do in a plan: all that fakes can do, and what only user code would do.

use super::plan::{Command, name};
use super::run::Run;
use crate::errors::{Bad, BadError};
use rxd::intracom::{Group, Request};
use rxd::testing::{Behavior, FakeService, ReloadingFake};
use rxd::{BlockingContext, BlockingRunner, Context, DaemonHandle, Error, LocalRunner, Runner, State};
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
    /// Provides the number of its incarnation to others.
    Provides,
    /// Waits, and takes what a service provides.
    TakesProvided(Duration, usize),
    /// Replies to requests on its topic; drops one of so many.
    Replies {
        drops_each: u32,
    },
    /// Waits, sends a request on the topic of a service, and waits for the reply.
    AsksOnTopic(Duration, usize),
}

/// What the value of a service does when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum OnDrop {
    Nothing,
    Panics,
    Blocks(Duration),
}

/// The type that says what services provide: the number of an incarnation.
#[rxd::service(provides(u32))]
struct Provider;

impl Runner for Provider {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

/// The topic of a service.
fn topic(service: &str) -> String {
    format!("requests-{service}")
}

async fn take_provided(run: &Run, cx: &Context, whom: &str) {
    let states = || cx.states()[whom].clone();
    let (before, value) = (states(), rxd::__private::provided_by::<Provider>(cx, whom));
    // In paused time nothing else runs in between.
    let fits = match value {
        Ok(incarnation) => before.is_in(State::Run) && before.incarnation == incarnation,
        Err(_) => true,
    };
    run.expect(run.is_real() || fits, || format!("a value of `{whom}` outlived its time in Run: {before:?}"));
    cx.cancelled().await;
}

async fn reply(cx: &Context, drops_each: u32) -> rxd::Result {
    let topic = cx.intracom().topic::<Request<u32, u32>>(&topic(cx.name()))?;
    let mut requests = topic.subscribe(Group::named("replies").capacity(2))?;
    let mut count = 0;
    while let Some(request) = requests.recv().await {
        count += 1;
        if count % drops_each != 0 {
            let answer = *request.question() + 1;
            request.reply(answer);
        }
    }
    Ok(())
}

/// A request is answered, refused or dropped at once: nothing waits for a service that has ended.
async fn ask_on_topic(run: &Run, cx: &Context, whom: &str) -> rxd::Result {
    let topic = cx.intracom().topic::<Request<u32, u32>>(&topic(whom))?;
    let began = Instant::now();
    // A cancellation ends the wait, if it comes first.
    let answer = cx.or_cancelled(topic.ask(20)).await?;
    let took = began.elapsed();
    run.expect(run.is_real() || took <= Duration::from_secs(1) + run.paused(), || {
        format!("a request to `{whom}` took {took:?}")
    });
    run.expect(answer.as_ref().map_or(true, |&answer| answer == 21), || format!("`{whom}`: a wrong {answer:?}"));
    Ok(())
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
            ScriptedCall::Provides => Behavior::call(async |cx: Context| {
                cx.provide::<Provider>(cx.states()[cx.name()].incarnation);
                Ok(())
            }),
            ScriptedCall::TakesProvided(after, whom) => {
                let run = run.clone();
                Behavior::call(move |cx: Context| {
                    let run = run.clone();
                    async move {
                        cx.sleep(after).await?;
                        take_provided(&run, &cx, &name(whom)).await;
                        Ok(())
                    }
                })
            }
            ScriptedCall::Replies { drops_each } => {
                Behavior::call(move |cx: Context| async move { reply(&cx, drops_each).await })
            }
            ScriptedCall::AsksOnTopic(after, whom) => {
                let run = run.clone();
                Behavior::call(move |cx: Context| {
                    let run = run.clone();
                    async move {
                        cx.sleep(after).await?;
                        ask_on_topic(&run, &cx, &name(whom)).await
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
            ScriptedCall::TakesProvided(..) | ScriptedCall::Replies { .. } | ScriptedCall::AsksOnTopic(..) => true,
            ScriptedCall::FailsWithBadError(_) | ScriptedCall::Provides => false,
        }
    }

    /// The service that this call asks for something, if there is one.
    pub(super) fn whom(&mut self) -> Option<&mut usize> {
        match self {
            ScriptedCall::Asks(_, whom, _)
            | ScriptedCall::TakesProvided(_, whom)
            | ScriptedCall::AsksOnTopic(_, whom) => Some(whom),
            _ => None,
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
