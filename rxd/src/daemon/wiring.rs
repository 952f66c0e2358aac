//! Turns what services declare into entries of the board: their indices, their watches, and the
//! stop order.

use crate::board::{Board, Condition, Id, Reaction, WatcherSpec};
use crate::core::Core;
use crate::core::names::{Name, ServiceNames};
use crate::core::stop_order::StopOrder;
use crate::daemon::service::Service;
use crate::graph::{Edge, Effect, Keyword, Mode, Target};
use crate::lifecycle::state::{Action, State};

/// Makes the core: gives each service its index, and each watch the indices of its targets. `order`
/// has, for each service, those that stop after it. The services' names move into the core.
pub(crate) fn wire(daemon: Name, services: &mut [Service], order: &[Vec<usize>], history: usize) -> Core {
    let names = ServiceNames::new(services.iter_mut().map(|service| (service.take_name(), service.type_hash())));
    let find = |target: &Target<'_>| {
        names.find(target.lookup_hash()).find(|&id| target.by_type || names.name(id) == target.text)
    };
    let mut specs: Vec<Vec<WatcherSpec>> = Vec::with_capacity(services.len());
    for service in &*services {
        let mut own = Vec::new();
        for (edge, targets) in service.targets() {
            // A service that is switched off is not a target.
            let targets: Box<[Id]> = targets.iter().filter_map(find).collect();
            if targets.is_empty() {
                continue;
            }
            specs_of(&edge, &targets, &mut own);
        }
        specs.push(own);
    }
    let core = Core::new(daemon, names, Board::new(specs, history), StopOrder::new(order));
    core.with_limits(services.iter().map(Service::limits))
}

/// The watches on the board that one declared edge stands for.
fn specs_of(edge: &Edge<'_>, targets: &[Id], specs: &mut Vec<WatcherSpec>) {
    let mut add = |mode, condition, reaction, within| {
        specs.push(WatcherSpec { mode, condition, targets: targets.into(), reaction, within });
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
            add(edge.mode, Condition::State(edge.action, edge.state), reaction, edge.within);
        }
        Keyword::Needs => {
            add(Mode::All, Condition::State(Action::Entering, State::Run), Reaction::GateRun, edge.within);
            add(Mode::Any, Condition::State(Action::Exited, State::Run), Reaction::LosesNeeded, None);
            add(Mode::Any, Condition::Failed, Reaction::Dependency, None);
        }
        Keyword::After => {
            add(Mode::All, Condition::Completed, Reaction::GateRun, edge.within);
            add(Mode::Any, Condition::Failed, Reaction::Dependency, None);
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
            let off: Vec<&str> = targets.iter().filter(|target| is_off(target)).map(|target| target.text).collect();
            let never_opens = match edge.mode {
                Mode::Any => off.len() == targets.len(),
                Mode::All => !off.is_empty(),
            };
            // A service that is never started satisfies every `not_in`.
            if edge.is_gate() && edge.action != Action::NotIn && never_opens {
                let name = service.name();
                messages.push(format!(
                    "service `{name}` waits for `{}`, which is switched off\nhelp: switch `{name}` off too, or give `{}` a value",
                    off.join("`, `"),
                    off[0]
                ));
            }
        }
    }
    messages
}
