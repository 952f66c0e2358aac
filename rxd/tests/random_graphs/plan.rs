//! A random daemon, made from a seed.

use crate::run::Subject;
use fastrand::Rng;
use rxd::manager::{continuous, until_success};
use rxd::{Action, Backoff, Daemon, Effect, Options, Service, State, When};
use std::fmt;
use std::time::Duration;

pub(crate) const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) services: Vec<ServicePlan>,
}

#[derive(Clone, Debug)]
pub(crate) struct ServicePlan {
    pub(crate) name: String,
    /// It ends when its Run returns `Ok`.
    pub(crate) is_job: bool,
    pub(crate) options: Options,
    pub(crate) watches: Vec<WatchPlan>,
    /// How long its Init takes.
    pub(crate) init: Duration,
    /// When its Run fails, once.
    pub(crate) fails_at: Duration,
}

#[derive(Clone, Debug)]
pub(crate) enum WatchPlan {
    Needs(Vec<usize>, Option<Duration>),
    After(Vec<usize>),
    Watch { all: bool, action: Action, state: State, targets: Vec<usize>, effect: Effect, within: Option<Duration> },
}

impl WatchPlan {
    /// The gate that belongs to this reaction.
    fn gate(&self) -> Option<WatchPlan> {
        let WatchPlan::Watch { all, action, state: State::Run, targets, effect: Effect::Stop, .. } = self else {
            return None;
        };
        let action = match action {
            Action::Entering => Action::NotIn,
            Action::NotIn | Action::Exited => Action::Entering,
            Action::Changing => return None,
        };
        let (all, state, targets) = (!all, State::Run, targets.clone());
        Some(WatchPlan::Watch { all, action, state, targets, effect: Effect::GateRun, within: None })
    }
}

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

pub(crate) fn plan(seed: u64) -> Plan {
    let mut rng = Rng::with_seed(seed);
    let count = rng.usize(2..=8);
    let jobs: Vec<bool> = (0..count).map(|_| rng.u8(..5) == 0).collect();
    let is_plain = is_plain(seed);
    let mut standbys = Vec::new();
    let services = (0..count).map(|me| {
        let watches = match is_plain {
            true => plain_watches(&mut rng, me, &jobs, &mut standbys),
            false => watches(&mut rng, me, &jobs),
        };
        service(&mut rng, me, jobs[me], watches)
    });
    Plan { seed, services: services.collect() }
}

/// Whether the graph of this seed is one as people write it: services follow those above them, and
/// a reaction has its gate. Every other seed makes one in which everything is possible.
pub(crate) fn is_plain(seed: u64) -> bool {
    seed % 2 == 0
}

/// Watches of one service as people write them. Nobody follows a standby.
fn plain_watches(rng: &mut Rng, me: usize, jobs: &[bool], standbys: &mut Vec<usize>) -> Vec<WatchPlan> {
    let mut before = |job| {
        let mut before: Vec<usize> = (0..me).filter(|at| jobs[*at] == job && !standbys.contains(at)).collect();
        rng.shuffle(&mut before);
        before.truncate(rng.usize(1..3));
        Some(before).filter(|before| !before.is_empty())
    };
    let (services, done) = (before(false), before(true));
    let mut watches = Vec::new();
    let run = State::Run;
    let mut add = |all, action, targets: &[usize], effect| {
        watches.push(WatchPlan::Watch { all, action, state: run, targets: targets.to_vec(), effect, within: None });
    };
    match (rng.u8(..8), services) {
        (0..4, Some(services)) => {
            let within = (rng.u8(..4) == 0).then(|| rng.u32(8..20) * SECOND);
            watches.push(WatchPlan::Needs(services, within));
        }
        // `needs`, as two watches.
        (4, Some(services)) => {
            add(true, Action::Entering, &services, Effect::GateRun);
            add(false, Action::Exited, &services, Effect::Stop);
        }
        // One of several is enough.
        (5, Some(services)) => {
            add(false, Action::Entering, &services, Effect::GateRun);
            add(true, Action::NotIn, &services, Effect::Stop);
        }
        // A standby, which is no job.
        (6, Some(services)) if !jobs[me] => {
            standbys.push(me);
            add(true, Action::NotIn, &services, Effect::GateRun);
            add(false, Action::Entering, &services, Effect::Stop);
        }
        // In order, without following.
        (7, Some(services)) => add(true, Action::Entering, &services, Effect::GateInit),
        _ => {}
    }
    if let Some(done) = done.filter(|_| rng.u8(..3) == 0) {
        watches.push(WatchPlan::After(done));
    }
    watches
}

