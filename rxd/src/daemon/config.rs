//! The configuration of a daemon: what the builder records, how a candidate is loaded and
//! checked, and the value in force.
//!
//! The start loads the first value in a prestart stage, [`Daemon`](crate::Daemon)'s reload each
//! later one. The services' runners take the value in force (`configured`). Types are erased here:
//! the value is one `Any`, and each service brings a function that checks its part of it.
//!
//! # Invariants
//!
//! 1. A value has a generation, which no other value has. A value that is put back keeps its own.
//! 2. `taken` has, for each service, the generation that it took last, written under the lock under
//!    which it took the value. So after the old value is put back, it names every service that has
//!    the new one, whether it took it at a reload or before `init`.
//!
//! No code of the user's runs under the lock, and no value is dropped under it.

use crate::board::Id;
use crate::core::Core;
use crate::core::names::Name;
use crate::daemon::prestart::{ErasedPipeline, Pipeline};
use crate::error::{AnyError, Error, MethodFailure, Result};
use crate::in_span::{in_span, span};
use crate::panic;
use crate::service::configure::Configure;
use crate::sync::Mutex;
use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The name of the first prestart stage of a daemon with a configuration.
pub(crate) const STAGE_NAME: &str = "config";

/// A value of the daemon's configuration type.
pub(crate) type ConfigValue = Arc<dyn Any + Send + Sync>;

type Load = dyn Fn() -> Result<ConfigValue> + Send + Sync;

/// A type, and its name for messages.
#[derive(Clone, Copy, Debug)]
struct ConfigType {
    id: TypeId,
    name: &'static str,
}

impl ConfigType {
    fn of<T: 'static>() -> Self {
        ConfigType { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}

/// What one service takes: the type, and its check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConfigDemand {
    config: ConfigType,
    check: fn(&dyn Any) -> Result,
}

impl ConfigDemand {
    pub(crate) fn of<R: Configure<P>, P: 'static>() -> Self {
        let check = |part: &dyn Any| part.downcast_ref::<P>().map_or(Ok(()), R::check);
        ConfigDemand { config: ConfigType::of::<P>(), check }
    }
}

/// Finds a part in a value.
trait FindPart: Send + Sync {
    fn find<'a>(&self, whole: &'a dyn Any) -> Option<&'a dyn Any>;
}

struct PartFn<C, P>(fn(&C) -> &P);

impl<C: 'static, P: 'static> FindPart for PartFn<C, P> {
    fn find<'a>(&self, whole: &'a dyn Any) -> Option<&'a dyn Any> {
        Some((self.0)(whole.downcast_ref()?))
    }
}

/// A part of the configuration that services may take.
struct KnownPart {
    whole: TypeId,
    part: TypeId,
    find: Box<dyn FindPart>,
}

/// What the builder records about the configuration.
#[derive(Default)]
pub struct DaemonConfig {
    source: Option<(ConfigType, Box<Load>)>,
    parts: Vec<KnownPart>,
    /// The files whose change is to reload.
    #[cfg(feature = "config-watch")]
    pub(crate) files: Vec<std::path::PathBuf>,
}

impl fmt::Debug for DaemonConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source.as_ref().map(|(config, _)| config.name);
        f.debug_struct("DaemonConfig").field("source", &source).finish_non_exhaustive()
    }
}

