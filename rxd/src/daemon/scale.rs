//! The members of families: those that the daemon starts with, and those that come and go.
//!
//! Members are [added services](crate::core::added), also those that are there from the start. Their
//! place in the graph is that of their family, which was checked at the start; so the addition of a
//! member checks only that it is like the others.
//!
//! # Invariants
//!
//! 1. One call at a time changes a family: `FamilyFacts::scaling` is held by it.
//! 2. At the start all members are on the board before any watch is. A watch that asks something of
//!    *all* members of a family would hold for a moment otherwise, when there are none.
//! 3. A member leaves its family before it is asked to stop.

use super::added::await_removal;
use super::added::entry::{Spawner, put_on_board};
use super::family::{Family, MAX_MEMBERS, MakeMember, config_fault, unlike_fault};
use super::service::Service;
use super::wiring::{NewWatches, specs_of};
use crate::board::{Id, WatcherSpec};
use crate::core::added::AddedFacts;
use crate::core::{Core, Reply};
use crate::error::Error;
use crate::graph;
use crate::handle::DaemonHandle;
use crate::panic;
use crate::sync::Mutex;
#[cfg(any(test, feature = "test-util"))]
use crate::trace::added::AddedRules;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// After how many new members other tasks get their turn.
const YIELDS_EVERY: usize = 64;

/// How the members of each family are made. An extension of the core.
struct FamilyPlans(Vec<FamilyPlan>);

struct FamilyPlan {
    outline: Mutex<Service>,
    make: Option<MakeMember>,
    /// The services and families that stop after its members.
    after: Box<[Id]>,
}

/// Puts the members on the board that the families start with, and then the watches of all services.
/// Returns the members, to be spawned.
pub(super) fn begin(core: &Core, families: Vec<Family>, watches: NewWatches) -> Vec<(Id, Service)> {
    let NewWatches { declared, after } = watches;
    let (mut members, mut plans) = (Vec::new(), Vec::new());
    for (nth, (family, after)) in families.into_iter().zip(after).enumerate() {
        let Family { outline, members: own, make, .. } = family;
        plans.push(FamilyPlan { outline: Mutex::new(outline), make, after });
        for service in own {
            // The names are not in use, and the shutdown has not begun.
            if let Ok(id) = put(core, &service, (nth, true), &plans[nth].after, Vec::new()) {
                members.push((id, service));
            }
        }
    }
    if !plans.is_empty() {
        core.extensions.insert(FamilyPlans(plans));
    }
    for (id, service) in &members {
        core.board.declare(*id, watches_of(core, service));
    }
    for (id, own) in (0..).zip(declared) {
        core.board.declare(id, own);
    }
    members
}

/// The watches of a member, on the board.
fn watches_of(core: &Core, service: &Service) -> Vec<WatcherSpec> {
    let mut specs = Vec::new();
    for (edge, targets) in service.targets() {
        let mut ids = Vec::with_capacity(targets.len());
        for target in targets {
            let found = core.find(target.lookup_hash());
            // Those that the daemon was started with are first, and are what was checked.
            ids.extend(found.into_iter().find(|&id| target.by_type || *core.name(id) == target.text));
        }
        if !ids.is_empty() {
            specs_of(&edge, &ids, &mut specs);
        }
    }
    specs
}

/// Puts a member on the board. `counts`: the readiness of the daemon counts it, if it is not optional.
fn put(
    core: &Core,
    service: &Service,
    (family, counts): (usize, bool),
    after: &[Id],
    watches: Vec<WatcherSpec>,
) -> Result<Id, String> {
    let name = service.name().to_owned();
    let options = service.method_limits();
    let counts = counts && options.readiness == crate::lifecycle::options::Readiness::Required;
    let about = AddedFacts::new(name.into(), None, service.table(), &options).member_of(family, counts);
    let about = about.in_group(service.group_name().cloned());
    let id = core.added.reserve(about, &[], |id| core.tasks(id).have_ended()).map_err(|refused| match refused {
        crate::core::added::AddRefused::TooMany => "the daemon has as many services as it can have".to_owned(),
        _ => format!("its name `{}` is in use", service.name()),
    })?;
    #[cfg(any(test, feature = "test-util"))]
    let note = || AddedRules::note_member(core, id, (family, service.name()));
    #[cfg(not(any(test, feature = "test-util")))]
    let note = || {};
    if !put_on_board(core, id, service, (Some(family), after), watches, note) {
        return Err("the daemon is stopping".to_owned());
    }
    Ok(id)
}