fn service(rng: &mut Rng, me: usize, is_job: bool, watches: Vec<WatchPlan>) -> ServicePlan {
    let mut options = Options::DEFAULT;
    match rng.u8(..12) {
        0 => options = options.startup_delay(rng.u32(1..6) * SECOND),
        1 => options = options.delay_of(State::Run, rng.u32(1..20) * 100 * MS),
        2 => options = options.delay_of(State::Init, rng.u32(1..20) * 100 * MS),
        3 => options = options.restarts(rng.u32(3..9), 60 * SECOND),
        4 => options = options.backoff(Backoff::fixed(pick(rng, &[Duration::ZERO, 10 * MS, SECOND]))),
        _ => {}
    }
    ServicePlan {
        name: format!("s{me}"),
        is_job,
        options,
        watches,
        init: pick(rng, &[0, 0, 5, 50]) * MS,
        fails_at: rng.u32(10..25) * SECOND + rng.u32(..1000) * MS,
    }
}

fn watches(rng: &mut Rng, me: usize, jobs: &[bool]) -> Vec<WatchPlan> {
    let mut watches: Vec<_> = (0..pick(rng, &[0, 1, 1, 2, 2, 3])).filter_map(|_| watch(rng, me, jobs)).collect();
    // Mostly a reaction is written together with the gate that belongs to it.
    for at in 0..watches.len() {
        watches.extend(watches[at].gate().filter(|_| rng.u8(..4) > 0));
    }
    watches
}

/// A watch; none if there is nothing that it could be on.
fn watch(rng: &mut Rng, me: usize, jobs: &[bool]) -> Option<WatchPlan> {
    let others = |job: Option<bool>| -> Vec<usize> {
        (0..jobs.len()).filter(|&at| at != me && job.is_none_or(|job| jobs[at] == job)).collect()
    };
    let kind = rng.u8(..10);
    let mut from = match kind {
        0..3 => others(Some(false)),
        3 => others(Some(true)),
        _ => others(None),
    };
    rng.shuffle(&mut from);
    from.truncate(pick(rng, &[1, 1, 1, 2, 2, 3]));
    if from.is_empty() {
        return None;
    }
    let within = (rng.u8(..8) == 0).then(|| rng.u32(1..10) * SECOND);
    Some(match kind {
        0..3 => WatchPlan::Needs(from, within),
        3 => WatchPlan::After(from),
        _ => {
            let effect = pick(
                rng,
                &[Effect::GateRun, Effect::GateRun, Effect::GateInit, Effect::Stop, Effect::Stop, Effect::Exit],
            );
            let action = pick(
                rng,
                &[Action::Entering, Action::Entering, Action::Exited, Action::NotIn, Action::NotIn, Action::Changing],
            );
            // Not Exit: most services are in it only once they have failed for good, and those that
            // wait for that wait for ever here.
            let state = pick(
                rng,
                &[State::Run, State::Run, State::Run, State::Run, State::Run, State::Run, State::Idle, State::Init],
            );
            let within = within.filter(|_| matches!(effect, Effect::GateInit | Effect::GateRun));
            WatchPlan::Watch { all: rng.bool(), action, state, targets: from, effect, within }
        }
    })
}

impl Plan {
    pub(crate) fn daemon(&self) -> Daemon {
        let names = |of: &[usize]| of.iter().map(|&at| self.services[at].name.clone()).collect::<Vec<_>>();
        let services = self.services.iter().map(|plan| {
            let service = Service::new(plan.name.clone(), Subject::new(plan)).options(plan.options);
            let service = match plan.is_job {
                true => service.manager(until_success),
                false => service.manager(continuous),
            };
            plan.watches.iter().fold(service, |service, watch| match watch {
                WatchPlan::Needs(targets, None) => service.needs(names(targets)),
                // As `needs` with a limit, which the builder has only for watches.
                WatchPlan::Needs(targets, Some(within)) => {
                    let gate = When::all(Action::Entering, State::Run, names(targets)).within(*within);
                    service.watch(gate).needs(names(targets))
                }
                WatchPlan::After(targets) => service.after(names(targets)),
                WatchPlan::Watch { all, action, state, targets, effect, within } => {
                    let when = match all {
                        true => When::all(*action, *state, names(targets)),
                        false => When::any(*action, *state, names(targets)),
                    };
                    let when = when.then(*effect);
                    service.watch(within.iter().fold(when, |when, within| when.within(*within)))
                }
            })
        });
        Daemon::new("random").add_all(services)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for service in &self.services {
            let kind = if service.is_job { " (job)" } else { "" };
            writeln!(f, "{}{kind}, fails at {:?}, init {:?}", service.name, service.fails_at, service.init)?;
            if service.options != Options::DEFAULT {
                writeln!(f, "    {:?}", service.options)?;
            }
            for watch in &service.watches {
                writeln!(f, "    {watch:?}")?;
            }
        }
        Ok(())
    }
}
