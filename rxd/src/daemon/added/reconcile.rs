//! Makes the added services of a group those that are wanted, in one call.
//!
//! 1. The plan: which are kept, added, replaced and removed. What names a service that goes is
//!    replaced with it.
//! 2. The check: what is to be added is checked together, against all that stay. If anything is
//!    refused, nothing has happened yet.
//! 3. The removals, along the graph, and then the additions, along the graph.

use super::{MAY_END, ambiguity, await_removal, own_faults, taken_name};
use crate::board::Id;
use crate::board::slots::family_id;
use crate::core::added::RemoveRefused;
use crate::core::added::relations::GroupMember;
use crate::core::names::Name;
use crate::core::{Core, Reply};
use crate::daemon::service::Service;
use crate::error::{Error, GraphError};
use crate::graph::{self, Edge, Graph, Node, Target};
use crate::handle::DaemonHandle;
use crate::lifecycle::manager::Table;
use crate::panic::emit;
use crate::race::{Winner, race};
use crate::text::add_item;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};

/// What [`DaemonHandle::reconcile`] has done: the names of the services, in the order in which they are
/// wanted; those that were removed in the order in which they went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciled {
    /// They were not there.
    pub added: Vec<Cow<'static, str>>,
    /// They were removed, and added anew: their version is another, or they name one that was replaced.
    pub replaced: Vec<Cow<'static, str>>,
    /// They are not wanted any more.
    pub removed: Vec<Cow<'static, str>>,
    /// They were there with the same version, and have gone on undisturbed.
    pub kept: Vec<Cow<'static, str>>,
}

impl Reconciled {
    /// Whether nothing had to be done.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.added.is_empty() && self.replaced.is_empty() && self.removed.is_empty()
    }
}

impl fmt::Display for Reconciled {
    /// `added tenant-3; removed tenant-1, tenant-2; kept 12`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, names) in [("added", &self.added), ("replaced", &self.replaced), ("removed", &self.removed)] {
            if !names.is_empty() {
                write!(f, "{what} {}; ", names.join(", "))?;
            }
        }
        write!(f, "kept {}", self.kept.len())
    }
}

/// One at a time. An extension of the core.
#[derive(Debug, Default)]
struct Turn(Mutex<()>);

/// What is to be done.
struct Plan {
    /// In the order in which they are added.
    add: Vec<Service>,
    /// To be removed, also to be replaced. Those that others of them name come last.
    remove: Vec<(Id, Name)>,
    done: Reconciled,
}

