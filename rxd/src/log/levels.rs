//! The dial: a level for each service, one for everything else, one for rxd's own records.
//!
//! Invariants:
//!
//! 1. What a record is judged by are the atomics alone (`default`, `own`, a slot's `level`, and the
//!    bounds `low` and `high` over all but `own`); they are written with `knobs` locked, so two
//!    changes at once leave what one of them, the last, has said.
//! 2. Whoever moves a bound has `tracing` ask every callsite again, after the lock, before it
//!    returns: the next record anywhere is judged by what was set (G40).
//! 3. A setting for a while carries a number; its timer undoes it only if the number still stands.

use super::level::Level;
use crate::error::Error;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A service's level that says: as the default.
const INHERIT: u8 = u8::MAX;

/// What can be turned.
///
/// ```
/// use rxd::log::{Dial, Knob, Level};
///
/// let dial = Dial::new(Level::Info);
/// dial.set("api", Level::Trace); // a service, by its name
/// dial.set(Knob::Own, Level::Debug); // what rxd itself says
/// assert_eq!(dial.get(Knob::Default).level, Level::Info);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Knob {
    /// Everything that is not in a service which has a level of its own.
    Default,
    /// What rxd itself says below WARN: transitions, retries, requests.
    Own,
    /// One service, and the tasks it has spawned.
    Service(String),
}

impl<T: Into<String>> From<T> for Knob {
    fn from(service: T) -> Self {
        Knob::Service(service.into())
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Knob::Default => f.write_str("the default"),
            Knob::Own => f.write_str("rxd itself"),
            Knob::Service(name) => write!(f, "service `{name}`"),
        }
    }
}

/// How a knob stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// What counts now.
    pub level: Level,
    /// Whether that is the knob's own; otherwise it is the default's.
    pub set: bool,
    /// After how long it goes back by itself, if it does.
    pub reverts_in: Option<Duration>,
    /// What it goes back to then.
    pub reverts_to: Option<Level>,
}

/// The levels of a process, to be changed while it runs. Clones turn the same dial.
///
/// [`dial`](super::dial) is the one that [`init`](super::init) reads and the admin route turns. A
/// change counts for the very next record, in every thread, for every incarnation of the service
/// and every task it has spawned.
///
/// ```
/// use rxd::log::{Dial, Knob, Level};
///
/// let dial = Dial::new(Level::Info);
/// dial.set("api", Level::Debug);
/// dial.set(Knob::Default, Level::Warn);
/// assert_eq!(dial.get("api").level, Level::Debug);
/// assert_eq!(dial.get("poller").level, Level::Warn);
/// dial.reset("api");
/// assert_eq!(dial.get("api").level, Level::Warn);
/// ```
#[derive(Clone)]
pub struct Dial {
    shared: Arc<Shared>,
}

struct Shared {
    default: AtomicU8,
    own: AtomicU8,
    low: AtomicU8,
    high: AtomicU8,
    knobs: Mutex<Knobs>,
    numbers: AtomicU64,
}

/// Where a service's level is read by its spans.
#[derive(Debug)]
pub(crate) struct Slot {
    level: AtomicU8,
}

struct Knobs {
    default: Held,
    own: Held,
    services: BTreeMap<Box<str>, (Arc<Slot>, Held)>,
    /// What `reset` goes back to.
    initial: (Level, Level),
}

#[derive(Clone, Copy, Default)]
struct Held {
    lasting: Option<Level>,
    passing: Option<Passing>,
}

#[derive(Clone, Copy)]
struct Passing {
    level: Level,
    until: Instant,
    number: u64,
}

impl Held {
    fn lasting(level: Level) -> Self {
        Held { lasting: Some(level), passing: None }
    }

    fn level(&self) -> Option<Level> {
        self.passing.map(|passing| passing.level).or(self.lasting)
    }
}

static GLOBAL: LazyLock<Dial> = LazyLock::new(|| Dial::new(Level::Info));