impl DaemonConfig {
    pub(crate) fn load_by<C, E>(&mut self, load: impl Fn() -> Result<C, E> + Send + Sync + 'static)
    where
        C: Send + Sync + 'static,
        E: Into<AnyError>,
    {
        let load = move || match load() {
            Ok(value) => Ok(Arc::new(value) as ConfigValue),
            Err(error) => Err(error.into()),
        };
        self.source = Some((ConfigType::of::<C>(), Box::new(load)));
    }

    pub(crate) fn add_part<C: 'static, P: 'static>(&mut self, part: fn(&C) -> &P) {
        let (whole, id) = (TypeId::of::<C>(), TypeId::of::<P>());
        self.parts.retain(|known| (known.whole, known.part) != (whole, id));
        self.parts.push(KnownPart { whole, part: id, find: Box::new(PartFn(part)) });
    }

    /// Whether the function that loads it is set.
    #[cfg(any(feature = "systemd", feature = "config-watch"))]
    pub(crate) fn has_source(&self) -> bool {
        self.source.is_some()
    }

    /// Why a service cannot get what it takes, if it cannot; `of` names the service.
    pub(crate) fn fault(this: Option<&Self>, of: &dyn Fn() -> String, demand: &ConfigDemand) -> Option<String> {
        let wanted = demand.config;
        let Some((Some((whole, _)), parts)) = this.map(|this| (&this.source, &this.parts)) else {
            return Some(format!(
                "{} takes a configuration `{}`, and the daemon has none\n\
                 help: give the daemon a function that returns a `Result<{}, _>`: `.config(load)` in the builder, \
                 `#[rxd::daemon(config = load)]`, `Harness::config` in a test",
                of(),
                wanted.name,
                wanted.name
            ));
        };
        let is_part = |part: &KnownPart| part.whole == whole.id && part.part == wanted.id;
        (wanted.id != whole.id && !parts.iter().any(is_part)).then(|| {
            format!(
                "{} takes a configuration `{}`, which is not a part of the daemon's, `{}`\n\
                 help: say where it is, by `.config_part(|whole: &{}| &whole.field)`, or load a `{}`",
                of(),
                wanted.name,
                whole.name,
                whole.name,
                wanted.name
            )
        })
    }

    /// The prestart stage that loads the first value and has these services check it; none if the
    /// daemon has no configuration.
    pub(crate) fn stage(
        self,
        core: &Arc<Core>,
        demands: impl Iterator<Item = (Id, ConfigDemand)>,
    ) -> Option<Box<dyn ErasedPipeline>> {
        let (_, load) = self.source?;
        let place = places_in_graph_order(core);
        // Not by a sort of the standard library: see `graph::stop_order::insert_sorted`.
        let mut sorted: Vec<(Id, ConfigDemand)> = Vec::new();
        for (id, demand) in demands {
            let at = sorted.partition_point(|(other, _)| place[*other as usize] <= place[id as usize]);
            sorted.insert(at, (id, demand));
        }
        let demands = sorted.into_iter().map(|(id, demand)| (core.name(id).clone(), demand)).collect();
        let state = ConfigState { in_force: None, next: 0, taken: vec![0; core.board.declared()] };
        let reached = AtomicUsize::new(0);
        let config = Configuration { load, parts: self.parts, demands, reached, state: Mutex::new(state) };
        Some(Box::new(ConfigStage { core: core.clone(), config: core.extensions.insert(config) }))
    }
}

/// For each service, its place in an order in which it comes after all that it depends on.
fn places_in_graph_order(core: &Core) -> Vec<usize> {
    let services = core.board.declared();
    let (mut places, mut seen, mut next) = (vec![0; services], vec![false; services], 0);
    let mut stack = Vec::new();
    for id in 0..services as Id {
        stack.push((id, false));
        while let Some((id, is_left)) = stack.pop() {
            if is_left {
                places[id as usize] = next;
                next += 1;
            } else if !std::mem::replace(&mut seen[id as usize], true) {
                stack.push((id, true));
                stack.extend(core.stop_order.after(id).iter().map(|&dependency| (dependency, false)));
            }
        }
    }
    places
}

/// The configuration of a running daemon.
pub(crate) struct Configuration {
    load: Box<Load>,
    parts: Vec<KnownPart>,
    /// The services that take a configuration, in graph order.
    demands: Vec<(Name, ConfigDemand)>,
    /// Whose code the last candidate has reached: 0 is `load`, and 1 the first check.
    reached: AtomicUsize,
    state: Mutex<ConfigState>,
}

struct ConfigState {
    /// None until the first value is loaded.
    in_force: Option<Generation>,
    /// The number of the next generation, less one: zero stands for none.
    next: u64,
    /// For each service the generation that it took last.
    taken: Vec<u64>,
}

/// A value with its number.
#[derive(Clone)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    value: ConfigValue,
}

/// Why a candidate does not come into force.
pub(crate) enum Refusal {
    /// It could not be loaded.
    Load(AnyError),
    /// Services refuse it: a message for each.
    Check(Vec<String>),
}

impl Refusal {
    /// The messages for a reload.
    pub(crate) fn messages(self) -> Vec<String> {
        match self {
            Refusal::Load(error) => {
                vec![format!("the configuration cannot be loaded: {}", MethodFailure::of(error).text)]
            }
            Refusal::Check(messages) => messages,
        }
    }
}

