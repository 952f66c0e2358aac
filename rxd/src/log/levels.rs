//! The levels of a process: one for each service, one default, one for rxd's own records.
//!
//! Operators and user code change them through a [`LevelHandle`]; a
//! [`ServiceFilter`](super::ServiceFilter) reads them for each record. This module writes no logs.
//!
//! # Invariants
//!
//! 1. A filter reads atomics only: `default`, `internal`, the `low` and `high` bounds over all
//!    targets but `internal`, and each service's [`ServiceLevel`]. [`LevelHandle::publish`] alone
//!    writes them, all of them from the whole table and under its lock. So concurrent changes leave
//!    atomics that agree with the table.
//! 2. A change that moves `internal` or a bound makes `tracing` ask the filters about every
//!    callsite again before it returns (G40). Any other change needs no rebuild: between the
//!    bounds, a filter is asked about each record.
//! 3. A temporary level carries a number. Its timer clears it only if that number is still set, so
//!    an older timer never clears a newer level.
//!
//! # Memory ordering
//!
//! All atomics but the count of changes are `Relaxed`. Each is a level by itself: no other memory is read because of its
//! value. The stores come before `set` returns, so code that synchronises with the return sees them
//! in its next record. A record that is made during a change sees the old level or the new one.
//!
//! No callsite keeps an outdated answer:
//!
//! 1. A change stores the new bounds under the lock, and releases it.
//! 2. It calls `rebuild_interest_cache`, which asks every filter again. Two such calls may overlap,
//!    and the one that began earlier may write its answers later.
//! 3. So each change counts itself before its rebuild, and a rebuild during which another change has
//!    counted itself is made again. The last one began after all stores, and reads the final bounds.

use super::level::Level;
use crate::error::Error;
use crate::panic::emit;
use crate::sync::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Once};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::dispatcher::has_been_set;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing_log::AsLog;

/// The highest level whose records the build contains.
const BUILD_MAX: Level = match STATIC_MAX_LEVEL.into_level() {
    Some(level) => Level::of_record(level),
    None => Level::Off,
};

/// Stored in a [`ServiceLevel`] that has no level: the default counts.
const INHERIT_DEFAULT: u8 = u8::MAX;

/// What a level is set for: one service, all else, or rxd itself.
///
/// ```
/// use rxd::log::{LevelHandle, LevelTarget, Level};
///
/// let levels = LevelHandle::new(Level::Info);
/// levels.set("api", Level::Trace); // a service, by its name
/// levels.set(LevelTarget::Internal, Level::Debug); // rxd's own records
/// assert_eq!(levels.get(LevelTarget::Default).level, Level::Info);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LevelTarget {
    /// Every record outside a service, or in a service without its own level.
    Default,
    /// rxd's own records below WARN: transitions, retries, requests.
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

/// The level of a target, and whether it will change by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelSetting {
    /// The level that counts now.
    pub level: Level,
    /// Whether the level was set for this target. If not, it is the default level.
    pub overridden: bool,
    /// In how long a temporary level ends; `None` if the level is not temporary.
    pub expires_in: Option<Duration>,
    /// The level that counts after that.
    pub reverts_to: Option<Level>,
    /// The highest level whose records the build contains, if that is lower than `level`: a feature
    /// of `tracing` such as `max_level_info`, which any crate of the build may enable, removes
    /// records at compile time.
    pub limited_to: Option<Level>,
}

/// Changes the log levels of a running process. Clones share one set of levels.
///
/// To change the levels that [`init`](super::init) set up, and that the admin route changes, call
/// [`level_handle`](super::level_handle). A change applies to the next record of every thread, to
/// each later incarnation of the service, and to every task it has spawned.
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
    pub(super) state: Arc<LevelState>,
}

pub(super) struct LevelState {
    default: AtomicU8,
    internal: AtomicU8,
    /// The lowest and the highest level of all targets but `internal`.
    low: AtomicU8,
    high: AtomicU8,
    table: Mutex<LevelTable>,
    /// The number of the next temporary level: invariant 3.
    next_number: AtomicU64,
    /// Each filter of these levels holds a clone.
    pub(super) filters: Arc<()>,
}

/// The level of one service, as the filters read it. The spans of the service share it.
#[derive(Debug)]
pub(crate) struct ServiceLevel {
    level: AtomicU8,
}

/// What was set, for every target. The atomics are written from it.
struct LevelTable {
    default: TargetLevels,
    internal: TargetLevels,
    services: HashMap<Box<str>, (Arc<ServiceLevel>, TargetLevels)>,
    /// The levels that `reset` restores: the default, and that of rxd itself.
    initial: (Level, Level),
}

/// What was set for one target. A temporary level hides the lasting one while it stands.
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

