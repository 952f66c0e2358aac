//! Services that are added and removed while the daemon runs.
//!
//! An addition is checked like a daemon at its start, against what the new service says about
//! itself and about those that it names. A new name has no dependents, so no cycle can be closed.
//! What the others say about each other was checked before. So an addition costs O(its own watches),
//! however many services there are; only the message about a fault reads all names.
//!
//! The steps of an addition:
//!
//! 1. The targets are looked up, and the service is checked, without a lock. If others come or go
//!    meanwhile, this is done again.
//! 2. Its name and number are reserved, if the name is still free and its targets still stay.
//! 3. The stop order takes it, unless the shutdown has begun. From here on a shutdown stops it.
//! 4. The board takes it, and it can be found. Its engine is spawned.
//!
//! A removal is in [`core::added`](crate::core::added).

pub(super) mod entry;
mod owned;
pub(crate) mod reconcile;

use self::entry::{Spawner, put_on_board};
use super::service::Service;
use super::wiring::specs_of;
use crate::board::slots::family_id;
use crate::board::{Epoch, Id, WatcherSpec};
use crate::core::added::{AddRefused, AddedFacts, RemoveRefused};
use crate::core::names::Name;
use crate::core::tasks::TaskGuard;
use crate::core::{Core, Reply, current};
use crate::error::{Error, GraphError};
use crate::graph::{self, Edge, Graph, Node, Target};
use crate::handle::DaemonHandle;
use crate::lifecycle::manager::Table;
use crate::lifecycle::options::Options;
use crate::panic;
use crate::race::{Winner, race};
#[cfg(any(test, feature = "test-util"))]
use crate::trace::added::AddedRules;
use crate::watch::unknown_service;
use crate::watch::why::Why;
use std::time::Duration;
use tokio::sync::oneshot;

/// Waits for the answer to the removal of a service.
pub(super) async fn await_removal(
    core: &Core,
    (service, id): (&str, Option<Id>),
    reply: oneshot::Receiver<Result<(), Error>>,
    limit: Duration,
) -> Result<(), Error> {
    let mut report = core.report.subscribe();
    let answer = race(reply, panic::with_quiet_waker(report.wait_for(Option::is_some)));
    match race(answer, crate::handle::sleep(limit)).await {
        Winner::First(Winner::First(Ok(reply))) => reply,
        Winner::First(_) => Err(Error::msg(format_args!("daemon `{}` has ended", core.daemon))),
        Winner::Second(()) => {
            let why = id.map(|id| Why::of(core, id).to_string()).unwrap_or_default();
            Err(refused_removal(service, &format!("it did not end within {limit:?}: {why}")))
        }
    }
}

fn refused_removal(service: &str, why: &str) -> Error {
    Error::msg(format_args!("failed to remove service `{service}`: {why}"))
}

/// The options of a service that another one is checked against: it may end, so that nothing is
/// refused that its own declaration allows.
const MAY_END: Options = Options::DEFAULT.restarts(1, Duration::from_secs(1));

/// A watch of a new service, with what its targets stand for.
struct ResolvedEdge<'a> {
    edge: Edge<'static>,
    targets: Vec<ResolvedTarget<'a>>,
}

struct ResolvedTarget<'a> {
    written: Target<'a>,
    /// Those that it may stand for: one, if it is valid.
    found: Vec<(Id, Name)>,
}

impl ResolvedTarget<'_> {
    fn id(&self) -> Option<Id> {
        match &self.found[..] {
            [(id, _)] => Some(*id),
            _ => None,
        }
    }

    /// By name, also if it was given by type.
    fn by_name(&self) -> Target<'_> {
        match &self.found[..] {
            [(_, name)] => Target::name(name),
            _ => self.written,
        }
    }
}

impl ResolvedEdge<'_> {
    fn is_resolved(&self) -> bool {
        self.targets.iter().all(|target| target.id().is_some())
    }

    fn ids(&self) -> Vec<Id> {
        self.targets.iter().filter_map(ResolvedTarget::id).collect()
    }
}

