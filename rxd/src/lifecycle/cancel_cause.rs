//! Why a context was cancelled.

use crate::lifecycle::state::Cause;
use std::fmt;

/// Why a context was cancelled; see [`Context::cause`](crate::Context::cause).
///
/// If there are several reasons, it is the one that the engine acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum CancelCause {
    /// The daemon is stopping, or, in `stop`, its shutdown is forced.
    Shutdown = 1,
    /// A service that this one `needs`, or comes `after`, has failed for good.
    Dependency = 2,
    /// A `then(stop)` or `then(exit)` reaction has fired, or a service that this one `needs` has
    /// left Run.
    Reaction = 3,
    /// A task of the service panicked.
    Panic = 4,
    /// An operator asks for a stop or a restart.
    Operator = 5,
    /// The service missed its heartbeat, and is restarted.
    Heartbeat = 6,
    /// The service reloads: the method is called again after [`reload`](crate::Runner::reload).
    Reload = 7,
    /// The method's own limit is exceeded.
    Timeout = 8,
    /// Code of yours has cancelled the context's [`token`](crate::Context::token), that of a context
    /// above it, or the token of [`with_token`](crate::Context::with_token).
    Token = 9,
    /// The method, or the incarnation, has ended: the context was kept for longer.
    Ended = 10,
}

impl CancelCause {
    const ALL: [CancelCause; 10] = [
        CancelCause::Shutdown,
        CancelCause::Dependency,
        CancelCause::Reaction,
        CancelCause::Panic,
        CancelCause::Operator,
        CancelCause::Heartbeat,
        CancelCause::Reload,
        CancelCause::Timeout,
        CancelCause::Token,
        CancelCause::Ended,
    ];

    /// The cause of this number, as stored; none for zero.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        CancelCause::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// The cause for which the engine takes a service out of a method.
    pub(crate) fn of(cause: Cause) -> Self {
        match cause {
            Cause::Shutdown => CancelCause::Shutdown,
            Cause::Dependency => CancelCause::Dependency,
            Cause::Reaction => CancelCause::Reaction,
            Cause::Panic => CancelCause::Panic,
            Cause::Operator => CancelCause::Operator,
            Cause::Timeout => CancelCause::Heartbeat,
            Cause::Normal | Cause::Error | Cause::Abandoned => CancelCause::Ended,
        }
    }

    /// The cause's name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CancelCause::Shutdown => "shutdown",
            CancelCause::Dependency => "dependency",
            CancelCause::Reaction => "reaction",
            CancelCause::Panic => "panic",
            CancelCause::Operator => "operator",
            CancelCause::Heartbeat => "heartbeat",
            CancelCause::Reload => "reload",
            CancelCause::Timeout => "timeout",
            CancelCause::Token => "token",
            CancelCause::Ended => "ended",
        }
    }
}

impl fmt::Display for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_cause_is_found_by_its_number() {
        for cause in CancelCause::ALL {
            assert_eq!(CancelCause::of_number(cause as u8), Some(cause));
        }
        assert_eq!((CancelCause::of_number(0), CancelCause::of_number(11)), (None, None));
    }
}
