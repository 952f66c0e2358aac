//! Turns what services declare into entries of the board: their indices, their watches, and the
//! stop order.

use crate::board::{Board, Condition, Id, Reaction, WatcherSpec};
use crate::core::Core;
use crate::core::groups::DeclaredGroups;
use crate::core::names::{Name, ServiceNames};
use crate::core::stop_order::StopOrder;
use crate::daemon::service::Service;
use crate::graph::{Edge, Effect, Keyword, Mode, Target};
use crate::lifecycle::state::{Action, State};
use crate::text::add_item;

/// Makes the core: gives each service its index, and each watch the indices of its targets. `order`
/// has, for each service, those that stop after it. The services' names move into the core.
pub(crate) fn wire(daemon: Name, services: &mut [Service], order: &[Vec<usize>], history: usize) -> Core {
    let names = ServiceNames::new(services.iter_mut().map(|service| (service.take_name(), service.type_hash())));
    let find = |target: &Target<'_>| {
        let mut found = names.find(target.lookup_hash()).iter();
        found.find(|(_, id)| target.by_type || names.name(*id) == target.text).map(|(_, id)| *id)
    };
    let mut specs: Vec<Vec<WatcherSpec>> = Vec::with_capacity(services.len());
    for service in &*services {
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
    let core = Core::new(daemon, names, Board::new(specs, history), StopOrder::new(order));
    let core = core.with_limits(services.iter().map(Service::method_limits));
    let core = core.with_groups(DeclaredGroups::new(services.iter().map(Service::group_name)));
    core.with_tables(services.iter().map(Service::table).collect())
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