impl DaemonHandle {
    /// Adds a service to the running daemon. Returns once it is added; to wait until it runs, call
    /// [`wait_for`](DaemonHandle::wait_for).
    ///
    /// From then on it is a service like any other: it waits for those that it
    /// [needs](Service::needs), stops before them, and is in [`states`](DaemonHandle::states),
    /// [`why`](DaemonHandle::why), the report and the admin route. It may name services that the
    /// daemon was started with, and added ones.
    ///
    /// * Readiness does not count it: `READY=1` does not wait for it, and without it the daemon is
    ///   degraded.
    /// * A service that has ended stays until it is [removed](DaemonHandle::remove), so that an
    ///   operator can start it again.
    /// * A [`StateStream`](crate::StateStream) of all services has its addition as a transition that
    ///   enters `Unknown`.
    /// * A watch may name a [family](crate::Family), and not one of its members. No other service can
    ///   have a name that a member may get.
    /// * The picture of the graph shows only the services that the daemon was started with.
    ///
    /// # Errors
    ///
    /// In each case nothing was added, and the service is dropped:
    ///
    /// * By the rules of [`Daemon::check`](crate::Daemon::check) that are about the service itself and
    ///   its own watches ([`Error::is_graph`]): its name is in use, a target does not exist, an option
    ///   makes no sense.
    /// * If it takes a part of the daemon's configuration ([`Configure`](crate::Configure)): only services
    ///   that the daemon is started with do.
    /// * If a service that it names is being removed.
    /// * If the daemon is stopping, or drains.
    /// * If the daemon has 1,048,575 services.
    ///
    /// # Cancel safety
    ///
    /// The service is added when the future is first polled, and that poll is the last.
    ///
    /// ```
    /// use rxd::{Context, Daemon, Service, State};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// async fn serve(cx: Context) -> rxd::Result {
    ///     cx.cancelled().await;
    ///     Ok(())
    /// }
    ///
    /// let handle = Daemon::new("tenants").add(Service::from_fn("db", serve)).start().await?;
    /// handle.add(Service::from_fn("tenant-7", serve).needs(["db"])).await?;
    /// handle.wait_for("tenant-7", State::Run).await?;
    ///
    /// let error = handle.add(Service::from_fn("tenant-8", serve).needs(["bd"])).await.unwrap_err();
    /// assert!(error.is_graph() && error.to_string().contains("did you mean `db`?"));
    ///
    /// handle.remove("tenant-7").await?;
    /// assert!(handle.states().get("tenant-7").is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn add(&self, service: impl Into<Service>) -> Result<(), Error> {
        self.add_service(service.into(), None).map(|_| ())
    }

    /// Stops a service that was [added](DaemonHandle::add), and forgets it: its name, its state, its
    /// failures. Returns when that is done, or immediately if the service makes the request itself.
    ///
    /// * Its value has been dropped by then, and its name can be used again.
    /// * Waits and watches on it end with [`WatchEnded::Removed`](crate::WatchEnded::Removed).
    /// * A [`StateStream`](crate::StateStream) of all services has its removal as a transition that
    ///   leaves `Exit`.
    /// * A failure of it does not count any more for the daemon's report.
    ///
    /// # Errors
    ///
    /// * If no service has the name, or the daemon was started with the service.
    /// * If it is a member of a family: see [`scale`](DaemonHandle::scale).
    /// * If its removal was requested before.
    /// * If other services name it in their watches: the message names them. See
    ///   [`remove_with_dependents`](DaemonHandle::remove_with_dependents).
    /// * If the daemon is stopping, or drains.
    /// * If it has not ended within its limit, as for [`stop`](DaemonHandle::stop), or with dependents
    ///   within the sum of their limits. The removal continues.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not end the removal.
    pub async fn remove(&self, service: &str) -> Result<(), Error> {
        self.remove_service(service, false).await
    }

    /// As [`remove`](DaemonHandle::remove), with all services that name this one in their watches, and
    /// those that name them. They are removed first: each is stopped once no other names it.
    ///
    /// # Errors
    ///
    /// As [`remove`](DaemonHandle::remove).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not end the removal.
    pub async fn remove_with_dependents(&self, service: &str) -> Result<(), Error> {
        self.remove_service(service, true).await
    }

    /// The service that makes a request by this handle, or whose code runs in this thread.
    pub(super) fn caller(&self, core: &Core) -> Option<Id> {
        self.service().or_else(|| current::service(core))
    }

    async fn remove_service(&self, service: &str, with_dependents: bool) -> Result<(), Error> {
        let core = self.core();
        let refused = |why: &str| refused_removal(service, why);
        if core.shutting_down().is_some() || core.report.borrow().is_some() {
            return Err(refused("the daemon is stopping"));
        }
        let id = core.id(service);
        let (sender, reply) = oneshot::channel();
        let limit = match core.begin_removal(service, with_dependents, Reply::Waiter(sender), self.caller(core)) {
            Ok(Some(limit)) => limit,
            Ok(None) => return Ok(()),
            Err(RemoveRefused::Unknown) => return Err(unknown_service(core, service)),
            Err(RemoveRefused::UnderWay) => return Err(refused("its removal was requested before")),
            Err(RemoveRefused::Declared) => {
                return Err(refused(&format!(
                    "the daemon was started with it\nhelp: to stop it, call `stop(\"{service}\")`"
                )));
            }
            Err(RemoveRefused::Member(family)) => {
                let family = &core.families.all()[family].name;
                return Err(refused(&format!(
                    "it is a member of family `{family}`\nhelp: to have fewer members, call `scale(\"{family}\", ..)`"
                )));
            }
            Err(RemoveRefused::Needed(names)) => {
                let mut list = String::new();
                names.iter().for_each(|name| crate::text::add_item(&mut list, &format!("`{name}`")));
                let verb = if names.len() == 1 { "names" } else { "name" };
                return Err(refused(&format!(
                    "{list} {verb} it\nhelp: remove these first, or call `remove_with_dependents(\"{service}\")`"
                )));
            }
        };
        await_removal(core, (service, id), reply, limit).await
    }

    /// Adds a service; with an owner, one that ends with that incarnation of it.
    pub(super) fn add_service(&self, service: Service, owner: Option<(Id, Epoch)>) -> Result<Id, Error> {
        let core = self.core();
        let name = service.name().to_owned();
        let refused = |why: &str| Error::msg(format_args!("failed to add service `{name}`: {why}"));
        let stopping = || refused("the daemon is stopping");
        let Some(spawner) = core.extensions.get::<Spawner>() else { return Err(refused("the daemon does not run")) };
        if core.shutting_down().is_some() {
            return Err(stopping());
        }
        #[cfg(any(test, feature = "test-util"))]
        let mut rules = None;
        let (id, specs, after) = loop {
            let edges = resolve(core, &service);
            let mut after = check(core, &service, &edges)?;
            // Unknown when it was looked up, and added since.
            if edges.iter().any(|edge| !edge.is_resolved()) {
                continue;
            }
            let mut added = ids_of(&edges);
            let owned = match owner {
                None => None,
                Some((owner, epoch)) => match TaskGuard::of_open(core, owner, epoch) {
                    Some(owned) => Some(owned),
                    None => return Err(refused("the incarnation that it is to end with has ended")),
                },
            };
            if let Some((owner, _)) = owner {
                for list in [&mut added, &mut after] {
                    list.retain(|&id| id != owner);
                    list.push(owner);
                }
            }
            added.retain(|&id| !core.names.has(id) && core.families.of(id).is_none());
            let options = service.method_limits();
            let about = AddedFacts::new(name.clone().into(), service.type_hash(), service.table(), &options);
            let mut about = about.in_group(service.group_name().cloned());
            (about.owned, about.version) = (owned, service.version_hash());
            let is_free = |id| core.tasks(id).have_ended();
            match core.added.reserve(about, &added, is_free) {
                Ok(id) => {
                    #[cfg(any(test, feature = "test-util"))]
                    with_node(&service, &edges, &mut |node| {
                        rules = AddedRules::of(core, node, service.limits(), owner.map(|(owner, _)| owner))
                    });
                    let mut specs: Vec<WatcherSpec> = Vec::new();
                    edges.iter().for_each(|edge| specs_of(&edge.edge, &edge.ids(), &mut specs));
                    break (id, specs, after);
                }
                // Added since, or just being added: then the check says so in a moment.
                Err(AddRefused::NameInUse) => std::thread::yield_now(),
                Err(AddRefused::Removed(id)) => {
                    return Err(refused(&format!("service `{}` is being removed", core.name(id))));
                }
                Err(AddRefused::TooMany) => return Err(refused("the daemon has as many services as it can have")),
            }
        };
        #[cfg(any(test, feature = "test-util"))]
        let note = || AddedRules::note(core, id, rules);
        #[cfg(not(any(test, feature = "test-util")))]
        let note = || {};
        if !put_on_board(core, id, &service, (None, &after), specs, note) {
            return Err(stopping());
        }
        spawner.spawn(core, id, service);
        Ok(id)
    }
}

