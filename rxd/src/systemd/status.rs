//! The status line: `5/7 running; waiting: poller for health`.

use super::text::few;
use crate::board::{Id, ServiceStatus};
use crate::core::Core;
use crate::lifecycle::state::{State, Transition};

/// How many services of a kind are named.
const NAMED: usize = 3;

/// Why a service is not in Run, the worst first.
const KINDS: [&str; 6] = ["gave up", "restarting", "waiting", "starting", "stopping", "idle"];

/// The services of one kind.
#[derive(Default)]
struct Group {
    named: Vec<String>,
    all: usize,
}

/// Where the services are, in one line. O(services), so not for every transition.
pub(crate) fn line(core: &Core, statuses: &[ServiceStatus]) -> String {
    let (mut running, mut done) = (0, 0);
    let mut kinds: [Group; KINDS.len()] = Default::default();
    for (id, status) in statuses.iter().enumerate() {
        if status.is_in(State::Run) {
            running += 1;
            continue;
        }
        if status.state == State::Exit && !status.failed_for_good {
            done += 1;
            continue;
        }
        let kind = kind(core, id as Id, status);
        kinds[kind].all += 1;
        if kinds[kind].named.len() < NAMED {
            kinds[kind].named.push(named(core, statuses, id as Id, status, kind));
        }
    }
    let mut line = format!("{running}/{} running", statuses.len());
    if done > 0 {
        line += &format!(", {done} done");
    }
    for (kind, services) in KINDS.iter().zip(&kinds).filter(|(_, services)| services.all > 0) {
        line += &format!("; {kind}: {}", few(&services.named, services.all));
    }
    for (id, text) in core.status_texts(NAMED) {
        line += &format!("; {}: {text}", core.name(id));
    }
    line
}

/// The place in [`KINDS`] of a service that is neither in Run nor done.
fn kind(core: &Core, id: Id, status: &ServiceStatus) -> usize {
    let entering = status.transition == Transition::Entering;
    match (status.state, entering) {
        (State::Exit, _) => 0,
        (State::Stop, true) => 4,
        (State::Stop, false) => 1,
        (State::Unknown, _) | (State::Idle, true) if !gate(core, id, status).is_empty() => 2,
        (State::Idle, true) => 5,
        // Between Run and Stop, or on the way into Init.
        (State::Run, _) => 4,
        (State::Unknown | State::Init | State::Idle, _) => 3,
    }
}

fn named(core: &Core, statuses: &[ServiceStatus], id: Id, status: &ServiceStatus, kind: usize) -> String {
    let name = core.name(id);
    match kind {
        0 | 1 => match core.detail(id, |detail| detail.error.clone()) {
            Some(error) => format!("{name} ({error})"),
            None => name.to_string(),
        },
        2 => {
            let mut targets: Vec<Id> = Vec::new();
            for gate in gate(core, id, status) {
                let unmet = gate.targets.iter().filter(|target| !gate.condition.holds(&statuses[**target as usize]));
                targets.extend(unmet);
            }
            targets.sort_unstable();
            targets.dedup();
            let names: Vec<String> = targets.iter().take(NAMED).map(|&id| core.name(id).to_string()).collect();
            format!("{name} for {}", few(&names, targets.len()))
        }
        _ => name.to_string(),
    }
}

/// The gates that hold the service back.
fn gate(core: &Core, id: Id, status: &ServiceStatus) -> Vec<crate::board::WatcherSpec> {
    core.board.unmet(id, if status.state == State::Unknown { State::Init } else { State::Run })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, Condition, Reaction, TransitionBatch, WatcherSpec};
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;
    use crate::graph::Mode;
    use crate::lifecycle::state::{Action, Cause};

    fn core() -> Core {
        let gate = WatcherSpec {
            mode: Mode::All,
            condition: Condition::State(Action::Entering, State::Run),
            targets: [0].into(),
            reaction: Reaction::GateRun,
            within: None,
        };
        let board = Board::new(vec![vec![], vec![gate], vec![]], 16);
        let names = ["health", "poller", "job\nSTOPPING=1"];
        Core::new("d".into(), ServiceNames::of_names(names), board, StopOrder::new(&vec![Vec::new(); 3]))
    }

    fn go(core: &Core, id: Id, state: State, transition: Transition) {
        core.board.publish(id, state, transition, Cause::Normal);
    }

    #[tokio::test]
    async fn says_who_waits_for_whom_and_who_failed() {
        let core = core();
        let line = || super::line(&core, &core.board.statuses().1);
        assert_eq!(line(), "0/3 running; starting: health, poller, job\nSTOPPING=1");
        go(&core, 1, State::Idle, Transition::Entering);
        go(&core, 2, State::Run, Transition::Entering);
        assert_eq!(line(), "1/3 running; waiting: poller for health; starting: health");
        core.note(0, |detail| detail.error = Some("no route".into()));
        go(&core, 0, State::Stop, Transition::Exited);
        assert_eq!(line(), "1/3 running; restarting: health (no route); waiting: poller for health");
        core.board.publish_exit(2, &TransitionBatch::default(), (Cause::Normal, false), (true, false), |_, _| {});
        go(&core, 0, State::Run, Transition::Entering);
        go(&core, 1, State::Run, Transition::Entering);
        assert_eq!(line(), "2/3 running, 1 done");
        core.set_status(1, "12 items");
        assert_eq!(line(), "2/3 running, 1 done; poller: 12 items");
        core.set_status(1, "");
        core.board.publish_exit(0, &TransitionBatch::default(), (Cause::Error, false), (false, true), |_, _| {});
        assert_eq!(line(), "1/3 running, 1 done; gave up: health (no route)");
    }
}
