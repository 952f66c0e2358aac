//! `wait_for`: waits once until services are in a state.

use super::{ServiceSelector, Watch, WatchEnded};
use crate::core::Core;
use crate::error::Error;
use crate::graph::Mode;
use crate::lifecycle::state::{Action, State};
use crate::watch::why::Why;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// A wait until services are in a state; made by
/// [`DaemonHandle::wait_for`](crate::DaemonHandle::wait_for).
///
/// # Cancel safety
///
/// This future is cancel safe: dropping it ends the wait and changes nothing.
#[derive(Debug)]
#[must_use = "it does not wait unless it is awaited"]
pub struct WaitFor {
    state: State,
    /// The watch, or the error of making it; none once that error was returned.
    watch: Option<Result<Watch, Error>>,
    limit: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a [`WaitFor`] has failed. [`Error::find`] finds it in the error.
///
/// ```
/// use rxd::{DaemonHandle, State, WaitError};
/// use std::time::Duration;
///
/// # async fn f(handle: &DaemonHandle) -> rxd::Result {
/// let waited = handle.wait_for("api", State::Run).within(Duration::from_secs(10)).await;
/// if let Err(error) = &waited {
///     match error.find::<WaitError>() {
///         Some(WaitError::Unreachable { ended, .. }) => println!("the api will not run: {ended}"),
///         Some(WaitError::TimedOut { why, .. }) => println!("the api is late: {why}"),
///         _ => println!("{error}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The services can never be in the state again.
    #[non_exhaustive]
    Unreachable {
        /// The services that it waited for.
        services: Vec<String>,
        /// The state that it waited for.
        state: State,
        /// Why they cannot.
        ended: WatchEnded,
    },
    /// The services were not in the state [within](WaitFor::within) the limit.
    #[non_exhaustive]
    TimedOut {
        /// The services that it waited for.
        services: Vec<String>,
        /// The state that it waited for.
        state: State,
        /// The limit.
        limit: Duration,
        /// What each service that was not in the state was waiting for at the end of the limit.
        why: Why,
    },
}

impl WaitFor {
    pub(crate) fn new(core: &Arc<Core>, services: &impl ServiceSelector, state: State) -> Self {
        let watch = Watch::new(core, Mode::All, Action::Entering, state, services);
        WaitFor { state, watch: Some(watch), limit: None, timer: None }
    }

    /// Limits the wait, counted from the first poll. The error then says what the services were
    /// waiting for. Default: no limit.
    ///
    /// ```
    /// use rxd::{Context, Daemon, DaemonHandle, Runner, Service, State};
    /// use std::time::Duration;
    ///
    /// struct Db;
    ///
    /// impl Runner for Db {
    ///     async fn init(&mut self, _cx: &Context) -> rxd::Result {
    ///         Err("connection refused".into())
    ///     }
    ///     async fn run(&mut self, _cx: &Context) -> rxd::Result {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// let handle = Daemon::new("d").add(Service::new("db", Db)).start().await?;
    /// let error = handle.wait_for("db", State::Run).within(Duration::from_secs(1)).await.unwrap_err();
    /// // service `db` is not in Run after 1s: db after Stop, attempt 5 in 0.6 s, last error: connection refused
    /// assert!(error.to_string().starts_with("service `db` is not in Run after 1s: db "));
    /// # Ok(())
    /// # }
    /// ```
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl Future for WaitFor {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        let watch = match &mut this.watch {
            Some(Ok(watch)) => watch,
            Some(Err(_)) | None => return Poll::Ready(this.watch.take().map_or(Ok(()), |watch| watch.map(drop))),
        };
        let state = this.state;
        let services = |watch: &Watch| {
            let mut names = Vec::new();
            watch.targets.iter().for_each(|&id| names.push(watch.name(id).to_string()));
            names
        };
        let error = match watch.poll(task) {
            Poll::Ready(Some(_)) => return Poll::Ready(Ok(())),
            Poll::Ready(None) => {
                let ended = watch.ended().cloned().unwrap_or(WatchEnded::Closed);
                WaitError::Unreachable { services: services(watch), state, ended }
            }
            Poll::Pending => {
                let Some(limit) = this.limit else { return Poll::Pending };
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
                if timer.as_mut().poll(task).is_pending() {
                    return Poll::Pending;
                }
                let why = Why::not_in(&watch.core, &watch.targets, state);
                WaitError::TimedOut { services: services(watch), state, limit, why }
            }
        };
        Poll::Ready(Err(Error::with_cause(error.to_string(), error)))
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (WaitError::Unreachable { services, state, .. } | WaitError::TimedOut { services, state, .. }) = self;
        let one = services.len() == 1;
        f.write_str(if one { "service " } else { "services " })?;
        for (at, service) in services.iter().enumerate() {
            write!(f, "{}`{service}`", if at == 0 { "" } else { ", " })?;
        }
        let state = state.name();
        match self {
            WaitError::Unreachable { ended, .. } if one => write!(f, " will not be in {state}: {ended}"),
            WaitError::Unreachable { ended, .. } => write!(f, " will not all be in {state} at once: {ended}"),
            WaitError::TimedOut { limit, why, .. } if one => write!(f, " is not in {state} after {limit:?}: {why}"),
            WaitError::TimedOut { limit, why, .. } => {
                write!(f, " are not all in {state} after {limit:?}: {why}")
            }
        }
    }
}

impl std::error::Error for WaitError {}