impl Configuration {
    /// Loads a candidate and has all services check it, on a thread of tokio's pool for blocking
    /// work.
    pub(crate) fn prepare(self: &Arc<Self>, core: &Core) -> JoinHandle<Result<ConfigValue, Refusal>> {
        self.reached.store(0, Ordering::Relaxed);
        let (this, subscriber) = (self.clone(), core.subscriber.clone());
        let span = span(|| tracing::error_span!(target: "rxd", "config", daemon = %core.daemon));
        tokio::task::spawn_blocking(move || subscriber.in_scope(|| in_span(span, || this.load_and_check())))
    }

    /// What a candidate that has not come within this limit waits for.
    pub(crate) fn late(&self, limit: Duration) -> String {
        match self.reached.load(Ordering::Relaxed).checked_sub(1).and_then(|at| self.demands.get(at)) {
            Some((name, _)) => format!("service `{name}` did not check the configuration within {limit:?}"),
            None => format!("the configuration was not loaded within {limit:?}"),
        }
    }

    fn load_and_check(&self) -> Result<ConfigValue, Refusal> {
        let panicked = |caught: panic::CaughtPanic| AnyError::msg(format_args!("panicked: {caught}"));
        let value =
            panic::catch(|| (self.load)()).map_err(panicked).and_then(|loaded| loaded).map_err(Refusal::Load)?;
        let mut refusals = Vec::new();
        for (at, (name, demand)) in self.demands.iter().enumerate() {
            self.reached.store(at + 1, Ordering::Relaxed);
            let Some(part) = self.find(&*value, demand.config.id) else { continue };
            let checked = panic::catch(|| (demand.check)(part)).map_err(panicked).and_then(|checked| checked);
            if let Err(error) = checked {
                let text = MethodFailure::of(error).text;
                refusals.push(format!("service `{name}` refuses the configuration: {text}"));
            }
        }
        if refusals.is_empty() {
            return Ok(value);
        }
        // This runs code of the user's, too.
        panic::ignore(|| drop(value));
        Err(Refusal::Check(refusals))
    }

    /// Finds the part of this type.
    fn find<'a>(&self, whole: &'a dyn Any, wanted: TypeId) -> Option<&'a dyn Any> {
        if whole.type_id() == wanted {
            return Some(whole);
        }
        let part = self.parts.iter().find(|part| part.part == wanted && part.whole == whole.type_id())?;
        part.find.find(whole)
    }

    /// The part of this type in a value.
    pub(crate) fn part<'a, P: 'static>(&self, of: &'a Generation) -> Option<&'a P> {
        self.find(&*of.value, TypeId::of::<P>())?.downcast_ref()
    }

    /// Puts a value in force. Returns the one before.
    pub(crate) fn put(&self, value: ConfigValue) -> Option<Generation> {
        let mut state = self.state.lock();
        state.next += 1;
        let number = state.next;
        state.in_force.replace(Generation { number, value })
    }

    /// Puts an old value in force again. Returns the services that have the value after it.
    pub(crate) fn put_back(&self, old: Generation) -> Vec<Id> {
        let mut state = self.state.lock();
        let Some(refused) = state.in_force.replace(old) else { return Vec::new() };
        let taken = (0..).zip(&state.taken).filter(|(_, number)| **number == refused.number);
        let taken = taken.map(|(id, _)| id).collect();
        drop(state);
        drop_value(refused);
        taken
    }

    /// Hands the value in force to a service.
    pub(crate) fn take(&self, id: Id) -> Option<Generation> {
        let mut state = self.state.lock();
        let taken = state.in_force.clone()?;
        if let Some(number) = state.taken.get_mut(id as usize) {
            *number = taken.number;
        }
        Some(taken)
    }
}

/// Drops a value, which may run code of the user's.
pub(crate) fn drop_value(value: Generation) {
    panic::ignore(|| drop(value));
}

/// The prestart stage that loads the first value.
struct ConfigStage {
    core: Arc<Core>,
    config: Arc<Configuration>,
}

impl Pipeline for ConfigStage {
    fn name(&self) -> &str {
        STAGE_NAME
    }

    async fn run(&mut self) -> Result {
        // Again in each round, if the stages begin again.
        let value = match self.config.prepare(&self.core).await {
            Ok(Ok(value)) => value,
            Ok(Err(Refusal::Load(error))) => return Err(error),
            Ok(Err(Refusal::Check(refusals))) => return Err(AnyError::msg(refusals.join(", "))),
            Err(_) => return Err(Error::msg("the runtime is shutting down").into()),
        };
        if let Some(before) = self.config.put(value) {
            drop_value(before);
        }
        Ok(())
    }
}