impl DaemonHandle {
    /// Makes the added services of a [group](Service::group) those that are wanted: adds, removes and
    /// replaces them along the graph. Returns what was done, once the additions are made; the log says
    /// it, too, if there was anything to do.
    ///
    /// Call it with all that a new configuration asks for. A service that is there under the same name
    /// is kept as it is if its [version](Service::version) is the same, and replaced otherwise: it is
    /// removed, and the wanted one added. What names a service that is replaced is replaced with it.
    ///
    /// * The group is set by this call. Services that the daemon was started with are not touched, also
    ///   if they are in the group, nor are members of a family, nor those that another service
    ///   [owns](crate::Context::spawn_service).
    /// * The wanted services may name each other, in any order, and all that is there.
    /// * One call follows the other, for all groups together, and waits for removals in its group that are
    ///   under way. In a service, race it with [`or_cancelled`](crate::Context::or_cancelled): another call
    ///   may wait for the end of that service.
    /// * A service that other code or an operator has added to the group is removed, if it is not wanted.
    ///   So use a group that only this call fills.
    /// * Let the version cover all that a service is made from, also its watches: nothing else tells a
    ///   new one from the one that is there.
    ///
    /// # Errors
    ///
    /// In these cases nothing was done:
    ///
    /// * If one of the wanted services would be refused by [`add`](DaemonHandle::add), in the same
    ///   words, or if two have one name; all faults are in one message.
    /// * If they name each other in a circle.
    /// * If a service that is not in the group names one that is to be removed or replaced.
    /// * If the service that makes the call would be removed or replaced.
    /// * If the daemon is stopping, or drains.
    ///
    /// In these cases a part was done, which the message says:
    ///
    /// * If a service has not ended within its limit. Its removal continues.
    /// * If the daemon begins to stop, or if meanwhile another call has added or removed a service that
    ///   this one is about.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, a part may be done. Call it again with what is wanted.
    ///
    /// ```
    /// use rxd::{Context, Daemon, Service};
    ///
    /// async fn serve(cx: Context) -> rxd::Result {
    ///     cx.cancelled().await;
    ///     Ok(())
    /// }
    ///
    /// // Each tenant with the port on which it is served.
    /// fn services(tenants: &[(&str, u16)]) -> Vec<Service> {
    ///     let service = |&(name, port)| Service::from_fn(format!("tenant-{name}"), serve).version(port);
    ///     tenants.iter().map(service).collect()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// let handle = Daemon::new("tenants").add(Service::from_fn("db", serve)).start().await?;
    /// let done = handle.reconcile("tenants", services(&[("blue", 81), ("green", 82), ("red", 83)])).await?;
    /// assert_eq!(done.to_string(), "added tenant-blue, tenant-green, tenant-red; kept 0");
    ///
    /// let done = handle.reconcile("tenants", services(&[("blue", 81), ("green", 92)])).await?;
    /// assert_eq!(done.to_string(), "replaced tenant-green; removed tenant-red; kept 1");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reconcile<S: Into<Service>>(
        &self,
        group: &str,
        wanted: impl IntoIterator<Item = S>,
    ) -> Result<Reconciled, Error> {
        let wanted = wanted.into_iter().map(Into::into).collect();
        self.reconcile_services(group, wanted).await
    }

    async fn reconcile_services(&self, group: &str, mut wanted: Vec<Service>) -> Result<Reconciled, Error> {
        let core = self.core();
        wanted.iter_mut().for_each(|service| service.set_group(Cow::Owned(group.to_owned())));
        let turn = core.extensions.insert(Turn::default());
        let _turn = turn.0.lock().await;
        let refused = |why: &str| Error::msg(format_args!("failed to reconcile group `{group}`: {why}"));
        if core.shutting_down().is_some() || core.report.borrow().is_some() {
            return Err(refused("the daemon is stopping"));
        }
        let wants =
            wanted.iter().filter_map(|service| Some((core.id(service.name())?, service.name().to_owned().into())));
        let mut going: Vec<(Id, Name)> = wants.filter(|(id, _)| core.is_removed(*id)).collect();
        going.append(&mut core.added.going(group));
        self.await_going(core, going).await.map_err(|why| refused(&why))?;
        let Plan { add, remove, mut done } = plan(core, group, wanted, self.caller(core))?;
        let planned = std::mem::take(&mut done.added);
        let (removed, replaced) = (std::mem::take(&mut done.removed), std::mem::take(&mut done.replaced));
        if let Err(why) = self.remove_all(core, remove).await {
            return Err(refused(&why));
        }
        done.removed = removed;
        for service in add {
            let name: Name = service.name().to_owned().into();
            if let Err(error) = self.add_service(service, None) {
                done.removed.extend(replaced.into_iter().filter(|name| !done.replaced.contains(name)));
                return Err(refused(&format!("{error}\ndone before that: {done}")));
            }
            let list = if replaced.contains(&name) { &mut done.replaced } else { &mut done.added };
            list.push(name);
        }
        // In the order in which they are wanted.
        (done.added, done.replaced) = (planned, replaced);
        if !done.is_unchanged() {
            emit!(INFO, target: "rxd", "reconciled group `{group}`: {done}");
        }
        Ok(done)
    }

    /// Waits for removals that were requested before. Returns why that failed.
    async fn await_going(&self, core: &Core, going: Vec<(Id, Name)>) -> Result<(), String> {
        let caller = self.caller(core);
        for (id, name) in going {
            if caller == Some(id) {
                return Err(format!("service `{name}` makes the call, and is being removed"));
            }
            let (sender, reply) = oneshot::channel();
            if core.await_removal(&name, Reply::Waiter(sender)) {
                let removed = await_removal(core, (&name, Some(id)), reply, core.answer_limit(id)).await;
                removed.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Removes services, of which those that others name come last. Returns why that failed.
    async fn remove_all(&self, core: &Core, remove: Vec<(Id, Name)>) -> Result<(), String> {
        let (mut replies, mut limit) = (Vec::with_capacity(remove.len()), Duration::ZERO);
        for (id, name) in &remove {
            let (sender, reply) = oneshot::channel();
            match core.begin_removal(name, true, Reply::Waiter(sender), None) {
                Ok(own) => {
                    limit = limit.saturating_add(own.unwrap_or_default());
                    replies.push((name, reply));
                }
                // Somebody else removes it.
                Err(RemoveRefused::UnderWay) => {
                    let (sender, reply) = oneshot::channel();
                    if core.await_removal(name, Reply::Waiter(sender)) {
                        limit = limit.saturating_add(core.answer_limit(*id));
                        replies.push((name, reply));
                    }
                }
                Err(RemoveRefused::Unknown) => {}
                Err(RemoveRefused::Declared | RemoveRefused::Member(_) | RemoveRefused::Needed(_)) => {
                    unreachable!("it was added, and may be named")
                }
            }
        }
        let all = async {
            for (name, reply) in replies {
                match reply.await {
                    Ok(answer) => answer.map_err(|error| error.to_string())?,
                    Err(_) => {
                        return Err(format!("daemon `{}` has ended before service `{name}` was removed", core.daemon));
                    }
                }
            }
            Ok(())
        };
        match race(all, crate::handle::sleep(limit)).await {
            Winner::First(answer) => answer,
            Winner::Second(()) => {
                let left = remove.iter().filter(|(id, _)| core.added.is_live(*id));
                let mut names = String::new();
                left.for_each(|(_, name)| add_item(&mut names, &format!("`{name}`")));
                Err(format!("did not end within {limit:?}: {names}; nothing was added"))
            }
        }
    }
}

/// Finds out what is to be done, and checks it.
fn plan(core: &Core, group: &str, wanted: Vec<Service>, caller: Option<Id>) -> Result<Plan, Error> {
    let mut members = core.added.in_group(group);
    members.retain(|member| !member.is_owned);
    let by_name: HashMap<&str, &GroupMember> = members.iter().map(|member| (&*member.name, member)).collect();
    let versions: HashMap<&str, _> = wanted.iter().map(|service| (service.name(), service.version_hash())).collect();
    let is_same = |member: &GroupMember| versions.get(&*member.name) == Some(&member.version);
    let gone = gone(core, group, &members, &is_same, caller)?;
    let mut done = Reconciled::default();
    let mut add = Vec::with_capacity(wanted.len());
    let mut seen = HashSet::new();
    for service in wanted {
        let name: Name = service.name().to_owned().into();
        // A second one of the same name is found by the check.
        let list = match by_name.get(&*name).filter(|_| seen.insert(name.clone())) {
            Some(member) if !gone.contains(&member.id) => {
                done.kept.push(name);
                continue;
            }
            Some(_) => &mut done.replaced,
            None => &mut done.added,
        };
        list.push(name);
        add.push(service);
    }
    let remove: Vec<(Id, Name)> = removal_order(core, &members, &gone);
    let is_replaced = |name: &Name| done.replaced.contains(name);
    done.removed = remove.iter().map(|(_, name)| name.clone()).collect();
    done.removed.retain(|name| !is_replaced(name));
    let order = check(core, &gone, &add)?;
    let mut services: Vec<Option<Service>> = add.into_iter().map(Some).collect();
    let add = order.into_iter().filter_map(|nth| services[nth].take()).collect();
    Ok(Plan { add, remove, done })
}

/// The services of the group that go, also to be replaced.
fn gone(
    core: &Core,
    group: &str,
    members: &[GroupMember],
    is_same: &dyn Fn(&GroupMember) -> bool,
    caller: Option<Id>,
) -> Result<HashSet<Id>, Error> {
    let of_group: HashMap<Id, &GroupMember> = members.iter().map(|member| (member.id, member)).collect();
    let mut todo: Vec<Id> = members.iter().filter(|member| !is_same(member)).map(|member| member.id).collect();
    let mut gone: HashSet<Id> = todo.iter().copied().collect();
    let refused = |why: String| Err(Error::msg(format_args!("failed to reconcile group `{group}`: {why}")));
    while let Some(id) = todo.pop() {
        if caller == Some(id) {
            return refused(format!("service `{}` makes the call, and would have to go itself", core.name(id)));
        }
        for (dependent, name, is_owned) in core.added.dependents(id) {
            if of_group.contains_key(&dependent) {
                if gone.insert(dependent) {
                    todo.push(dependent);
                }
            } else if !is_owned {
                return refused(format!(
                    "`{name}` is not in the group, and names `{}`, which would have to go\nhelp: remove `{name}` first, \
                     or have it in the group",
                    core.name(id)
                ));
            }
        }
    }
    Ok(gone)
}

/// Those that go: each before those that it names.
fn removal_order(core: &Core, members: &[GroupMember], gone: &HashSet<Id>) -> Vec<(Id, Name)> {
    let mut order = Vec::with_capacity(gone.len());
    let mut seen = HashSet::new();
    // Each step of the walk: a service, and whether its dependents are in the order by now.
    let mut steps: Vec<(Id, bool)> = members.iter().rev().map(|member| (member.id, false)).collect();
    while let Some((id, is_done)) = steps.pop() {
        if is_done {
            order.push((id, core.name(id).clone()));
        } else if gone.contains(&id) && seen.insert(id) {
            steps.push((id, true));
            steps.extend(core.added.dependents(id).into_iter().map(|(dependent, ..)| (dependent, false)));
        }
    }
    order
}

/// A watch of a service that is to be added, and the names for which each of its targets stands.
type NamedEdge<'a> = (Edge<'static>, Vec<(Target<'a>, Vec<Name>)>);

/// Checks the services that are to be added, together. Returns the order in which they are added.
fn check(core: &Core, gone: &HashSet<Id>, add: &[Service]) -> Result<Vec<usize>, Error> {
    let (mut faults, mut rule) = (Vec::new(), None);
    let stays = |id: Id| core.families.of(id).is_some() || !gone.contains(&id) && !core.is_removed(id);
    let mut edges: Vec<Vec<NamedEdge<'_>>> = Vec::with_capacity(add.len());
    let mut of_type: HashMap<u64, Vec<Name>> = HashMap::new();
    for service in add {
        own_faults(core, service, &mut faults);
        if let Some(fault) = taken_name(core, service.name(), &stays) {
            faults.push(fault);
            rule = Some(graph::Rule::DuplicateName.as_str());
        }
        if let Some(hash) = service.type_hash() {
            of_type.entry(hash).or_default().push(service.name().to_owned().into());
        }
    }
    let is_new: HashSet<&str> = add.iter().map(Service::name).collect();
    for service in add {
        let mut named = Vec::new();
        for (edge, targets) in service.targets() {
            let mut list = Vec::with_capacity(targets.len());
            for written in targets {
                let ids = core.find(written.lookup_hash()).into_iter().filter(|&id| stays(id));
                let mut found: Vec<Name> = ids.map(|id| core.name(id).clone()).collect();
                match written.by_type {
                    true => found.extend(of_type.get(&written.lookup_hash()).into_iter().flatten().cloned()),
                    false => {
                        found.retain(|name| name == written.text);
                        found.extend(is_new.get(written.text).map(|name| Name::Owned((*name).to_owned())));
                        found.dedup();
                    }
                }
                if found.len() > 1 {
                    let mut names = String::new();
                    found.iter().for_each(|name| add_item(&mut names, &format!("`{name}`")));
                    faults.push(ambiguity(service, written.text, &names));
                    rule = Some(graph::Rule::AmbiguousType.as_str());
                }
                list.push((written, found));
            }
            named.push((edge, list));
        }
        edges.push(named);
    }
    // A family stands for its members.
    let mut ids = core.board.ids();
    ids.retain(|&id| stays(id) && core.added.family(id).is_none());
    ids.extend((0..core.families.all().len()).map(family_id));
    let mut others: Vec<(Id, Name, &'static Table)> = Vec::with_capacity(ids.len());
    for id in ids {
        others.extend(core.table(id).map(|table| (id, core.name(id).clone(), table)));
    }
    if faults.is_empty() {
        (faults, rule) = graph_faults(core, &others, add, &edges);
    }
    if faults.is_empty() {
        match order(add, &edges) {
            Ok(order) => return Ok(order),
            Err(fault) => faults.push(fault),
        }
    }
    Err(Error::from(GraphError { rule, faults }))
}

/// What the rules of the graph say about these services, beside the others.
fn graph_faults(
    core: &Core,
    others: &[(Id, Name, &'static Table)],
    add: &[Service],
    edges: &[Vec<NamedEdge<'_>>],
) -> (Vec<String>, Option<&'static str>) {
    let by_name = |(written, found): &(Target<'_>, Vec<Name>)| -> Option<String> {
        (found.len() == 1 && written.by_type).then(|| found[0].to_string())
    };
    let names: Vec<Vec<Vec<Option<String>>>> = edges
        .iter()
        .map(|edges| edges.iter().map(|(_, targets)| targets.iter().map(by_name).collect()).collect())
        .collect();
    let mut targets: Vec<Vec<Vec<Target<'_>>>> = Vec::with_capacity(add.len());
    for (edges, names) in edges.iter().zip(&names) {
        let mut own: Vec<Vec<Target<'_>>> = Vec::with_capacity(edges.len());
        for ((_, written), names) in edges.iter().zip(names) {
            let mut list = Vec::with_capacity(written.len());
            for (written, name) in written.iter().zip(names) {
                list.push(name.as_deref().map_or(written.0, Target::name));
            }
            own.push(list);
        }
        targets.push(own);
    }
    let mut own: Vec<Vec<Edge<'_>>> = Vec::with_capacity(add.len());
    for (edges, targets) in edges.iter().zip(&targets) {
        own.push(edges.iter().zip(targets).map(|((edge, _), targets)| Edge { targets, ..*edge }).collect());
    }
    let mut nodes: Vec<Node<'_>> = Vec::with_capacity(others.len() + add.len());
    for (id, name, table) in others {
        let family = core.families.of(*id).map(|family| &*family.stem);
        let (service_type, edges, optional, options) = (None, &[][..], false, &MAY_END);
        nodes.push(Node { name, service_type, table, edges, optional, options, family });
    }
    nodes.extend(add.iter().zip(&own).map(|(service, edges)| service.node(edges)));
    match (Graph { daemon: &core.daemon, nodes: &nodes }).check() {
        Ok(_) => (Vec::new(), None),
        Err(found) => {
            let rule = found.first().map(|fault| fault.rule.as_str());
            (found.into_iter().map(|fault| fault.message).collect(), rule)
        }
    }
}

/// The order of the additions: each after those that it names. The fault, if they name each other in
/// a circle.
fn order(add: &[Service], edges: &[Vec<NamedEdge<'_>>]) -> Result<Vec<usize>, String> {
    let place: HashMap<&str, usize> = add.iter().enumerate().map(|(nth, service)| (service.name(), nth)).collect();
    let targets = |nth: usize| -> Vec<usize> {
        let names = edges[nth].iter().flat_map(|(_, targets)| targets).flat_map(|(_, found)| found);
        names.filter_map(|name| place.get(&**name).copied()).collect()
    };
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let (mut order, mut marks) = (Vec::with_capacity(add.len()), vec![Mark::New; add.len()]);
    let mut steps: Vec<(usize, bool)> = (0..add.len()).rev().map(|nth| (nth, false)).collect();
    while let Some((nth, is_done)) = steps.pop() {
        match (is_done, marks[nth]) {
            (true, _) => {
                marks[nth] = Mark::Done;
                order.push(nth);
            }
            (false, Mark::New) => {
                marks[nth] = Mark::Open;
                steps.push((nth, true));
                for target in targets(nth) {
                    if marks[target] == Mark::Open {
                        return Err(format!(
                            "service {} and service {} name each other, directly or by others\nhelp: services that are \
                             added to a running daemon name those that are there before them",
                            graph::quoted(add[nth].name()),
                            graph::quoted(add[target].name())
                        ));
                    }
                    steps.push((target, false));
                }
            }
            (false, Mark::Open | Mark::Done) => {}
        }
    }
    Ok(order)
}
