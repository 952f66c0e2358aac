//! What a watch yields, and why it ends.

use crate::core::ServiceState;
use crate::error::Cancelled;
use crate::lifecycle::state::Cause;
use std::borrow::Cow;
use std::fmt;

/// What a [`Watch`](crate::Watch) yields: its condition has come true.
///
/// ```
/// # use rxd::{Context, State};
/// # async fn f(cx: &Context) -> rxd::Result {
/// let mut flaps = cx.watch_any(rxd::Action::Exited, State::Run, ["db", "cache"])?;
/// while let Some(event) = flaps.next().await {
///     for service in &event.services {
///         println!("{} is in {} for the {}th time", service.name, service.state, service.incarnation);
///     }
///     if event.times > 1 {
///         println!("and {} times before, since the last event", event.times - 1);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchEvent {
    /// The sequence number of the transition that made the condition true; of the last one, if
    /// there were several. If the condition already held when the watch was made, the number of the
    /// last transition before that.
    pub seq: u64,
    /// How many times the condition has come true since the last event that was yielded, this event
    /// included.
    pub times: u64,
    /// The services of the watch, in the order in which they were named, as they were at that
    /// instant.
    pub services: Vec<ServiceState>,
}

/// Why a watch has ended.
///
/// ```
/// use rxd::{Action, Daemon, Service, State};
/// # use rxd::{Context, Runner};
/// # struct Job;
/// # impl Runner for Job {
/// #     async fn run(&mut self, _cx: &Context) -> rxd::Result { Ok(()) }
/// # }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> rxd::Result {
/// let job = Service::new("job", Job).manager(rxd::manager::until_success);
/// let handle = Daemon::new("agent").add(job).start().await?;
/// let mut stops = handle.watch_any(Action::Entering, State::Idle, "job")?;
/// while stops.next().await.is_some() {}
/// assert_eq!(stops.ended().unwrap().to_string(), "service `job` has exited (normal)");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchEnded {
    /// These services of the watch have exited, with these causes, and have not been started again.
    Exited(Vec<(Cow<'static, str>, Cause)>),
    /// The condition is about `Unknown`, which the services have left, and to which none returns.
    StatePassed,
    /// These services of the watch were removed from the daemon, or are being removed. A service that
    /// is added under the name of one of them is another one.
    Removed(Vec<Cow<'static, str>>),
    /// None of the services of this declared watch is part of the daemon: all are switched off.
    Disabled,
    /// The daemon has ended.
    Closed,
    /// The context that the watch was made through is cancelled.
    ///
    /// [`is_cancelled`](crate::is_cancelled) recognises it. A method that returns it by `?` after a
    /// cancellation ends cleanly, as with [`Cancelled`](crate::Cancelled).
    Cancelled,
}

impl fmt::Display for WatchEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WatchEnded::Exited(services) => {
                for (at, (name, cause)) in services.iter().enumerate() {
                    write!(f, "{}service `{name}` has exited ({cause})", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            WatchEnded::Removed(services) => {
                for (at, name) in services.iter().enumerate() {
                    write!(f, "{}service `{name}` was removed", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            WatchEnded::StatePassed => f.write_str("its services have left Unknown for good"),
            WatchEnded::Disabled => f.write_str("none of its services is part of the daemon"),
            WatchEnded::Closed => f.write_str("the daemon has ended"),
            WatchEnded::Cancelled => f.write_str("the context that the watch was made through is cancelled"),
        }
    }
}

impl std::error::Error for WatchEnded {
    /// The source of [`WatchEnded::Cancelled`] is [`Cancelled`], so that code which looks for that
    /// finds it.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WatchEnded::Cancelled => Some(&Cancelled),
            _ => None,
        }
    }
}
