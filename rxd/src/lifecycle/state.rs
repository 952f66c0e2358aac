//! The words of a lifecycle: states, transitions, actions of watches, and causes.

use std::fmt;

/// Where a service is in its lifecycle.
///
/// Every service's trace is `(Init (Idle Run?)? Stop)* Exit`: any number of incarnations, each of
/// which ends in [`Stop`](State::Stop), and then [`Exit`](State::Exit), once.
///
/// ```
/// use rxd::State;
///
/// assert_eq!(State::Run.to_string(), "run"); // as in logs and on the admin route
/// assert_eq!(State::Run.name(), "Run"); // as in `#[watch(any, entering, Run, ..)]`
/// assert!(State::Init < State::Run, "in the order of a lifecycle");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// The daemon has not started this service yet.
    #[default]
    Unknown = 0,
    /// [`Runner::init`](crate::Runner::init): acquire what the service needs.
    Init = 1,
    /// [`Runner::idle`](crate::Runner::idle), and then the wait for the gates before Run.
    Idle = 2,
    /// [`Runner::run`](crate::Runner::run): the service works. Other services take this as
    /// "healthy".
    Run = 3,
    /// [`Runner::stop`](crate::Runner::stop): release what `init` acquired.
    Stop = 4,
    /// The end: the service does not restart by itself. An operator can start it again.
    Exit = 5,
}

impl State {
    /// All states, in the order of a lifecycle.
    pub const ALL: [State; 6] = [State::Unknown, State::Init, State::Idle, State::Run, State::Stop, State::Exit];

    /// The state's name in lower case, as it is written in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Unknown => "unknown",
            State::Init => "init",
            State::Idle => "idle",
            State::Run => "run",
            State::Stop => "stop",
            State::Exit => "exit",
        }
    }

    /// The state's name as it is written in code: `Run`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            State::Unknown => "Unknown",
            State::Init => "Init",
            State::Idle => "Idle",
            State::Run => "Run",
            State::Stop => "Stop",
            State::Exit => "Exit",
        }
    }

    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }

    pub(crate) const fn is(self, other: State) -> bool {
        self as u8 == other as u8
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a state was entered or left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Transition {
    /// The state's method is about to be called.
    #[default]
    Entering = 0,
    /// The state's method has ended.
    Exited = 1,
}

impl Transition {
    /// The transition's name in lower case, as it is written in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Transition::Entering => "entering",
            Transition::Exited => "exited",
        }
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a watch asks about one state of one service.
///
/// One watch with each action:
///
/// ```
/// use rxd::{Action, State, When};
///
/// let healthy = When::any(Action::Entering, State::Run, ["db"]);
/// let migrated = When::any(Action::Exited, State::Init, ["db"]);
/// let alone = When::any(Action::NotIn, State::Run, ["standby"]);
/// // `Changing` holds for an instant only, so it is mostly used for reactions and streams.
/// let news = When::any(Action::Changing, State::Run, ["db"]).then(rxd::Effect::Stop);
/// # let _ = (healthy, migrated, alone, news);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Holds while the service is in the state.
    Entering,
    /// Holds once the service has left the state, and until it enters it again.
    Exited,
    /// Holds for an instant each time the service enters or leaves the state.
    Changing,
    /// Holds while the service is not in the state.
    NotIn,
}

impl Action {
    /// The action's name as it is written in `#[watch]`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Entering => "entering",
            Action::Exited => "exited",
            Action::Changing => "changing",
            Action::NotIn => "not_in",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Selects the services of a state stream: `Filter::None`, `Filter::include(["api"])`,
/// `Filter::exclude(["noise"])`.
///
/// ```
/// # use rxd::{Context, Filter, StateEvent};
/// # async fn f(cx: &Context) -> rxd::Result {
/// let mut states = cx.watch_states(Filter::exclude(["noise"]))?;
/// while let Some(event) = states.next().await {
///     match event {
///         StateEvent::Snapshot(states) => println!("{} services", states.len()),
///         StateEvent::Changed(service) => println!("{} {} {}", service.name, service.transition, service.state),
///         StateEvent::Lagged { missed, .. } => println!("{missed} transitions were missed"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// All of them, also those that are added later.
    #[default]
    None,
    /// Only these.
    Include(Vec<String>),
    /// All but these of the services that are there when the stream is made. It does not follow those
    /// that are added later.
    Exclude(Vec<String>),
}

impl Filter {
    /// Only these services.
    pub fn include<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Filter::Include(names.into_iter().map(Into::into).collect())
    }

    /// All services but these.
    pub fn exclude<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Filter::Exclude(names.into_iter().map(Into::into).collect())
    }
}

/// Why a state was left, or why a service is in [`State::Exit`].
///
/// ```
/// use rxd::Cause;
///
/// // Whether to alert an operator.
/// fn is_bad(service: &rxd::ServiceReport) -> bool {
///     service.cause.is_failure() || matches!(service.cause, Cause::Dependency | Cause::Abandoned)
/// }
/// assert!(Cause::Timeout.is_failure() && !Cause::Operator.is_failure());
/// # let _ = is_bad;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Cause {
    /// The method returned `Ok`. For [`State::Exit`]: the service ended by design.
    #[default]
    Normal = 0,
    /// The method returned an error.
    Error = 1,
    /// The method, or a task the service spawned, panicked.
    Panic = 2,
    /// The method timed out, a gate did not open within its limit, or a heartbeat did not come.
    Timeout = 3,
    /// A `then(stop)` or `then(exit)` reaction took the service out of the state.
    Reaction = 4,
    /// A service that this one `needs`, or comes `after`, has failed for good.
    Dependency = 5,
    /// An operator asked for it, by a [`DaemonHandle`](crate::DaemonHandle) or the admin route.
    Operator = 6,
    /// The daemon is stopping.
    Shutdown = 7,
    /// The service did not end within its limits at shutdown; the daemon stopped without it.
    Abandoned = 8,
}

impl Cause {
    /// The cause's name in lower case, as it is written in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Normal => "normal",
            Cause::Error => "error",
            Cause::Panic => "panic",
            Cause::Timeout => "timeout",
            Cause::Reaction => "reaction",
            Cause::Dependency => "dependency",
            Cause::Operator => "operator",
            Cause::Shutdown => "shutdown",
            Cause::Abandoned => "abandoned",
        }
    }

    /// Whether this counts as a failure of the service: an error, a panic or a timeout.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Cause::Error | Cause::Panic | Cause::Timeout)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
