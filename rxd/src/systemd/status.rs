//! The status line that `systemctl status` shows: `5/7 running; waiting: poller for health`.
//!
//! It is made of the board alone, whenever `reporter` looks at it: the page and the diagnosis
//! (`why`) say more.

use super::text::few;
use crate::board::{Id, ServiceStatus, Statuses};
use crate::core::Core;
use crate::core::readiness::DaemonReadiness;
use crate::lifecycle::state::{Cause, State, Transition};

/// How many services are named of each kind, how many targets of each service, and how many status
/// texts are shown. The others are counted.
const MAX_NAMED: usize = 3;

/// Why a service is neither in Run nor done, the worst first: the order of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotRunning {
    Failed,
    FailedDependency,
    Restarting,
    Waiting,
    Starting,
    Stopping,
    Idle,
    StoppedByOperator,
    NotStarted,
}

impl NotRunning {
    const ALL: [NotRunning; 9] = [
        NotRunning::Failed,
        NotRunning::FailedDependency,
        NotRunning::Restarting,
        NotRunning::Waiting,
        NotRunning::Starting,
        NotRunning::Stopping,
        NotRunning::Idle,
        NotRunning::StoppedByOperator,
        NotRunning::NotStarted,
    ];

    fn as_str(self) -> &'static str {
        match self {
            NotRunning::Failed => "failed",
            NotRunning::FailedDependency => "dependency failed",
            NotRunning::Restarting => "restarting",
            NotRunning::Waiting => "waiting",
            NotRunning::Starting => "starting",
            NotRunning::Stopping => "stopping",
            NotRunning::Idle => "idle",
            NotRunning::StoppedByOperator => "stopped by an operator",
            NotRunning::NotStarted => "not started",
        }
    }
}

/// The services of one kind: the first few by name, and how many there are.
#[derive(Default)]
struct NamedServices {
    named: Vec<String>,
    count: usize,
}

/// Where the services are, in one line. It takes O(services), so it is not made for each
/// transition.
pub(crate) fn line(core: &Core, statuses: &Statuses) -> String {
    let (mut running, mut done) = (0, 0);
    let mut kinds: [NamedServices; NotRunning::ALL.len()] = Default::default();
    for (id, status) in statuses.iter() {
        if status.is_in(State::Run) {
            running += 1;
            continue;
        }
        if status.state == State::Exit && !status.failed_for_good && status.cause != Cause::Operator {
            done += 1;
            continue;
        }
        let kind = kind(core, id, status);
        let services = &mut kinds[kind as usize];
        services.count += 1;
        if services.named.len() < MAX_NAMED {
            services.named.push(describe(core, statuses, id, status, kind));
        }
    }
    let degraded = if core.readiness(statuses) == DaemonReadiness::Degraded { "degraded; " } else { "" };
    let draining = if core.drains_until().is_some() { "draining; " } else { "" };
    let mut line = format!("{draining}{degraded}{running}/{} running", statuses.len());
    if done > 0 {
        line += &format!(", {done} done");
    }
    for (kind, services) in NotRunning::ALL.iter().zip(&kinds).filter(|(_, services)| services.count > 0) {
        line += &format!("; {}: {}", kind.as_str(), few(&services.named, services.count));
    }
    for (id, text) in core.status_texts(MAX_NAMED) {
        line += &format!("; {}: {text}", core.name(id));
    }
    line
}

/// Why a service is where it is, if it is neither in Run nor done.
fn kind(core: &Core, id: Id, status: &ServiceStatus) -> NotRunning {
    let is_entered = status.transition == Transition::Entering;
    match (status.state, is_entered) {
        (State::Exit, _) if status.is_unstarted() && core.is_manual(id) => NotRunning::NotStarted,
        (State::Exit, _) if status.cause == Cause::Operator => NotRunning::StoppedByOperator,
        (State::Exit, _) if status.cause == Cause::Dependency => NotRunning::FailedDependency,
        (State::Exit, _) => NotRunning::Failed,
        (State::Stop, true) => NotRunning::Stopping,
        (State::Stop, false) => NotRunning::Restarting,
        (State::Unknown, _) | (State::Idle, true) if !unmet_gates(core, id, status).is_empty() => NotRunning::Waiting,
        (State::Idle, true) => NotRunning::Idle,
        // It has left Run and has not entered Stop.
        (State::Run, _) => NotRunning::Stopping,
        (State::Unknown | State::Init | State::Idle, _) => NotRunning::Starting,
    }
}

