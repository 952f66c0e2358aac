//! The dial: a level for each service, one for everything else, one for rxd's own records.
//!
//! Invariants:
//!
//! 1. What a record is judged by are the atomics alone (`default`, `own`, a slot's `level`, and the
//!    bounds `low` and `high` over all but `own`); they are written with `targets` locked, so two
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
const INHERIT_DEFAULT: u8 = u8::MAX;

/// What can be turned.
///
/// ```
/// use rxd::log::{LevelHandle, LevelTarget, Level};
///
/// let levels = LevelHandle::new(Level::Info);
/// levels.set("api", Level::Trace); // a service, by its name
/// levels.set(LevelTarget::Internal, Level::Debug); // what rxd itself says
/// assert_eq!(levels.get(LevelTarget::Default).level, Level::Info);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LevelTarget {
    /// Everything that is not in a service which has a level of its internal.
    Default,
    /// What rxd itself says below WARN: transitions, retries, requests.
    Internal,
    /// One service, and the tasks it has spawned.
    Service(String),
}

impl<T: Into<String>> From<T> for LevelTarget {
    fn from(service: T) -> Self {
        LevelTarget::Service(service.into())
    }
}

impl fmt::Display for LevelTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LevelTarget::Default => f.write_str("the default"),
            LevelTarget::Internal => f.write_str("rxd itself"),
            LevelTarget::Service(name) => write!(f, "service `{name}`"),
        }
    }
}

/// How a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelSetting {
    /// What counts now.
    pub level: Level,
    /// Whether that is the target's own; otherwise it is the default's.
    pub overridden: bool,
    /// After how long it goes back by itself, if it does.
    pub expires_in: Option<Duration>,
    /// What it goes back to then.
    pub reverts_to: Option<Level>,
}

/// The levels of a process, to be changed while it runs. Clones turn the same dial.
///
/// [`levels`](super::level_handle) is the one that [`init`](super::init) reads and the admin route turns. A
/// change counts for the very next record, in every thread, for every incarnation of the service
/// and every task it has spawned.
///
/// ```
/// use rxd::log::{LevelHandle, LevelTarget, Level};
///
/// let levels = LevelHandle::new(Level::Info);
/// levels.set("api", Level::Debug);
/// levels.set(LevelTarget::Default, Level::Warn);
/// assert_eq!(levels.get("api").level, Level::Debug);
/// assert_eq!(levels.get("poller").level, Level::Warn);
/// levels.reset("api");
/// assert_eq!(levels.get("api").level, Level::Warn);
/// ```
#[derive(Clone)]
pub struct LevelHandle {
    shared: Arc<LevelState>,
}

struct LevelState {
    default: AtomicU8,
    internal: AtomicU8,
    low: AtomicU8,
    high: AtomicU8,
    targets: Mutex<LevelTable>,
    numbers: AtomicU64,
}

/// Where a service's level is read by its spans.
#[derive(Debug)]
pub(crate) struct ServiceLevel {
    level: AtomicU8,
}

struct LevelTable {
    default: TargetLevels,
    internal: TargetLevels,
    services: BTreeMap<Box<str>, (Arc<ServiceLevel>, TargetLevels)>,
    /// What `reset` goes back to.
    initial: (Level, Level),
}

#[derive(Clone, Copy, Default)]
struct TargetLevels {
    lasting: Option<Level>,
    temporary: Option<TemporaryLevel>,
}

#[derive(Clone, Copy)]
struct TemporaryLevel {
    level: Level,
    until: Instant,
    number: u64,
}

impl TargetLevels {
    fn lasting(level: Level) -> Self {
        TargetLevels { lasting: Some(level), temporary: None }
    }

    fn level(&self) -> Option<Level> {
        self.temporary.map(|temporary| temporary.level).or(self.lasting)
    }
}

static GLOBAL_LEVELS: LazyLock<LevelHandle> = LazyLock::new(|| LevelHandle::new(Level::Info));

