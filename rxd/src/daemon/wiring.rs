//! Turns what services declare into entries of the board: their indices, their watches, and the
//! stop order.

use crate::board::slots::family_id;
use crate::board::{Board, Condition, Id, Reaction, WatcherSpec};
use crate::core::Core;
use crate::core::families::Families;
use crate::core::groups::DeclaredGroups;
use crate::core::names::{Name, ServiceNames};
use crate::core::stop_order::StopOrder;
use crate::daemon::family::{Family, facts_of};
use crate::daemon::service::Service;
use crate::graph::{Edge, Effect, Keyword, Mode, Target};
use crate::lifecycle::state::{Action, State};
use crate::text::add_item;

/// The watches of the services that come onto the board after the members of the families; and for
/// each family what stops after its members. Both are empty without families.
#[derive(Default)]
pub(crate) struct NewWatches {
    pub(super) declared: Vec<Vec<WatcherSpec>>,
    pub(super) after: Vec<Box<[Id]>>,
}

/// Makes the core: gives each service its index, and each watch the indices of its targets. `order`
/// has, for each service and then for each family, those that stop after it. The services' names move
/// into the core.
pub(crate) fn wire(
    daemon: Name,
    services: &mut [Service],
    families: &[Family],
    order: &[Vec<usize>],
    history: usize,
) -> (Core, NewWatches) {
    let names = ServiceNames::new(services.iter_mut().map(|service| (service.take_name(), service.type_hash())));
    let facts = Families::new(facts_of(families));
    let find = |target: &Target<'_>| {
        let mut found = names.find(target.lookup_hash()).iter();
        let service = found.find(|(_, id)| target.by_type || names.name(*id) == target.text).map(|(_, id)| *id);
        let is_family = |id: &Id| target.by_type || facts.of(*id).is_some_and(|family| family.name == target.text);
        service.or_else(|| facts.with_hash(target.lookup_hash()).find(is_family))
    };
    let mut specs: Vec<Vec<WatcherSpec>> = Vec::with_capacity(services.len());
    let mut groups = DeclaredGroups::default();
    for (id, service) in (0..).zip(&*services) {
        if let Some(group) = service.group_name() {
            groups.add(id, group.clone());
        }
        let (mut own, mut ids) = (Vec::new(), Vec::new());
        for (edge, targets) in service.targets() {
            // A service that is switched off is not a target.
            ids.clear();
            targets.iter().for_each(|target| ids.extend(find(target)));
            if !ids.is_empty() {
                specs_of(&edge, &ids, &mut own);
            }
        }
        specs.push(own);
    }
    let (board, stop_order, watches) = match families {
        [] => (Board::new(specs, history), StopOrder::new(order), NewWatches::default()),
        _ => {
            let board = Board::new(vec![Vec::new(); services.len()], history).with_families(families.len());
            let (stop_order, after) = order_with_families(services.len(), order);
            (board, stop_order, NewWatches { declared: specs, after })
        }
    };
    let core = Core::new(daemon, names, board, stop_order).with_families(facts);
    let core = core.with_limits(services.iter().map(Service::method_limits));
    let core = core.with_groups(groups);
    (core.with_tables(services.iter().map(Service::table).collect()), watches)
}

/// The stop order of the services, and for each family what stops after its members. The families are
/// behind the services.
fn order_with_families(services: usize, order: &[Vec<usize>]) -> (StopOrder, Vec<Box<[Id]>>) {
    let (of_services, of_families) = order.split_at(services);
    let mut before = vec![Vec::new(); of_families.len()];
    let mut single: Vec<Vec<usize>> = Vec::with_capacity(services);
    for (id, after) in of_services.iter().enumerate() {
        let (own, families): (Vec<usize>, Vec<usize>) = after.iter().partition(|&&at| at < services);
        single.push(own);
        families.into_iter().for_each(|at| before[at - services].push(id as Id));
    }
    let id = |&at: &usize| if at < services { at as Id } else { family_id(at - services) };
    let after = of_families.iter().map(|after| after.iter().map(id).collect()).collect();
    (StopOrder::new(&single).with_families(before), after)
}

/// The watches on the board that one declared edge stands for.
pub(super) fn specs_of(edge: &Edge<'_>, targets: &[Id], specs: &mut Vec<WatcherSpec>) {
    let mut add = |mode, condition, reaction, within, lasts| {
        specs.push(WatcherSpec { mode, condition, targets: targets.into(), reaction, within, lasts, since: None });
    };
    match edge.keyword {
        Keyword::Watch => {
            let reaction = match edge.effect {
                Effect::GateInit => Reaction::GateInit,
                Effect::GateRun => Reaction::GateRun,
                Effect::Stop => Reaction::Stop,
                Effect::Exit => Reaction::Exit,
                Effect::Stream => return,
            };
            add(edge.mode, Condition::State(edge.action, edge.state), reaction, edge.within, edge.lasts);
        }
        Keyword::Needs => {
            add(Mode::All, Condition::State(Action::Entering, State::Run), Reaction::GateRun, edge.within, None);
            add(Mode::Any, Condition::State(Action::Exited, State::Run), Reaction::LosesNeeded, None, edge.lasts);
            add(Mode::Any, Condition::Failed, Reaction::Dependency, None, None);
        }
        Keyword::After => {
            add(Mode::All, Condition::Completed, Reaction::GateRun, edge.within, None);
            add(Mode::Any, Condition::Failed, Reaction::Dependency, None, None);
        }
    }
}

/// A message for each gate that can never open, because a service it waits for is switched off.
pub(crate) fn waits_for_switched_off(services: &[Service]) -> Vec<String> {
    if !services.iter().any(Service::is_off) {
        return Vec::new();
    }
    let is_off = |target: &Target<'_>| {
        let named = |service: &&Service| {
            if target.by_type {
                service.type_hash() == Some(target.lookup_hash())
            } else {
                service.name() == target.text
            }
        };
        services.iter().find(named).is_some_and(Service::is_off)
    };
    let mut messages = Vec::new();
    for service in services.iter().filter(|service| !service.is_off()) {
        for (edge, targets) in service.targets() {
            let mut off = Vec::new();
            for target in &targets {
                if is_off(target) {
                    off.push(*target);
                }
            }
            let never_opens = match edge.mode {
                Mode::Any => off.len() == targets.len(),
                Mode::All => !off.is_empty(),
            };
            // A service that is never started satisfies every `not_in`.
            if edge.is_gate() && edge.action != Action::NotIn && never_opens {
                let (name, first) = (service.name(), off[0].text);
                let mut names = String::new();
                off.iter().for_each(|target| add_item(&mut names, &format!("`{}`", target.text)));
                messages.push(format!(
                    "service `{name}` waits for {names}, which is switched off\nhelp: switch `{name}` off too, or give `{first}` a value"
                ));
            }
        }
    }
    messages
}