impl DaemonHandle {
    /// Changes how many members a family has. Returns once the new members are added, or those that
    /// had to go are gone; to wait until they run, call [`wait_for`](DaemonHandle::wait_for).
    ///
    /// * New members get the next numbers. They are made by [`FromIndex`](crate::FromIndex), or by
    ///   [`Family::made_by`](crate::Family::made_by), and start like any service, once what they need
    ///   is in Run.
    /// * The members with the highest numbers go. Each leaves the family, is stopped, and is then
    ///   [removed](DaemonHandle::remove). All of them stop at the same time.
    /// * A service that needs the family stays in Run, whether members come or go.
    /// * Calls for one family are carried out one after the other.
    /// * How many members a family has does not outlive the process: the next start begins with those
    ///   that the daemon is given.
    ///
    /// # Errors
    ///
    /// * If there is no family of this name.
    /// * If more than 10,000 members are asked for.
    /// * If the family has to grow, and nothing makes members of it; or what makes them panics, or makes
    ///   one that has other watches than the others. Members that were added before stay.
    /// * If the daemon is stopping, or drains.
    /// * If a member has not ended within its limit, as for [`stop`](DaemonHandle::stop). Its removal
    ///   continues.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not end a removal; the family keeps the members that were added by
    /// then.
    ///
    /// ```
    /// use rxd::{Context, Daemon, Family, Service};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// # async fn serve(cx: Context) -> rxd::Result {
    /// #     cx.cancelled().await;
    /// #     Ok(())
    /// # }
    /// let worker = |_| Service::from_fn("worker", serve);
    /// let workers = Family::new("workers", [worker(0)]).made_by(worker);
    /// let handle = Daemon::new("works").family(workers).start().await?;
    /// handle.scale("workers", 8).await?;
    /// assert!(handle.states().get("worker-7").is_some());
    /// handle.scale("workers", 2).await?;
    /// assert!(handle.states().get("worker-2").is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn scale(&self, family: &str, members: usize) -> Result<(), Error> {
        let core = self.core();
        let refused = |why: &str| Error::msg(format_args!("failed to scale `{family}`: {why}"));
        let Some(nth) = core.families.find(family) else { return Err(unknown_family(core, family)) };
        if members > MAX_MEMBERS {
            return Err(refused(&format!("a family has at most {MAX_MEMBERS} members, not {members}")));
        }
        let facts = &core.families.all()[nth];
        let _scaling = panic::with_quiet_waker(facts.scaling.lock()).await;
        if core.shutting_down().is_some() || core.report.borrow().is_some() {
            return Err(refused("the daemon is stopping"));
        }
        let mut known = Vec::new();
        for id in core.board.members(nth) {
            known.extend(facts.nth_of(&core.name(id)).map(|index| (index, id)));
        }
        // The highest go first.
        known.sort_unstable_by(|a, b| b.cmp(a));
        let staying = known.split_off(known.partition_point(|&(index, _)| index >= members));
        self.remove_members(nth, &known).await?;
        self.add_members(nth, members, &staying).await.map_err(|why| refused(&why))
    }

    async fn remove_members(&self, family: usize, going: &[(usize, Id)]) -> Result<(), Error> {
        let core = self.core();
        let mut replies = Vec::with_capacity(going.len());
        for &(_, id) in going {
            let (sender, reply) = oneshot::channel();
            let name = core.name(id).to_string();
            // A service that removes itself does not wait for that.
            if let Ok(Some(limit)) = core.begin_member_removal(family, id, Reply::Waiter(sender), self.caller(core)) {
                replies.push((name, id, reply, limit));
            }
        }
        let (began, mut result) = (tokio::time::Instant::now(), Ok(()));
        for (name, id, reply, limit) in replies {
            let removed = await_removal(core, (&name, Some(id)), reply, limit.saturating_sub(began.elapsed())).await;
            result = result.and(removed);
        }
        result
    }

    async fn add_members(&self, family: usize, members: usize, staying: &[(usize, Id)]) -> Result<(), String> {
        let core = self.core();
        if staying.len() >= members {
            return Ok(());
        }
        let (Some(plans), Some(spawner)) = (core.extensions.get::<FamilyPlans>(), core.extensions.get::<Spawner>())
        else {
            return Err("the daemon does not run".to_owned());
        };
        let (plan, facts) = (&plans.0[family], &core.families.all()[family]);
        let Some(make) = &plan.make else { return Err(no_maker(&plan.outline.lock())) };
        let staying: HashSet<usize> = staying.iter().map(|&(index, _)| index).collect();
        for (made, index) in (0..members).filter(|index| !staying.contains(index)).enumerate() {
            if made % YIELDS_EVERY == YIELDS_EVERY - 1 {
                tokio::task::yield_now().await;
            }
            let name = facts.member_name(index);
            let (sender, reply) = oneshot::channel();
            // Another call may have been dropped while the last member of this name was ending.
            if core.await_removal(&name, Reply::Waiter(sender)) {
                let removed = await_removal(core, (&name, None), reply, Duration::MAX).await;
                removed.map_err(|error| error.to_string())?;
            }
            let service = panic::catch(|| make(index)).map_err(|caught| format!("`{name}` was not made: {caught}"))?;
            add_member(core, (family, plan), service.named(name), &spawner)?;
        }
        Ok(())
    }
}

