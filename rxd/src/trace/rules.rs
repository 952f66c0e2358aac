//! What was declared of a daemon, in the form in which a trace is checked against it.

use crate::graph::{Effect, Graph, Keyword, Mode, Node, Target};
use crate::lifecycle::manager::{Manager, Table, continuous, until_success};
use crate::lifecycle::options::{OnFailure, Options};
use crate::lifecycle::state::{Action, State};
use std::time::Duration;

/// What was declared of a daemon: the rules that its trace is checked against.
///
/// They are read from the declarations of a [`Daemon`](crate::Daemon) before it starts. None of
/// them comes from the engine.
#[derive(Clone, Debug)]
pub struct DeclaredRules {
    pub(crate) services: Vec<ServiceRules>,
    /// What each family declares for its members. As a target, family `n` is [`family_target`]`(n)`.
    pub(crate) families: Vec<ServiceRules>,
    /// Which services joined and left the families, in order.
    pub(crate) memberships: Vec<FamilyChange>,
    pub(crate) exact: bool,
}

/// A service that joined or left a family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FamilyChange {
    /// The number of the last transition before that.
    pub(crate) seq: u64,
    pub(crate) family: usize,
    pub(crate) service: usize,
    pub(crate) joins: bool,
}

/// A family as a target.
pub(crate) const fn family_target(family: usize) -> usize {
    usize::MAX - family
}

/// The family that this target is, if it is not a service.
pub(crate) const fn family_of_target(target: usize) -> Option<usize> {
    if target > usize::MAX / 2 { Some(usize::MAX - target) } else { None }
}

/// What was declared of one service.
#[derive(Clone, Debug)]
pub(crate) struct ServiceRules {
    pub(crate) name: String,
    pub(crate) options: Options,
    pub(crate) gates: Vec<DeclaredGate>,
    /// What takes it out of Run, or ends it.
    pub(crate) reactions: Vec<DeclaredReaction>,
    /// The services that it depends on: when one of them fails for good, this one goes to Exit.
    pub(crate) depends_on: Vec<usize>,
    /// The services that stop after it.
    pub(crate) stops_before: Vec<usize>,
    /// It has a `then(stop)`; and it needs other services, whose end is a reaction, too.
    pub(crate) has_stop: bool,
    pub(crate) has_needs: bool,
    /// Its manager may end it after a failure, without a restart limit.
    pub(crate) may_end_after_failure: bool,
    /// A gate before Init has a time limit.
    pub(crate) has_gated_init_limit: bool,
    /// How many requests to stop, start or restart it operators have made.
    pub(crate) operator_requests: u32,
    /// How many reloads operators have requested: one in the back-off ends it, and takes its own
    /// time.
    pub(crate) reloads: u32,
    /// The family that it is a member of.
    pub(crate) member_of: Option<usize>,
}

/// A gate that was declared of a service.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredGate {
    /// The state that the gate is before.
    pub(crate) before: State,
    pub(crate) condition: GateCondition,
    pub(crate) mode: Mode,
    pub(crate) targets: Vec<usize>,
    /// For how long the condition has to hold before the gate opens.
    pub(crate) lasts: Duration,
}

/// A reaction that was declared of a service, or follows from its `needs`.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredReaction {
    pub(crate) condition: GateCondition,
    pub(crate) mode: Mode,
    pub(crate) targets: Vec<usize>,
    /// For how long the condition has to hold before the reaction acts.
    pub(crate) lasts: Duration,
}

/// What a gate waits for in each of its targets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GateCondition {
    State(Action, State),
    /// The target is in Exit after a successful Run.
    Completed,
}

impl DeclaredRules {
    /// The rules that this graph declares, with the options of each of its services and families, which
    /// come last. A service whose options are missing is switched off.
    pub(crate) fn from_graph(graph: &Graph<'_>, options: &[Option<&Options>]) -> Self {
        let nodes = graph.nodes.iter().zip(options);
        let on: Vec<(&Node<'_>, &Options)> = nodes.filter_map(|(node, options)| Some((node, (*options)?))).collect();
        let find = |target: &Target<'_>| {
            on.iter().position(|(node, _)| match target.by_type {
                true => node.service_type.is_some_and(|service_type| target.is_type(&service_type)),
                false => node.name == target.text,
            })
        };
        let mut services: Vec<ServiceRules> = on.iter().map(|(node, options)| rules_of(node, options, &find)).collect();
        remove_cycles(&mut services);
        let families = on.iter().position(|(node, _)| node.family.is_some()).unwrap_or(on.len());
        services.iter_mut().for_each(|service| service.name_families(families));
        let families = services.split_off(families);
        DeclaredRules { services, families, memberships: Vec::new(), exact: false }
    }

    /// A service for each change of the membership up to a transition: those of family `family` then.
    pub(crate) fn members_at(&self, family: usize, seq: u64) -> Vec<usize> {
        let mut members = Vec::new();
        for change in self.memberships.iter().filter(|change| change.family == family && change.seq < seq) {
            match change.joins {
                true => members.push(change.service),
                false => members.retain(|&member| member != change.service),
            }
        }
        members
    }

    /// Says that the times in the trace are exact, because the clock was paused. Delays then have
    /// an upper bound as well as a lower one.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Says that operators have stopped, started or restarted this service so many times.
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[must_use]
    pub fn operator(mut self, service: &str, times: u32) -> Self {
        self.service(service).operator_requests += times;
        self
    }

    /// Says that operators have asked this service to reload so many times.
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[must_use]
    pub fn reloads(mut self, service: &str, times: u32) -> Self {
        self.service(service).reloads += times;
        self
    }

