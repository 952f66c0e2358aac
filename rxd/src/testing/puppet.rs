//! Services that do as they are told.

use crate::context::Context;
use crate::error::{Cancelled, Error, LifecycleDone, Result};
use crate::service::Runner;
use crate::state::State;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a [`Puppet`] does when one of its methods is called.
#[derive(Clone)]
#[non_exhaustive]
pub enum Act {
    /// Returns `Ok` at once.
    Ok,
    /// Returns an error at once.
    Fail,
    /// Panics with a text.
    Panic,
    /// Panics with something that is no text, and panics again when it is dropped.
    PanicOddly,
    /// Never returns, whatever it is told.
    Hang,
    /// Never returns, and panics when it is dropped.
    HangAndPanic,
    /// Returns `Ok` when it is told to.
    UntilTold,
    /// Returns an error when it is told to.
    FailWhenTold,
    /// Panics when it is told to return.
    PanicWhenTold,
    /// Returns [`Cancelled`], though nobody asked.
    Cancelled,
    /// Returns [`LifecycleDone`].
    Done,
    /// Waits, whatever it is told, and then does something else.
    After(Duration, Box<Act>),
    /// Calls this.
    Call(Script),
}

/// A future made anew for each call.
type Script = Arc<dyn Fn(Context) -> Pin<Box<dyn Future<Output = Result> + Send>> + Send + Sync>;

impl Act {
    /// The same after a wait that nothing interrupts.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Act::After(wait, Box::new(self))
    }

    /// What this function's future does.
    pub fn call<F, Fut>(script: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result> + Send + 'static,
    {
        Act::Call(Arc::new(move |cx| Box::pin(script(cx))))
    }

    fn play<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Result> + Send + 'a>> {
        Box::pin(async move {
            match self {
                Act::Ok => Ok(()),
                Act::Fail => Err(Error::msg("told to fail")),
                Act::Panic => panic!("told to panic"),
                Act::PanicOddly => panic_any(Odd),
                Act::Hang => std::future::pending().await,
                Act::HangAndPanic => {
                    let _odd = Odd;
                    std::future::pending().await
                }
                Act::UntilTold => {
                    cx.cancelled().await;
                    Ok(())
                }
                Act::FailWhenTold => {
                    cx.cancelled().await;
                    Err(Error::msg("told to fail when told to return"))
                }
                Act::PanicWhenTold => {
                    cx.cancelled().await;
                    panic!("told to panic when told to return")
                }
                Act::Cancelled => Err(Error::from(Cancelled)),
                Act::Done => Err(Error::from(LifecycleDone)),
                Act::After(wait, act) => {
                    tokio::time::sleep(*wait).await;
                    act.play(cx).await
                }
                Act::Call(script) => script(cx.clone()).await,
            }
        })
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Act::Ok => "Ok",
            Act::Fail => "Fail",
            Act::Panic => "Panic",
            Act::PanicOddly => "PanicOddly",
            Act::Hang => "Hang",
            Act::HangAndPanic => "HangAndPanic",
            Act::UntilTold => "UntilTold",
            Act::FailWhenTold => "FailWhenTold",
            Act::PanicWhenTold => "PanicWhenTold",
            Act::Cancelled => "Cancelled",
            Act::Done => "Done",
            Act::Call(_) => "Call",
            Act::After(wait, act) => return write!(f, "{act:?} after {wait:?}"),
        })
    }
}

/// Panics when it is dropped, unless that would be the second at once.
struct Odd;

impl Drop for Odd {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("told to panic when dropped");
        }
    }
}

/// A service that does as it is told.
///
/// For each method it has a list of [`Act`]s, one a call, of which the last is repeated. Untold,
/// `run` returns when it is to and all others return `Ok` at once. For one with a `reload` of its
/// own see [`Reloading`].
#[derive(Clone, Debug)]
pub struct Puppet {
    acts: [VecDeque<Act>; 5],
    probe: Probe,
}

const RELOAD: usize = 4;

impl Puppet {
    /// A service with nothing wrong.
    #[must_use]
    pub fn new() -> Self {
        let ok = || VecDeque::from([Act::Ok]);
        Puppet { acts: [ok(), ok(), [Act::UntilTold].into(), ok(), ok()], probe: Probe::default() }
    }