/// The service's name, with what it waits for or why it failed.
fn describe(core: &Core, statuses: &Statuses, id: Id, status: &ServiceStatus, kind: NotRunning) -> String {
    let name = core.name(id);
    let name = if core.is_optional(id) { format!("{name} [optional]") } else { name.to_string() };
    match kind {
        NotRunning::Failed | NotRunning::FailedDependency | NotRunning::Restarting => {
            // A service that restarts after an operator's request may have recovered long ago.
            let error = core.detail(id, |detail| {
                let is_current = detail.failed.is_none_or(|failed| failed.incarnation == status.incarnation);
                detail.error.clone().filter(|_| is_current || kind != NotRunning::Restarting)
            });
            match error {
                Some(error) => format!("{name} ({error})"),
                None => name,
            }
        }
        NotRunning::Waiting => {
            let mut targets: Vec<Id> = Vec::new();
            for gate in unmet_gates(core, id, status) {
                for &target in &gate.targets {
                    if !gate.condition.holds(statuses.of(target)) {
                        targets.push(target);
                    }
                }
            }
            targets.sort_unstable();
            targets.dedup();
            let mut names = Vec::new();
            for &target in targets.iter().take(MAX_NAMED) {
                names.push(core.name(target).to_string());
            }
            format!("{name} for {}", few(&names, targets.len()))
        }
        NotRunning::Starting | NotRunning::Stopping | NotRunning::Idle => name,
        NotRunning::StoppedByOperator | NotRunning::NotStarted => name,
    }
}

/// The gates that hold the service back.
fn unmet_gates(core: &Core, id: Id, status: &ServiceStatus) -> Vec<crate::board::WatcherSpec> {
    core.board.unmet(id, if status.state == State::Unknown { State::Init } else { State::Run })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, Condition, Reaction, TransitionBatch, WatcherSpec};
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;
    use crate::graph::Mode;
    use crate::lifecycle::state::Action;

    fn core() -> Core {
        let gate = WatcherSpec {
            mode: Mode::All,
            condition: Condition::State(Action::Entering, State::Run),
            targets: [0].into(),
            reaction: Reaction::GateRun,
            within: None,
            lasts: None,
            since: None,
        };
        let board = Board::new(vec![vec![], vec![gate], vec![]], 16);
        let names = ["health", "poller", "job\nSTOPPING=1"];
        Core::new("d".into(), ServiceNames::of_names(names), board, StopOrder::new(&vec![Vec::new(); 3]))
    }

    fn go(core: &Core, id: Id, state: State, transition: Transition) {
        core.board.publish(id, state, transition, Cause::Normal);
    }

    #[tokio::test]
    async fn status_names_what_waits_for_what_and_what_failed() {
        let core = core();
        let line = || super::line(&core, &core.board.statuses().1);
        assert_eq!(line(), "0/3 running; starting: health, poller, job\nSTOPPING=1");
        go(&core, 1, State::Idle, Transition::Entering);
        go(&core, 2, State::Run, Transition::Entering);
        assert_eq!(line(), "1/3 running; waiting: poller for health; starting: health");
        core.note(0, |detail| detail.error = Some("no route".into()));
        go(&core, 0, State::Stop, Transition::Exited);
        assert_eq!(line(), "1/3 running; restarting: health (no route); waiting: poller for health");
        let failed = crate::core::FailedAt { at: tokio::time::Instant::now(), incarnation: u32::MAX, method: "run" };
        core.note(0, |detail| detail.failed = Some(failed));
        assert_eq!(line(), "1/3 running; restarting: health; waiting: poller for health", "it failed in another one");
        core.board.publish_exit(2, &TransitionBatch::default(), (Cause::Normal, false), (true, false), |_, _| {});
        go(&core, 0, State::Run, Transition::Entering);
        go(&core, 1, State::Run, Transition::Entering);
        assert_eq!(line(), "2/3 running, 1 done");
        core.set_status(1, "12 items");
        assert_eq!(line(), "2/3 running, 1 done; poller: 12 items");
        core.set_status(1, "");
        core.board.publish_exit(0, &TransitionBatch::default(), (Cause::Error, false), (false, true), |_, _| {});
        assert_eq!(line(), "1/3 running, 1 done; failed: health (no route)");
        core.board.publish_exit(1, &TransitionBatch::default(), (Cause::Operator, false), (false, false), |_, _| {});
        assert_eq!(line(), "0/3 running, 1 done; failed: health (no route); stopped by an operator: poller");
    }
}