    fn service(&mut self, name: &str) -> &mut ServiceRules {
        let found = self.services.iter_mut().find(|declared| declared.name == name);
        found.unwrap_or_else(|| panic!("no service is named `{name}`"))
    }
}

pub(super) fn rules_of(
    node: &Node<'_>,
    options: &Options,
    find: &dyn Fn(&Target<'_>) -> Option<usize>,
) -> ServiceRules {
    let table = node.table;
    let is_builtin = [<continuous as Manager>::TABLE, <until_success as Manager>::TABLE].contains(table);
    let mut declared = ServiceRules {
        name: node.name.to_owned(),
        options: *options,
        gates: Vec::new(),
        reactions: Vec::new(),
        depends_on: Vec::new(),
        stops_before: Vec::new(),
        has_stop: false,
        has_needs: node.edges.iter().any(|edge| edge.keyword == Keyword::Needs),
        may_end_after_failure: !is_builtin || ends_after_failure(table),
        has_gated_init_limit: false,
        operator_requests: 0,
        reloads: 0,
        member_of: None,
    };
    for edge in node.edges {
        let targets: Vec<usize> = edge.targets.iter().filter_map(find).collect();
        if targets.is_empty() {
            continue;
        }
        let watched = GateCondition::State(edge.action, edge.state);
        let lasts = edge.lasts.unwrap_or_default();
        let reaction = match (edge.keyword, edge.effect) {
            (Keyword::Watch, Effect::Stop | Effect::Exit) => Some((watched, edge.mode)),
            (Keyword::Needs, _) => Some((GateCondition::State(Action::Exited, State::Run), Mode::Any)),
            _ => None,
        };
        if let Some((condition, mode)) = reaction {
            declared.reactions.push(DeclaredReaction { condition, mode, targets: targets.clone(), lasts });
        }
        // The `grace` of a `needs` is about its reaction only.
        let lasts = if edge.keyword == Keyword::Watch { lasts } else { Duration::ZERO };
        let (before, condition, mode) = match (edge.keyword, edge.effect) {
            (Keyword::Needs, _) => (State::Run, GateCondition::State(Action::Entering, State::Run), Mode::All),
            (Keyword::After, _) => (State::Run, GateCondition::Completed, Mode::All),
            (Keyword::Watch, Effect::GateInit) => (State::Init, watched, edge.mode),
            (Keyword::Watch, Effect::GateRun) => (State::Run, watched, edge.mode),
            (Keyword::Watch, Effect::Stop) => {
                declared.has_stop = true;
                continue;
            }
            (Keyword::Watch, Effect::Exit | Effect::Stream) => continue,
        };
        if edge.keyword != Keyword::Watch {
            declared.depends_on.extend(&targets);
        }
        if matches!(condition, GateCondition::State(Action::Entering, State::Run)) {
            declared.stops_before.extend(&targets);
        }
        // A gate that times out is a failure, and leaves no transition from which a trace could
        // tell.
        declared.may_end_after_failure |= edge.within.is_some() && !is_builtin;
        declared.has_gated_init_limit |= edge.within.is_some() && before == State::Init;
        declared.gates.push(DeclaredGate { before, condition, mode, targets, lasts });
    }
    declared
}

fn ends_after_failure(table: &Table) -> bool {
    [State::Init, State::Idle, State::Run, State::Stop].iter().any(|&state| table.next(state, false) == State::Exit)
}

/// Removes `stops_before` between services that gate on each other's Run. They have no stop order:
/// one of their gates is `any`, and another target opens it.
fn remove_cycles(services: &mut [ServiceRules]) {
    let reaches = |from: usize, to: usize, services: &[ServiceRules]| {
        let (mut seen, mut todo) = (vec![false; services.len()], vec![from]);
        while let Some(at) = todo.pop() {
            if at == to {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                todo.extend(&services[at].stops_before);
            }
        }
        false
    };
    let acyclic: Vec<Vec<usize>> = (0..services.len())
        .map(|a| services[a].stops_before.iter().copied().filter(|&b| !reaches(b, a, services)).collect())
        .collect();
    services.iter_mut().zip(acyclic).for_each(|(service, kept)| service.stops_before = kept);
}

impl ServiceRules {
    /// Those of a member of a family, whose own are not known yet.
    pub(crate) fn member(name: String, family: usize) -> Self {
        ServiceRules {
            name,
            options: Options::DEFAULT,
            gates: Vec::new(),
            reactions: Vec::new(),
            depends_on: Vec::new(),
            stops_before: Vec::new(),
            has_stop: false,
            has_needs: false,
            may_end_after_failure: false,
            has_gated_init_limit: false,
            operator_requests: 0,
            reloads: 0,
            member_of: Some(family),
        }
    }

    /// Has targets from number `first` on be families.
    fn name_families(&mut self, first: usize) {
        let gates = self.gates.iter_mut().map(|gate| &mut gate.targets);
        let reactions = self.reactions.iter_mut().map(|reaction| &mut reaction.targets);
        let lists = gates.chain(reactions).chain([&mut self.depends_on, &mut self.stops_before]);
        for target in lists.flatten().filter(|target| **target >= first) {
            *target = family_target(*target - first);
        }
    }

    pub(crate) fn shuts_down(&self) -> bool {
        self.options.on_failure == OnFailure::Shutdown
    }

    pub(crate) fn gates_init(&self) -> bool {
        self.gates.iter().any(|gate| gate.before == State::Init)
    }
}