impl LevelHandle {
    /// A dial of its internal, for a subscriber of its internal. rxd's own records are off.
    #[must_use]
    pub fn new(default: Level) -> Self {
        let targets = LevelTable {
            default: TargetLevels::lasting(default),
            internal: TargetLevels::lasting(Level::Off),
            services: BTreeMap::new(),
            initial: (default, Level::Off),
        };
        LevelHandle {
            shared: Arc::new(LevelState {
                default: AtomicU8::new(default as u8),
                internal: AtomicU8::new(Level::Off as u8),
                low: AtomicU8::new(default as u8),
                high: AtomicU8::new(default as u8),
                targets: Mutex::new(targets),
                numbers: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn global() -> &'static LevelHandle {
        &GLOBAL_LEVELS
    }

    /// Sets a level until it is set anew.
    pub fn set(&self, target: impl Into<LevelTarget>, level: Level) {
        self.change(&target.into(), |held, _| *held = TargetLevels::lasting(level));
    }

    /// Sets a level for a while; then the target goes back to what was last set to stay.
    ///
    /// # Errors
    ///
    /// Outside a tokio runtime, whose timer it needs, or if the while is too long to have an end.
    pub fn set_temporarily(&self, target: impl Into<LevelTarget>, level: Level, time: Duration) -> Result<(), Error> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::msg("failed to set a level for a while: there is no tokio runtime"))?;
        let Some(until) = Instant::now().checked_add(time) else {
            return Err(Error::msg(format_args!("failed to set a level for {time:?}: that has no end")));
        };
        let target = target.into();
        let number = self.shared.numbers.fetch_add(1, Ordering::Relaxed);
        self.change(&target, |held, _| held.temporary = Some(TemporaryLevel { level, until, number }));
        let shared = Arc::downgrade(&self.shared);
        runtime.spawn(async move {
            tokio::time::sleep_until(until).await;
            let Some(shared) = shared.upgrade() else { return };
            // Invariant 3.
            LevelHandle { shared }.change(&target, |held, _| {
                if held.temporary.is_some_and(|temporary| temporary.number == number) {
                    held.temporary = None;
                }
            });
        });
        Ok(())
    }

    /// Takes back what was set: a service follows the default again, the others what they began with.
    pub fn reset(&self, target: impl Into<LevelTarget>) {
        self.change(&target.into(), |held, initial| *held = TargetLevels { lasting: initial, temporary: None });
    }

    /// How a target stands. A service that was never heard of stands at the default.
    #[must_use]
    pub fn get(&self, target: impl Into<LevelTarget>) -> LevelSetting {
        let targets = self.targets();
        let held = match target.into() {
            LevelTarget::Default => targets.default,
            LevelTarget::Internal => targets.internal,
            LevelTarget::Service(name) => targets.services.get(&*name).map(|(_, held)| *held).unwrap_or_default(),
        };
        targets.setting(&held)
    }

    /// Every service that has a level of its internal.
    #[must_use]
    pub fn services(&self) -> Vec<(String, LevelSetting)> {
        let targets = self.targets();
        let internal = targets.services.iter().filter(|(_, (_, held))| held.level().is_some());
        internal.map(|(name, (_, held))| (name.to_string(), targets.setting(held))).collect()
    }

    /// What `reset` goes back to from now on, and what counts until something else is set.
    pub(crate) fn begin(&self, default: Level, internal: Level) {
        self.targets().initial = (default, internal);
        self.set(LevelTarget::Default, default);
        self.set(LevelTarget::Internal, internal);
    }

    fn targets(&self) -> MutexGuard<'_, LevelTable> {
        // Nothing of a user runs under the lock.
        self.shared.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, target: &LevelTarget, change: impl FnOnce(&mut TargetLevels, Option<Level>)) {
        let mut targets = self.targets();
        let (default, internal) = targets.initial;
        match target {
            LevelTarget::Default => change(&mut targets.default, Some(default)),
            LevelTarget::Internal => change(&mut targets.internal, Some(internal)),
            LevelTarget::Service(name) => {
                targets.slot(name);
                if let Some((_, held)) = targets.services.get_mut(&**name) {
                    change(held, None);
                }
            }
        }
        let moved = self.publish(&targets);
        drop(targets);
        if moved {
            // Invariant 2.
            tracing::callsite::rebuild_interest_cache();
        }
    }

    /// Writes what the records are judged by; whether a bound has moved.
    fn publish(&self, targets: &LevelTable) -> bool {
        let shared = &self.shared;
        let default = targets.default.level().unwrap_or(Level::Off);
        let internal = targets.internal.level().unwrap_or(Level::Off);
        let (mut low, mut high) = (default, default);
        for (slot, held) in targets.services.values() {
            let level = held.level();
            (low, high) = (low.min(level.unwrap_or(low)), high.max(level.unwrap_or(high)));
            slot.level.store(level.map_or(INHERIT_DEFAULT, |level| level as u8), Ordering::Relaxed);
        }
        shared.default.store(default as u8, Ordering::Relaxed);
        let bounds = [(&shared.internal, internal), (&shared.low, low), (&shared.high, high)];
        let mut moved = false;
        for (bound, level) in bounds {
            moved |= bound.swap(level as u8, Ordering::Relaxed) != level as u8;
        }
        moved
    }

    // ---- what a filter reads --------------------------------------------------------------------

    /// The service's slot, made if it has none.
    pub(crate) fn slot(&self, service: &str) -> Arc<ServiceLevel> {
        self.targets().slot(service)
    }

    /// What counts outside every service (none), or in one.
    pub(crate) fn level_in(&self, slot: Option<&ServiceLevel>) -> Level {
        match slot.map(|slot| slot.level.load(Ordering::Relaxed)) {
            Some(level) if level != INHERIT_DEFAULT => Level::of(level),
            _ => Level::of(self.shared.default.load(Ordering::Relaxed)),
        }
    }

    /// No target but `own` is set to less than the first, or to more than the second.
    pub(crate) fn bounds(&self) -> (Level, Level) {
        let [low, high] = [&self.shared.low, &self.shared.high].map(|bound| Level::of(bound.load(Ordering::Relaxed)));
        (low, high)
    }

    pub(crate) fn internal(&self) -> Level {
        Level::of(self.shared.internal.load(Ordering::Relaxed))
    }
}

impl LevelTable {
    fn slot(&mut self, service: &str) -> Arc<ServiceLevel> {
        if let Some((slot, _)) = self.services.get(service) {
            return slot.clone();
        }
        let slot = Arc::new(ServiceLevel { level: AtomicU8::new(INHERIT_DEFAULT) });
        self.services.insert(service.into(), (slot.clone(), TargetLevels::default()));
        slot
    }

    fn setting(&self, held: &TargetLevels) -> LevelSetting {
        let default = self.default.level().unwrap_or(Level::Off);
        LevelSetting {
            level: held.level().unwrap_or(default),
            overridden: held.level().is_some(),
            expires_in: held.temporary.map(|temporary| temporary.until.saturating_duration_since(Instant::now())),
            reverts_to: held.temporary.map(|_| held.lasting.unwrap_or(default)),
        }
    }
}

impl fmt::Debug for LevelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.services();
        f.debug_struct("LevelHandle")
            .field("default", &self.get(LevelTarget::Default).level)
            .field("internal", &self.internal())
            .field("services", &services.iter().map(|(name, setting)| (name, setting.level)).collect::<Vec<_>>())
            .finish()
    }
}
