//! [`UnmetGate`]: a closed gate, as `why` shows it.

use crate::board::{Condition, Id, WatcherSpec};
use crate::core::Core;
use crate::graph::Mode;
use crate::lifecycle::duration::{ExactDuration, ShortDuration};
use crate::lifecycle::state::Action;
use crate::watch::holding::held_for;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A closed gate: a watch that holds a service back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnmetGate {
    /// Whether one of the services must satisfy the condition, or all of them.
    pub mode: Mode,
    /// The condition: `entering Run`, `to complete`.
    pub condition: Cow<'static, str>,
    /// The services that do not satisfy it. Where one of several is enough, all of them, and a family
    /// by its own name.
    pub services: Vec<Cow<'static, str>>,
    /// The families among its targets that have no members.
    pub empty_families: Vec<Cow<'static, str>>,
    /// The time after which a closed gate is a failure of its service; none if there is no limit.
    pub within: Option<Duration>,
    /// For how long the condition has to hold before the gate opens.
    pub lasts: Option<Duration>,
    /// For how long it has held, if it holds.
    pub held_for: Option<Duration>,
}

impl UnmetGate {
    /// Takes the targets that do not satisfy the gate, too.
    pub(super) fn new(core: &Core, gate: &WatcherSpec, [unmet, empty]: &[Vec<Id>; 2]) -> Self {
        // A condition that has not held for long enough names all it is about.
        let targets = if gate.mode == Mode::Any || unmet.is_empty() { &*gate.targets } else { &**unmet };
        UnmetGate {
            mode: gate.mode,
            condition: match gate.condition {
                Condition::State(action, state) => {
                    let action = match action {
                        Action::NotIn => "not in",
                        action => action.as_str(),
                    };
                    Cow::Owned(format!("{action} {}", state.name()))
                }
                Condition::Completed => Cow::Borrowed("to complete"),
                Condition::Failed => Cow::Borrowed("to fail"),
            },
            services: core.names_of(targets),
            empty_families: core.names_of(empty),
            within: gate.within,
            lasts: gate.lasts,
            held_for: held_for(core, gate),
        }
    }
}

impl fmt::Display for UnmetGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mode == Mode::Any && self.services.len() > 1 {
            f.write_str("any of ")?;
        }
        for (at, service) in self.services.iter().enumerate() {
            write!(f, "{}{service}", if at == 0 { "" } else { ", " })?;
        }
        write!(f, " {}", self.condition)?;
        for family in &self.empty_families {
            write!(f, ", {family} has no members")?;
        }
        match (self.lasts, self.held_for) {
            (Some(lasts), Some(held)) => {
                write!(f, ", which has held for {} of {}", ShortDuration(held.min(lasts)), ExactDuration(lasts))
            }
            (Some(lasts), None) => write!(f, " for {}", ExactDuration(lasts)),
            (None, _) => Ok(()),
        }
    }
}
