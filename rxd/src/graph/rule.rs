//! The rules, by name.

use std::fmt;

/// What a [`Fault`](super::Fault) violates.
///
/// The module documentation shows each with an example and the error it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Rule {
    /// A daemon has at least one service.
    NoServices,
    /// A service has a name.
    EmptyName,
    /// A name is made of ASCII letters, digits, `-`, `_` and `.`, 64 at most, and does not begin with `_rxd`.
    InvalidName,
    /// No two services of a daemon have the same name.
    DuplicateName,
    /// A watch names at least one service.
    NoTargets,
    /// Only a gate has a limit.
    WithinWithoutGate,
    /// A service says a watch once.
    RepeatedWatch,
    /// No two streams of a service have the same name.
    RepeatedStream,
    /// A reaction does not hold whenever a gate of the same service does.
    Contradiction,
    /// A reaction does not hold at all times.
    AlwaysReacts,
    /// A watch names services that exist.
    UnknownService,
    /// A watch names types that are in the daemon.
    UnknownType,
    /// A watch says which of two services of one type it means.
    AmbiguousType,
    /// A watch names each service once.
    RepeatedTarget,
    /// A service does not watch itself.
    SelfWatch,
    /// What a watch asks can hold under the target's manager.
    NeverHolds,
    /// What a service needs does not end by design.
    NeedsEnding,
    /// What a service comes after ends by design.
    AfterEndless,
    /// What a service needs does not leave Run because of it.
    Repelled,
    /// The gates of a service can be open at the same time.
    ShutTogether,
    /// No service waits for itself by way of others.
    Cycle,
}

impl Rule {
    /// All rules, in the order in which they are tried.
    pub const ALL: [Rule; 21] = [
        Rule::NoServices,
        Rule::EmptyName,
        Rule::InvalidName,
        Rule::DuplicateName,
        Rule::NoTargets,
        Rule::WithinWithoutGate,
        Rule::RepeatedWatch,
        Rule::RepeatedStream,
        Rule::Contradiction,
        Rule::AlwaysReacts,
        Rule::UnknownService,
        Rule::UnknownType,
        Rule::AmbiguousType,
        Rule::RepeatedTarget,
        Rule::SelfWatch,
        Rule::NeverHolds,
        Rule::NeedsEnding,
        Rule::AfterEndless,
        Rule::Repelled,
        Rule::ShutTogether,
        Rule::Cycle,
    ];

    /// The rule's name in kebab-case: `unknown-service`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Rule::NoServices => "no-services",
            Rule::EmptyName => "empty-name",
            Rule::InvalidName => "invalid-name",
            Rule::DuplicateName => "duplicate-name",
            Rule::NoTargets => "no-targets",
            Rule::WithinWithoutGate => "within-without-gate",
            Rule::RepeatedWatch => "repeated-watch",
            Rule::RepeatedStream => "repeated-stream",
            Rule::Contradiction => "contradiction",
            Rule::AlwaysReacts => "always-reacts",
            Rule::UnknownService => "unknown-service",
            Rule::UnknownType => "unknown-type",
            Rule::AmbiguousType => "ambiguous-type",
            Rule::RepeatedTarget => "repeated-target",
            Rule::SelfWatch => "self-watch",
            Rule::NeverHolds => "never-holds",
            Rule::NeedsEnding => "needs-ending",
            Rule::AfterEndless => "after-endless",
            Rule::Repelled => "repelled",
            Rule::ShutTogether => "shut-together",
            Rule::Cycle => "cycle",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