/// Why a family does not grow.
fn no_maker(outline: &Service) -> String {
    match outline.type_name() {
        Some(text) => format!("nothing makes members of it\nhelp: write `impl rxd::FromIndex for {text}`"),
        None => "nothing makes members of it\nhelp: give the family a function that does: `made_by(..)`".to_owned(),
    }
}

/// The error about a name that no family has.
fn unknown_family(core: &Core, name: &str) -> Error {
    let families = core.families.all();
    if core.id(name).is_some() || families.is_empty() {
        let families: Vec<&str> = families.iter().map(|family| &*family.name).collect();
        let help = match families[..] {
            [] => "a field `workers: Vec<Worker>` is one, and so is what `Daemon::family` takes".to_owned(),
            _ => graph::known_names(name, families.into_iter()),
        };
        return Error::msg(format_args!("failed to scale `{name}`: it is not a family\nhelp: {help}"));
    }
    let names = graph::known_names(name, families.iter().map(|family| &*family.name));
    Error::msg(format_args!("daemon `{}` has no family `{name}`\nhelp: {names}", core.daemon))
}

fn add_member(
    core: &Arc<Core>,
    (family, plan): (usize, &FamilyPlan),
    service: Service,
    spawner: &Spawner,
) -> Result<(), String> {
    let mut faults = Vec::new();
    let of = || format!("service {} of daemon {}", graph::quoted(service.name()), graph::quoted(&core.daemon));
    service.option_faults(&of, &mut faults);
    if service.takes_config() {
        faults.push(config_fault(&of()));
    }
    if !service.is_like(&plan.outline.lock()) {
        faults.push(unlike_fault(&of()));
    }
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    let watches = watches_of(core, &service);
    let id = put(core, &service, (family, false), &plan.after, watches)?;
    spawner.spawn(core, id, service);
    Ok(())
}
