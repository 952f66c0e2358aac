//! What a watch yields, and how it ends.

use crate::core::ServiceState;
use crate::error::Cancelled;
use crate::lifecycle::state::Cause;
use std::borrow::Cow;
use std::fmt;

/// A watch's condition has come true.
///
/// ```
/// # use rxd::{Context, State};
/// # async fn f(cx: &Context) -> rxd::Result {
/// let mut flaps = cx.watch_any(rxd::Action::Exited, State::Run, ["db", "cache"])?;
/// while let Some(met) = flaps.next().await {
///     for service in &met.services {
///         println!("{} is in {} for the {}th time", service.name, service.state, service.incarnation);
///     }
///     if met.times > 1 {
///         println!("{} more between two looks", met.times - 1);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchEvent {
    /// The number of the transition that made it true: of the last one, if there were several. Of a
    /// condition that held when the watch was made, the number of the last transition before that.
    pub seq: u64,
    /// How many times it has come true since the last one that was yielded, this one included.
    pub times: u64,
    /// The services the watch is about, in the order they were named, as they were at that instant.
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
    /// These of the watch's services have exited, with these causes, and have not been started again.
    Exited(Vec<(Cow<'static, str>, Cause)>),
    /// It asks about `Unknown`, which the services have left, and which does not come again.
    StatePassed,
    /// None of the services of this declared watch is part of the daemon: they are switched off.
    Disabled,
    /// The daemon has ended.
    Closed,
    /// The context that the watch was taken through is cancelled.
    ///
    /// [`is_cancelled`](crate::is_cancelled) recognises it: returned by `?` from a method that is to
    /// leave, it is a clean end, as [`Cancelled`](crate::Cancelled) is.
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
            WatchEnded::StatePassed => f.write_str("its services have left Unknown for good"),
            WatchEnded::Disabled => f.write_str("none of its services is part of the daemon"),
            WatchEnded::Closed => f.write_str("the daemon has ended"),
            WatchEnded::Cancelled => f.write_str("the context that the watch was taken through is cancelled"),
        }
    }
}

impl std::error::Error for WatchEnded {
    /// Of [`WatchEnded::Cancelled`] it is [`Cancelled`]: whoever looks for that finds it.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WatchEnded::Cancelled => Some(&Cancelled),
            _ => None,
        }
    }
}