/// Looks the targets of a service's watches up.
fn resolve<'a>(core: &Core, service: &'a Service) -> Vec<ResolvedEdge<'a>> {
    let mut edges = Vec::new();
    for (edge, written) in service.targets() {
        let mut targets = Vec::with_capacity(written.len());
        for written in written {
            let mut found = Vec::new();
            for id in core.find(written.lookup_hash()) {
                let name = core.name(id).clone();
                // A watch names a family, and not one of its members.
                if (written.by_type || name == written.text) && core.added.family(id).is_none() {
                    found.push((id, name));
                }
            }
            targets.push(ResolvedTarget { written, found });
        }
        edges.push(ResolvedEdge { edge, targets });
    }
    edges
}

/// The services that these watches name, each once.
fn ids_of(edges: &[ResolvedEdge<'_>]) -> Vec<Id> {
    let mut ids = Vec::new();
    edges.iter().for_each(|edge| ids.append(&mut edge.ids()));
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Calls `look` once, with the service as a node of a graph.
fn with_node(service: &Service, edges: &[ResolvedEdge<'_>], look: &mut dyn FnMut(&Node<'_>)) {
    let mut targets: Vec<Vec<Target<'_>>> = Vec::with_capacity(edges.len());
    for edge in edges {
        targets.push(edge.targets.iter().map(ResolvedTarget::by_name).collect());
    }
    let mut own: Vec<Edge<'_>> = Vec::with_capacity(edges.len());
    for (edge, targets) in edges.iter().zip(&targets) {
        own.push(Edge { targets, ..edge.edge });
    }
    look(&service.node(&own));
}

/// Faults of a service that are not about its watches.
fn own_faults(core: &Core, service: &Service, faults: &mut Vec<String>) {
    let of = || format!("service {} of daemon {}", graph::quoted(service.name()), graph::quoted(&core.daemon));
    service.option_faults(&of, faults);
    if service.config_demand().is_some() {
        let name = graph::quoted(service.name());
        faults.push(format!(
            "service {name} takes a part of the configuration\nhelp: start the daemon with it; only then a \
             candidate is checked by it"
        ));
    }
}

/// That a name is that of a service that stays, or of a family.
fn taken_name(core: &Core, name: &str, stays: &dyn Fn(Id) -> bool) -> Option<String> {
    let daemon = graph::quoted(&core.daemon);
    if core.families.find(name).is_some() {
        return Some(format!("daemon {daemon} has a family `{name}`\nhelp: give the service another name"));
    }
    // The rules say more about the name of a member.
    let id = core.id(name).filter(|&id| stays(id) && core.added.family(id).is_none())?;
    Some(match core.is_removed(id) {
        true => format!(
            "daemon {daemon} has a service `{name}`, which is being removed\nhelp: add the new one once `remove` has returned"
        ),
        false => format!(
            "daemon {daemon} has a service `{name}`\nhelp: give the new one another name, or remove that one first"
        ),
    })
}

/// That a service names a type of which there are these services.
fn ambiguity(service: &Service, target: &str, names: &str) -> String {
    let service = graph::quoted(service.name());
    format!(
        "service {service} names `{target}`, which is the type of several services\nhelp: name the one you mean: {names}"
    )
}

/// Checks a new service: its values, and its place in the graph. Returns the services that stop after
/// it.
fn check(core: &Core, service: &Service, edges: &[ResolvedEdge<'_>]) -> Result<Vec<Id>, Error> {
    let (mut faults, mut rule) = (Vec::new(), None);
    own_faults(core, service, &mut faults);
    if let Some(fault) = taken_name(core, service.name(), &|_| true) {
        faults.push(fault);
        return Err(Error::from(GraphError { rule: Some(graph::Rule::DuplicateName.as_str()), faults }));
    }
    let mut targets = edges.iter().flat_map(|edge| &edge.targets);
    if let Some(ambiguous) = targets.find(|target| target.found.len() > 1) {
        let mut names = String::new();
        ambiguous.found.iter().for_each(|(_, name)| crate::text::add_item(&mut names, &format!("`{name}`")));
        faults.push(ambiguity(service, ambiguous.written.text, &names));
        let rule = Some(graph::Rule::AmbiguousType.as_str());
        return Err(Error::from(GraphError { rule, faults }));
    }
    // The message about an unknown one lists all names.
    let is_known = edges.iter().all(ResolvedEdge::is_resolved);
    let mut ids = if is_known { ids_of(edges) } else { core.board.ids() };
    ids.extend(core.id(service.name()));
    ids.retain(|&id| core.families.of(id).is_none() && core.added.family(id).is_none());
    ids.sort_unstable();
    ids.dedup();
    // All families: the name may be that of a member of one.
    ids.extend((0..core.families.all().len()).map(family_id));
    let mut others: Vec<(Id, Name, &'static Table)> = Vec::with_capacity(ids.len());
    for id in ids {
        others.extend(core.table(id).map(|table| (id, core.name(id).clone(), table)));
    }
    let mut after = Vec::new();
    with_node(service, edges, &mut |node| {
        let mut nodes: Vec<Node<'_>> = Vec::with_capacity(others.len() + 1);
        for (id, name, table) in &others {
            let family = core.families.of(*id).map(|family| &*family.stem);
            let (service_type, edges, optional, options) = (None, &[][..], false, &MAY_END);
            nodes.push(Node { name, service_type, table, edges, optional, options, family });
        }
        nodes.push(*node);
        let me = nodes.len() - 1;
        match (Graph { daemon: &core.daemon, nodes: &nodes }).check() {
            Ok(mut order) => after = order.swap_remove(me),
            Err(found) => {
                rule = found.first().map(|fault| fault.rule.as_str());
                found.into_iter().for_each(|fault| faults.push(fault.message));
            }
        }
    });
    match faults.is_empty() {
        true => Ok(after.into_iter().map(|at| others[at].0).collect()),
        false => Err(Error::from(GraphError { rule, faults })),
    }
}