/// Has `tracing` ask every filter again. See the module's third step.
fn ask_filters_again() {
    // Of all handles, since all share the answers.
    static CHANGES: AtomicU64 = AtomicU64::new(0);
    let mut counted = CHANGES.fetch_add(1, Ordering::SeqCst) + 1;
    loop {
        tracing::callsite::rebuild_interest_cache();
        let now = CHANGES.load(Ordering::SeqCst);
        if now == counted {
            return;
        }
        counted = now;
    }
}

impl LevelHandle {
    /// New levels, separate from those of the process, for a subscriber that uses
    /// [`filter`](LevelHandle::filter). rxd's own records are off.
    #[must_use]
    pub fn new(default: Level) -> Self {
        let table = LevelTable {
            default: TargetLevels::lasting(default),
            internal: TargetLevels::lasting(Level::Off),
            services: HashMap::new(),
            initial: (default, Level::Off),
        };
        LevelHandle {
            state: Arc::new(LevelState {
                default: AtomicU8::new(default as u8),
                internal: AtomicU8::new(Level::Off as u8),
                low: AtomicU8::new(default as u8),
                high: AtomicU8::new(default as u8),
                table: Mutex::new(table),
                next_number: AtomicU64::new(0),
                filters: Arc::default(),
            }),
        }
    }

    /// Whether there is a filter that reads these levels.
    #[cfg(feature = "admin")]
    pub(crate) fn has_filter(&self) -> bool {
        Arc::strong_count(&self.state.filters) > 1
    }

    pub(crate) fn global() -> &'static LevelHandle {
        &GLOBAL_LEVELS
    }

    /// Sets a level until the next change. Ends a temporary level of the target.
    pub fn set(&self, target: impl Into<LevelTarget>, level: Level) {
        self.change(&target.into(), &|levels, _| *levels = TargetLevels::lasting(level));
    }

    /// Sets a level for `time`. After that, the level that was last [`set`](LevelHandle::set)
    /// counts again, or the default. A second temporary level replaces the first, with its own end.
    ///
    /// # Errors
    ///
    /// Outside a tokio runtime, whose timer it needs, or if `time` is longer than the clock can
    /// count.
    pub fn set_temporarily(&self, target: impl Into<LevelTarget>, level: Level, time: Duration) -> Result<(), Error> {
        let runtime = Handle::try_current().map_err(|_| {
            Error::msg("failed to set a temporary log level: called outside a tokio runtime, whose timer ends it")
        })?;
        let Some(until) = Instant::now().checked_add(time) else {
            return Err(Error::msg(format_args!(
                "failed to set a temporary log level: {time:?} is longer than the clock can count"
            )));
        };
        self.set_until(target.into(), level, until, &runtime);
        Ok(())
    }

    fn set_until(&self, target: LevelTarget, level: Level, until: Instant, runtime: &Handle) {
        let number = self.state.next_number.fetch_add(1, Ordering::Relaxed);
        self.change(&target, &|levels, _| levels.temporary = Some(TemporaryLevel { level, until, number }));
        // Weak: a timer must not keep levels whose handles are all dropped.
        let state = Arc::downgrade(&self.state);
        crate::spawn::task(runtime, async move {
            tokio::time::sleep_until(until).await;
            let Some(state) = state.upgrade() else { return };
            // Invariant 3.
            LevelHandle { state }.change(&target, &|levels, _| {
                if levels.temporary.is_some_and(|temporary| temporary.number == number) {
                    levels.temporary = None;
                }
            });
        });
    }

    /// Undoes what was set. A service follows the default again; the default and rxd itself get the
    /// level that the log was set up with.
    pub fn reset(&self, target: impl Into<LevelTarget>) {
        self.change(&target.into(), &|levels, initial| *levels = TargetLevels { lasting: initial, temporary: None });
    }

    /// The level of a target. A service for which no level is set, or a name that no service has,
    /// is at the default.
    #[must_use]
    pub fn get(&self, target: impl Into<LevelTarget>) -> LevelSetting {
        let table = self.table();
        let levels = match target.into() {
            LevelTarget::Default => table.default,
            LevelTarget::Internal => table.internal,
            LevelTarget::Service(name) => table.services.get(&*name).map(|(_, levels)| *levels).unwrap_or_default(),
        };
        table.setting(&levels)
    }

    /// Every service that a level is set for, in alphabetical order.
    #[must_use]
    pub fn services(&self) -> Vec<(String, LevelSetting)> {
        let table = self.table();
        let mut services: Vec<(String, LevelSetting)> = Vec::new();
        for (name, (_, levels)) in table.services.iter().filter(|(_, (_, levels))| levels.level().is_some()) {
            let at = services.partition_point(|(other, _)| **other < **name);
            services.insert(at, (name.to_string(), table.setting(levels)));
        }
        services
    }

    /// Sets the levels of a log that is being set up. `reset` restores them from now on.
    pub(crate) fn begin(&self, default: Level, internal: Level) {
        self.table().initial = (default, internal);
        self.set(LevelTarget::Default, default);
        self.set(LevelTarget::Internal, internal);
    }

    fn table(&self) -> MutexGuard<'_, LevelTable> {
        // `tracing` calls in from the code of a user's service, and a change calls back into
        // `tracing` only after it has released this lock: no user code and no filter ever runs
        // under it.
        self.state.table.lock()
    }

    fn change(&self, target: &LevelTarget, change: &dyn Fn(&mut TargetLevels, Option<Level>)) {
        let mut table = self.table();
        let (default, internal) = table.initial;
        match target {
            LevelTarget::Default => change(&mut table.default, Some(default)),
            LevelTarget::Internal => change(&mut table.internal, Some(internal)),
            LevelTarget::Service(name) => {
                table.service_level(name);
                if let Some((_, levels)) = table.services.get_mut(&**name) {
                    change(levels, None);
                }
            }
        }
        let moved = self.publish(&table);
        drop(table);
        if moved {
            ask_filters_again();
            max_level_changed();
        }
    }

    /// Writes the atomics from the table. Returns whether `internal` or a bound has moved.
    fn publish(&self, table: &LevelTable) -> bool {
        let state = &self.state;
        let default = table.default.level().unwrap_or(Level::Off);
        let internal = table.internal.level().unwrap_or(Level::Off);
        let (mut low, mut high) = (default, default);
        for (service_level, levels) in table.services.values() {
            let level = levels.level();
            (low, high) = (low.min(level.unwrap_or(low)), high.max(level.unwrap_or(high)));
            service_level.level.store(level.map_or(INHERIT_DEFAULT, |level| level as u8), Ordering::Relaxed);
        }
        state.default.store(default as u8, Ordering::Relaxed);
        let bounds = [(&state.internal, internal), (&state.low, low), (&state.high, high)];
        let mut moved = false;
        for &(bound, level) in &bounds {
            moved |= bound.swap(level as u8, Ordering::Relaxed) != level as u8;
        }
        moved
    }

    // ---- what a filter reads --------------------------------------------------------------------

    /// The level of this service, as its spans share it. Adds the service to the table if it is
    /// new.
    pub(crate) fn service_level(&self, service: &str) -> Arc<ServiceLevel> {
        self.table().service_level(service)
    }

    /// The level that counts in this service, or outside of all services.
    pub(crate) fn level_in(&self, service_level: Option<&ServiceLevel>) -> Level {
        match service_level.map(|service| service.level.load(Ordering::Relaxed)) {
            Some(level) if level != INHERIT_DEFAULT => Level::of(level),
            _ => Level::of(self.state.default.load(Ordering::Relaxed)),
        }
    }

    /// The lowest and the highest level of all targets but [`LevelTarget::Internal`].
    pub(crate) fn bounds(&self) -> (Level, Level) {
        let [low, high] = [&self.state.low, &self.state.high].map(|bound| Level::of(bound.load(Ordering::Relaxed)));
        (low, high)
    }

    pub(crate) fn internal(&self) -> Level {
        Level::of(self.state.internal.load(Ordering::Relaxed))
    }
}