    /// What the method of this state does, call by call.
    ///
    /// # Panics
    ///
    /// If the state has no method, or there are no acts.
    #[must_use]
    pub fn on(self, state: State, acts: impl IntoIterator<Item = Act>) -> Self {
        let slot = crate::options::slot(state).unwrap_or_else(|| panic!("{state} has no method"));
        self.with(slot, acts)
    }

    /// What `reload` does, call by call; see [`Reloading`].
    #[must_use]
    pub fn on_reload(self, acts: impl IntoIterator<Item = Act>) -> Self {
        self.with(RELOAD, acts)
    }

    fn with(mut self, slot: usize, acts: impl IntoIterator<Item = Act>) -> Self {
        self.acts[slot] = acts.into_iter().collect();
        assert!(!self.acts[slot].is_empty(), "a method does something");
        self
    }

    /// Tells this probe of every call.
    #[must_use]
    pub fn probe(mut self, probe: &Probe) -> Self {
        self.probe = probe.clone();
        self
    }

    async fn play(&mut self, method: &'static str, slot: usize, cx: &Context) -> Result {
        let act = match self.acts[slot].len() {
            1 => self.acts[slot][0].clone(),
            _ => self.acts[slot].pop_front().unwrap_or(Act::Ok),
        };
        let _call = self.probe.begin(cx, method);
        act.play(cx).await
    }
}

impl Default for Puppet {
    fn default() -> Self {
        Puppet::new()
    }
}

impl Runner for Puppet {
    async fn init(&mut self, cx: &Context) -> Result {
        self.play("init", 0, cx).await
    }

    async fn idle(&mut self, cx: &Context) -> Result {
        self.play("idle", 1, cx).await
    }

    async fn run(&mut self, cx: &Context) -> Result {
        self.play("run", 2, cx).await
    }

    async fn stop(&mut self, cx: &Context) -> Result {
        self.play("stop", 3, cx).await
    }
}

/// A [`Puppet`] that has a `reload` of its own.
#[derive(Clone, Debug)]
pub struct Reloading(pub Puppet);

impl Runner for Reloading {
    async fn init(&mut self, cx: &Context) -> Result {
        self.0.init(cx).await
    }

    async fn idle(&mut self, cx: &Context) -> Result {
        self.0.idle(cx).await
    }

    async fn run(&mut self, cx: &Context) -> Result {
        self.0.run(cx).await
    }

    async fn stop(&mut self, cx: &Context) -> Result {
        self.0.stop(cx).await
    }

    async fn reload(&mut self, cx: &Context) -> Result {
        self.0.play("reload", RELOAD, cx).await
    }
}

/// Notes every call of a [`Puppet`]'s methods: what a trace cannot show.
#[derive(Clone, Debug, Default)]
pub struct Probe(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    calls: Vec<(String, &'static str)>,
    running: Vec<String>,
    faults: Vec<String>,
}

impl Probe {
    /// A probe that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Probe::default()
    }

    fn noted<T>(&self, look: impl FnOnce(&mut Noted) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The methods of this service that were called, in order.
    #[must_use]
    pub fn calls(&self, service: &str) -> Vec<&'static str> {
        self.noted(|noted| noted.calls.iter().filter(|(name, _)| name == service).map(|(_, method)| *method).collect())
    }

    /// How often this method of this service was called.
    #[must_use]
    pub fn count(&self, service: &str, method: &str) -> usize {
        self.calls(service).iter().filter(|called| **called == method).count()
    }

    /// What no engine may do: two methods of one service at once (G4), a Stop that is told to
    /// return before it has begun (G16).
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.noted(|noted| noted.faults.clone())
    }

    fn begin(&self, cx: &Context, method: &'static str) -> Calling {
        let name = cx.name().to_owned();
        self.noted(|noted| {
            if noted.running.contains(&name) {
                noted.faults.push(format!("G4: `{method}` of `{name}` is called while another method runs"));
            }
            if method == "stop" && cx.is_cancelled() {
                noted.faults.push(format!("G16: `stop` of `{name}` is called with a dead context"));
            }
            noted.calls.push((name.clone(), method));
            noted.running.push(name.clone());
        });
        Calling { probe: self.clone(), name }
    }
}

/// A method that runs; dropped when it has ended, however.
struct Calling {
    probe: Probe,
    name: String,
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.probe.noted(|noted| {
            if let Some(at) = noted.running.iter().position(|name| *name == self.name) {
                noted.running.swap_remove(at);
            }
        });
    }
}
