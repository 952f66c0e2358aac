//! What was declared, as the judge needs it.

use crate::daemon::Daemon;
use crate::daemon::service::Service;
use crate::graph::{Effect, Keyword, Mode, Target};
use crate::lifecycle::manager::{Manager, Table, continuous, until_success};
use crate::lifecycle::options::{OnFailure, Options};
use crate::lifecycle::state::{Action, State};

/// What was declared of a daemon: what its trace is judged by.
///
/// Taken from the [`Daemon`] before it starts, and read from the declarations themselves: nothing
/// of it comes from the engine.
#[derive(Clone, Debug)]
pub struct DeclaredRules {
    pub(super) services: Vec<Declared>,
    pub(super) exact: bool,
}

/// What was declared of one service.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) options: Options,
    pub(super) gates: Vec<Gate>,
    /// Those whose giving up takes it along.
    pub(super) depends: Vec<usize>,
    /// Those that stop after it.
    pub(super) stops_before: Vec<usize>,
    /// Its manager may end it after a failure.
    pub(super) may_give_up: bool,
    /// Whether what a manager decides is one of the two that come with rxd.
    pub(super) gated_init_limit: bool,
    /// How many times an operator has acted on it.
    pub(super) operator: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) before: State,
    pub(super) asks: Asks,
    pub(super) mode: Mode,
    pub(super) targets: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Asks {
    State(Action, State),
    EndedWell,
}

impl DeclaredRules {
    /// What is declared of this daemon.
    #[must_use]
    pub fn of(daemon: &Daemon) -> Self {
        let services: Vec<&Service> = daemon.services().iter().filter(|service| !service.is_off()).collect();
        let find = |target: &Target<'_>| {
            services.iter().position(|service| match target.by_type {
                true => service.kind() == Some(target.id),
                false => service.name() == target.text,
            })
        };
        let mut declared: Vec<Declared> = services.iter().map(|service| declare(service, &find)).collect();
        cut_cycles(&mut declared);
        DeclaredRules { services: declared, exact: false }
    }

    /// The times in the trace are exact, because the clock was paused: delays are judged from both sides.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// An operator has stopped, started or restarted this service so many times.
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[must_use]
    pub fn operator(mut self, service: &str, times: u32) -> Self {
        let found = self.services.iter_mut().find(|declared| declared.name == service);
        found.unwrap_or_else(|| panic!("no service is named `{service}`")).operator += times;
        self
    }
}

fn declare(service: &Service, find: &dyn Fn(&Target<'_>) -> Option<usize>) -> Declared {
    let table = service.table();
    let ours = [<continuous as Manager>::TABLE, <until_success as Manager>::TABLE].contains(table);
    let mut declared = Declared {
        name: service.name().to_owned(),
        options: *service.knobs(),
        gates: Vec::new(),
        depends: Vec::new(),
        stops_before: Vec::new(),
        may_give_up: !ours || ends_after_failure(table),
        gated_init_limit: false,
        operator: 0,
    };
    for (edge, targets) in service.targets() {
        let targets: Vec<usize> = targets.iter().filter_map(find).collect();
        if targets.is_empty() {
            continue;
        }
        let (before, asks, mode) = match (edge.keyword, edge.effect) {
            (Keyword::Needs, _) => (State::Run, Asks::State(Action::Entering, State::Run), Mode::All),
            (Keyword::After, _) => (State::Run, Asks::EndedWell, Mode::All),
            (Keyword::Watch, Effect::GateInit) => (State::Init, Asks::State(edge.action, edge.state), edge.mode),
            (Keyword::Watch, Effect::GateRun) => (State::Run, Asks::State(edge.action, edge.state), edge.mode),
            (Keyword::Watch, Effect::Stop | Effect::Exit | Effect::Stream) => continue,
        };
        if edge.keyword != Keyword::Watch {
            declared.depends.extend(&targets);
        }
        if matches!(asks, Asks::State(Action::Entering, State::Run)) {
            declared.stops_before.extend(&targets);
        }
        // A gate that fails the service before anything of the round is to be seen.
        declared.may_give_up |= edge.within.is_some() && !ours;
        declared.gated_init_limit |= edge.within.is_some() && before == State::Init;
        declared.gates.push(Gate { before, asks, mode, targets });
    }
    declared
}

fn ends_after_failure(table: &Table) -> bool {
    [State::Init, State::Idle, State::Run, State::Stop].iter().any(|&state| table.next(state, false) == State::Exit)
}

/// Two services that gate on each other's Run have no order: one of `any` opens from elsewhere.
fn cut_cycles(services: &mut [Declared]) {
    let reaches = |from: usize, to: usize, services: &[Declared]| {
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
    let cut: Vec<Vec<usize>> = (0..services.len())
        .map(|a| services[a].stops_before.iter().copied().filter(|&b| !reaches(b, a, services)).collect())
        .collect();
    services.iter_mut().zip(cut).for_each(|(service, kept)| service.stops_before = kept);
}

impl Declared {
    pub(super) fn shuts_down(&self) -> bool {
        self.options.on_failure == OnFailure::Shutdown
    }

    pub(super) fn gates_init(&self) -> bool {
        self.gates.iter().any(|gate| gate.before == State::Init)
    }
}
