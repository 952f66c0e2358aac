//! The rules by name: what a program can match on, and what documents and tests refer to.
//!
//! When each is violated is in `rules`, its message in `message`. A rule is named like a lint, so
//! that the id says what is refused.

use std::fmt;

/// The rule that a [`Fault`](super::Fault) violates. Each variant states what the rule demands.
///
/// The [module documentation](super) shows each with an example and its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Rule {
    /// A daemon has at least one service.
    NoServices,
    /// A service has a name.
    EmptyName,
    /// A name is made of ASCII letters, digits, `-`, `_` and `.`, 64 at most, and does not begin
    /// with `_rxd`.
    InvalidName,
    /// No two services of a daemon have the same name.
    DuplicateName,
    /// No service has the name of a member of a family: what the family's names begin with, a dash and
    /// a number.
    MemberName,
    /// A watch names at least one service.
    NoTargets,
    /// Only a gate has a limit.
    WithinWithoutGate,
    /// Only a condition that holds for a time can last: `changing` is an instant.
    LastsOnChanging,
    /// Only a gate or a reaction has a time for which its condition has to hold.
    LastsOnStream,
    /// A gate has the time to hold for as long as it has to.
    LastsExceedsWithin,
    /// A service has no two watches that mean the same.
    DuplicateWatch,
    /// No two streams of a service have the same name.
    DuplicateStream,
    /// No reaction holds whenever a gate of the same service does.
    ReactionContradictsGate,
    /// No reaction holds at all times.
    ReactionAlwaysTrue,
    /// No `then(exit)` ends its service before the service can be in Run.
    ExitBeforeRun,
    /// A watch names services that exist.
    UnknownService,
    /// A watch names a family, and not one of its members.
    MemberTarget,
    /// A watch names types that are in the daemon.
    UnknownType,
    /// A watch says which of two services of one type it means.
    AmbiguousType,
    /// A watch of a generic type has its parameters.
    HiddenParameters,
    /// A watch names each service once.
    DuplicateTarget,
    /// A service does not watch itself.
    SelfWatch,
    /// What a watch asks can hold under the target's manager.
    WatchNeverTrue,
    /// `needs` names no service that ends by design.
    NeedsOneShot,
    /// `after` names only services that end by design.
    AfterNeverCompletes,
    /// `needs` names no service that leaves Run as soon as its dependent is in Run, and none that
    /// needs such a service.
    NeedsEvicts,
    /// No services take each other out of Run, two or more in a cycle, unless a gate holds one of them
    /// back.
    MutualEviction,
    /// `needs` names no two services of which one is in Run only while the other is not, and none that
    /// need such services.
    NeedsExclusive,
    /// `needs` names no service that has ended when the other gates open, and none that needs one.
    NeedsEnded,
    /// The gates of a service can be open at the same time.
    ConflictingGates,
    /// No service waits for itself by way of others.
    Cycle,
}

impl Rule {
    /// All rules: of the daemon, of a service, of a watch, and of a target.
    pub const ALL: [Rule; 31] = [
        Rule::NoServices,
        Rule::EmptyName,
        Rule::InvalidName,
        Rule::DuplicateName,
        Rule::MemberName,
        Rule::NoTargets,
        Rule::WithinWithoutGate,
        Rule::LastsOnChanging,
        Rule::LastsOnStream,
        Rule::LastsExceedsWithin,
        Rule::DuplicateWatch,
        Rule::DuplicateStream,
        Rule::ReactionContradictsGate,
        Rule::ReactionAlwaysTrue,
        Rule::ExitBeforeRun,
        Rule::UnknownService,
        Rule::MemberTarget,
        Rule::UnknownType,
        Rule::AmbiguousType,
        Rule::HiddenParameters,
        Rule::DuplicateTarget,
        Rule::SelfWatch,
        Rule::WatchNeverTrue,
        Rule::NeedsOneShot,
        Rule::AfterNeverCompletes,
        Rule::NeedsEvicts,
        Rule::MutualEviction,
        Rule::NeedsExclusive,
        Rule::NeedsEnded,
        Rule::ConflictingGates,
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
            Rule::MemberName => "member-name",
            Rule::NoTargets => "no-targets",
            Rule::WithinWithoutGate => "within-without-gate",
            Rule::LastsOnChanging => "lasts-on-changing",
            Rule::LastsOnStream => "lasts-on-stream",
            Rule::LastsExceedsWithin => "lasts-exceeds-within",
            Rule::DuplicateWatch => "duplicate-watch",
            Rule::DuplicateStream => "duplicate-stream",
            Rule::ReactionContradictsGate => "reaction-contradicts-gate",
            Rule::ReactionAlwaysTrue => "reaction-always-true",
            Rule::ExitBeforeRun => "exit-before-run",
            Rule::UnknownService => "unknown-service",
            Rule::MemberTarget => "member-target",
            Rule::UnknownType => "unknown-type",
            Rule::AmbiguousType => "ambiguous-type",
            Rule::HiddenParameters => "hidden-parameters",
            Rule::DuplicateTarget => "duplicate-target",
            Rule::SelfWatch => "self-watch",
            Rule::WatchNeverTrue => "watch-never-true",
            Rule::NeedsOneShot => "needs-one-shot",
            Rule::AfterNeverCompletes => "after-never-completes",
            Rule::NeedsEvicts => "needs-evicts",
            Rule::MutualEviction => "mutual-eviction",
            Rule::NeedsExclusive => "needs-exclusive",
            Rule::NeedsEnded => "needs-ended",
            Rule::ConflictingGates => "conflicting-gates",
            Rule::Cycle => "cycle",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