/// After a change of the highest level that any subscriber wants: gives it to the crate `log`, and
/// says once if it is higher than what the build contains.
pub(crate) fn max_level_changed() {
    static ONCE: Once = Once::new();
    let max = LevelFilter::current();
    log::set_max_level(max.as_log());
    // Without a subscriber the record would be lost.
    if max <= STATIC_MAX_LEVEL || !has_been_set() {
        return;
    }
    ONCE.call_once(|| {
        emit!(
            WARN, target: "rxd",
            "this build contains no log records above {BUILD_MAX}, whatever level is set: a crate in it enables a feature \
             of `tracing` such as `max_level_{BUILD_MAX}`"
        );
    });
}

impl LevelTable {
    fn service_level(&mut self, service: &str) -> Arc<ServiceLevel> {
        if let Some((service_level, _)) = self.services.get(service) {
            return service_level.clone();
        }
        let service_level = Arc::new(ServiceLevel { level: AtomicU8::new(INHERIT_DEFAULT) });
        self.services.insert(service.into(), (service_level.clone(), TargetLevels::default()));
        service_level
    }

    fn setting(&self, levels: &TargetLevels) -> LevelSetting {
        let default = self.default.level().unwrap_or(Level::Off);
        let level = levels.level().unwrap_or(default);
        LevelSetting {
            level,
            overridden: levels.level().is_some(),
            expires_in: levels.temporary.map(|temporary| temporary.until.saturating_duration_since(Instant::now())),
            reverts_to: levels.temporary.map(|_| levels.lasting.unwrap_or(default)),
            limited_to: (level > BUILD_MAX).then_some(BUILD_MAX),
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
