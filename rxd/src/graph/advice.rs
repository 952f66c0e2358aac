//! Advice: what is legal in a graph, and nearly always a mistake.
//!
//! A rule refuses what can never work. Advice is about what can: it is never an error, and the
//! daemon runs. [`Graph::advice`] returns it, the start of a daemon logs it, and
//! [`Daemon::advice`](crate::Daemon::advice) adds what depends on the options of the daemon.
//!
//! It is computed at run time only, when it is asked for, and assumes a graph without faults.
//!
//! * `evictions`: reactions;
//! * `gates`: gates that exclude each other;
//! * `watches`: gates one by one;
//! * `settings`: options that have no effect, or contradict each other.

mod evictions;
mod gates;
mod settings;
mod watches;

use super::model::{Edge, Graph, Node};
use super::phrase::quoted;
use super::table::{Analysis, DaemonSource, target_service};
use crate::lifecycle::options::OnStale;
use std::fmt;
use std::time::Duration;

/// Something in a graph that is legal and nearly always a mistake.
///
/// `Display` is one line: what is odd, and what to write instead.
///
/// ```
/// use rxd::graph::{AdviceRule, Effect};
/// use rxd::{Action, Context, Daemon, Runner, Service, State, When};
/// # struct Db;
/// # impl Runner for Db {
/// #     async fn run(&mut self, cx: &Context) -> rxd::Result { cx.cancelled().await; Ok(()) }
/// # }
/// # struct Api;
/// # impl Runner for Api {
/// #     async fn run(&mut self, cx: &Context) -> rxd::Result { cx.cancelled().await; Ok(()) }
/// # }
///
/// let api = Service::new("api", Api).watch(When::any(Action::Exited, State::Run, ["db"]).then(Effect::Stop));
/// let advice = Daemon::new("agent").add(Service::new("db", Db)).add(api).advice();
/// assert_eq!(advice[0].rule, AdviceRule::ReactionWithoutGate);
/// assert_eq!(advice[0].service.as_deref(), Some("api"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// What it is about.
    pub rule: AdviceRule,
    /// The service's name; `None` for advice about the daemon.
    pub service: Option<String>,
    /// What is odd, on one line.
    pub message: String,
    /// What to write instead, on one line.
    pub help: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

/// What a piece of [`Advice`] is about. Each variant states what the advice recommends.
///
/// The [module documentation](crate::graph) shows each with an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AdviceRule {
    /// A `then(stop)` has a gate that keeps its service from Run while the condition holds.
    ReactionWithoutGate,
    /// Services that take each other out of Run do not do so in a cycle.
    EvictionCycle,
    /// The gates of a service can be open at the same time and stay so, also by what its targets
    /// need, and none waits for what comes after it.
    GatesNeverOpen,
    /// A service that waits for another one ends with it, if a `then(exit)` may end that.
    WaitsForEnded,
    /// A service that starts with the daemon depends on services that do so, too.
    WaitsForManualStart,
    /// A gate waits for a state in which its target stays.
    GateOnPassingState,
    /// A gate may stay closed for as long as the declared delays of its target last.
    WithinTooShort,
    /// A `then(exit)` does not end its service at the start of the daemon.
    ExitAtStart,
    /// A setting has an effect.
    DeadSetting,
    /// Services that stop one after another have time to do so.
    ShutdownTooShort,
}

impl AdviceRule {
    /// All of them.
    pub const ALL: [AdviceRule; 10] = [
        AdviceRule::ReactionWithoutGate,
        AdviceRule::EvictionCycle,
        AdviceRule::GatesNeverOpen,
        AdviceRule::WaitsForEnded,
        AdviceRule::WaitsForManualStart,
        AdviceRule::GateOnPassingState,
        AdviceRule::WithinTooShort,
        AdviceRule::ExitAtStart,
        AdviceRule::DeadSetting,
        AdviceRule::ShutdownTooShort,
    ];

    /// Its name in kebab-case: `reaction-without-gate`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AdviceRule::ReactionWithoutGate => "reaction-without-gate",
            AdviceRule::EvictionCycle => "eviction-cycle",
            AdviceRule::GatesNeverOpen => "gates-never-open",
            AdviceRule::WaitsForEnded => "waits-for-ended",
            AdviceRule::WaitsForManualStart => "waits-for-manual-start",
            AdviceRule::GateOnPassingState => "gate-on-passing-state",
            AdviceRule::WithinTooShort => "within-too-short",
            AdviceRule::ExitAtStart => "exit-at-start",
            AdviceRule::DeadSetting => "dead-setting",
            AdviceRule::ShutdownTooShort => "shutdown-too-short",
        }
    }
}

impl fmt::Display for AdviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The services that the targets of an edge stand for. A graph without faults has all of them.
fn targets(analysis: &Analysis<'_>, edge: &Edge<'_>) -> Vec<usize> {
    let mut services = Vec::with_capacity(edge.targets.len());
    (0..edge.targets.len()).for_each(|t| services.extend(target_service(analysis, edge, t)));
    services
}

/// How many services one search visits at most: the start of a large daemon must not wait for advice.
const MAX_VISITED: usize = 100;

/// What is odd about a watch: the rule, what follows ``service `a` ``, and the help.
type Finding = (AdviceRule, String, String);

/// Advice about a watch of this service.
fn about_watch(node: &Node<'_>, (rule, what, help): Finding) -> Advice {
    let message = format!("service {} {what}", quoted(node.name));
    Advice { rule, service: Some(node.name.to_owned()), message, help }
}

impl Graph<'_> {
    /// What is legal in this graph and nearly always a mistake, in the order of its services.
    ///
    /// A graph with [faults](Graph::faults) gets none: they come first. What depends on the options
    /// of the daemon is in [`Daemon::advice`](crate::Daemon::advice).
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        if self.faults().is_empty() { self.advice_if_sound() } else { Vec::new() }
    }

    /// The advice on a graph that is known to have no faults.
    pub(crate) fn advice_if_sound(&self) -> Vec<Advice> {
        let entries = self.entries();
        let has_standby = gates::has_standby(self);
        let analysis = Analysis { graph: self, entries: &entries, source: DaemonSource::NONE };
        let mut advice = Vec::new();
        let (earliest, mut evicts) = (watches::earliest_runs(&analysis), evictions::Arrows::of(&analysis));
        for (me, node) in self.nodes.iter().enumerate() {
            evictions::advise(&analysis, me, &mut evicts, &mut advice);
            gates::advise(&analysis, me, has_standby, &mut advice);
            watches::advise(&analysis, me, &earliest, &mut advice);
            settings::advise(node, &mut advice);
        }
        settings::advise_on_failure(&analysis, &mut advice);
        advice
    }

    /// What depends on the options of the daemon.
    pub(crate) fn advice_on_daemon(&self, shutdown_timeout: Duration, on_stale: OnStale) -> Vec<Advice> {
        settings::advise_daemon(self, shutdown_timeout, on_stale)
    }
}