impl Dial {
    /// A dial of its own, for a subscriber of its own. rxd's own records are off.
    #[must_use]
    pub fn new(default: Level) -> Self {
        let knobs = Knobs {
            default: Held::lasting(default),
            own: Held::lasting(Level::Off),
            services: BTreeMap::new(),
            initial: (default, Level::Off),
        };
        Dial {
            shared: Arc::new(Shared {
                default: AtomicU8::new(default as u8),
                own: AtomicU8::new(Level::Off as u8),
                low: AtomicU8::new(default as u8),
                high: AtomicU8::new(default as u8),
                knobs: Mutex::new(knobs),
                numbers: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn global() -> &'static Dial {
        &GLOBAL
    }

    /// Sets a level until it is set anew.
    pub fn set(&self, knob: impl Into<Knob>, level: Level) {
        self.change(&knob.into(), |held, _| *held = Held::lasting(level));
    }

    /// Sets a level for a while; then the knob goes back to what was last set to stay.
    ///
    /// # Errors
    ///
    /// Outside a tokio runtime, whose timer it needs, or if the while is too long to have an end.
    pub fn set_for(&self, knob: impl Into<Knob>, level: Level, time: Duration) -> Result<(), Error> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::msg("failed to set a level for a while: there is no tokio runtime"))?;
        let Some(until) = Instant::now().checked_add(time) else {
            return Err(Error::msg(format_args!("failed to set a level for {time:?}: that has no end")));
        };
        let knob = knob.into();
        let number = self.shared.numbers.fetch_add(1, Ordering::Relaxed);
        self.change(&knob, |held, _| held.passing = Some(Passing { level, until, number }));
        let shared = Arc::downgrade(&self.shared);
        runtime.spawn(async move {
            tokio::time::sleep_until(until).await;
            let Some(shared) = shared.upgrade() else { return };
            // Invariant 3.
            Dial { shared }.change(&knob, |held, _| {
                if held.passing.is_some_and(|passing| passing.number == number) {
                    held.passing = None;
                }
            });
        });
        Ok(())
    }

    /// Takes back what was set: a service follows the default again, the others what they began with.
    pub fn reset(&self, knob: impl Into<Knob>) {
        self.change(&knob.into(), |held, initial| *held = Held { lasting: initial, passing: None });
    }

    /// How a knob stands. A service that was never heard of stands at the default.
    #[must_use]
    pub fn get(&self, knob: impl Into<Knob>) -> Setting {
        let knobs = self.knobs();
        let held = match knob.into() {
            Knob::Default => knobs.default,
            Knob::Own => knobs.own,
            Knob::Service(name) => knobs.services.get(&*name).map(|(_, held)| *held).unwrap_or_default(),
        };
        knobs.setting(&held)
    }

    /// Every service that has a level of its own.
    #[must_use]
    pub fn services(&self) -> Vec<(String, Setting)> {
        let knobs = self.knobs();
        let own = knobs.services.iter().filter(|(_, (_, held))| held.level().is_some());
        own.map(|(name, (_, held))| (name.to_string(), knobs.setting(held))).collect()
    }

    /// What `reset` goes back to from now on, and what counts until something else is set.
    pub(crate) fn begin(&self, default: Level, own: Level) {
        self.knobs().initial = (default, own);
        self.set(Knob::Default, default);
        self.set(Knob::Own, own);
    }

    fn knobs(&self) -> MutexGuard<'_, Knobs> {
        // Nothing of a user runs under the lock.
        self.shared.knobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, knob: &Knob, change: impl FnOnce(&mut Held, Option<Level>)) {
        let mut knobs = self.knobs();
        let (default, own) = knobs.initial;
        match knob {
            Knob::Default => change(&mut knobs.default, Some(default)),
            Knob::Own => change(&mut knobs.own, Some(own)),
            Knob::Service(name) => {
                knobs.slot(name);
                if let Some((_, held)) = knobs.services.get_mut(&**name) {
                    change(held, None);
                }
            }
        }
        let moved = self.publish(&knobs);
        drop(knobs);
        if moved {
            // Invariant 2.
            tracing::callsite::rebuild_interest_cache();
        }
    }

    /// Writes what the records are judged by; whether a bound has moved.
    fn publish(&self, knobs: &Knobs) -> bool {
        let shared = &self.shared;
        let default = knobs.default.level().unwrap_or(Level::Off);
        let own = knobs.own.level().unwrap_or(Level::Off);
        let (mut low, mut high) = (default, default);
        for (slot, held) in knobs.services.values() {
            let level = held.level();
            (low, high) = (low.min(level.unwrap_or(low)), high.max(level.unwrap_or(high)));
            slot.level.store(level.map_or(INHERIT, |level| level as u8), Ordering::Relaxed);
        }
        shared.default.store(default as u8, Ordering::Relaxed);
        let bounds = [(&shared.own, own), (&shared.low, low), (&shared.high, high)];
        let mut moved = false;
        for (bound, level) in bounds {
            moved |= bound.swap(level as u8, Ordering::Relaxed) != level as u8;
        }
        moved
    }

    // ---- what a filter reads --------------------------------------------------------------------

    /// The service's slot, made if it has none.
    pub(crate) fn slot(&self, service: &str) -> Arc<Slot> {
        self.knobs().slot(service)
    }

    /// What counts outside every service (none), or in one.
    pub(crate) fn level_in(&self, slot: Option<&Slot>) -> Level {
        match slot.map(|slot| slot.level.load(Ordering::Relaxed)) {
            Some(level) if level != INHERIT => Level::of(level),
            _ => Level::of(self.shared.default.load(Ordering::Relaxed)),
        }
    }

    /// No knob but `own` is set to less than the first, or to more than the second.
    pub(crate) fn bounds(&self) -> (Level, Level) {
        let [low, high] = [&self.shared.low, &self.shared.high].map(|bound| Level::of(bound.load(Ordering::Relaxed)));
        (low, high)
    }

    pub(crate) fn own(&self) -> Level {
        Level::of(self.shared.own.load(Ordering::Relaxed))
    }
}

impl Knobs {
    fn slot(&mut self, service: &str) -> Arc<Slot> {
        if let Some((slot, _)) = self.services.get(service) {
            return slot.clone();
        }
        let slot = Arc::new(Slot { level: AtomicU8::new(INHERIT) });
        self.services.insert(service.into(), (slot.clone(), Held::default()));
        slot
    }

    fn setting(&self, held: &Held) -> Setting {
        let default = self.default.level().unwrap_or(Level::Off);
        Setting {
            level: held.level().unwrap_or(default),
            set: held.level().is_some(),
            reverts_in: held.passing.map(|passing| passing.until.saturating_duration_since(Instant::now())),
            reverts_to: held.passing.map(|_| held.lasting.unwrap_or(default)),
        }
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.services();
        f.debug_struct("Dial")
            .field("default", &self.get(Knob::Default).level)
            .field("own", &self.own())
            .field("services", &services.iter().map(|(name, setting)| (name, setting.level)).collect::<Vec<_>>())
            .finish()
    }
}
