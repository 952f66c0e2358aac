//! The plan of a run, made from its seed.

use super::run::{Run, build};
use super::scripted::{OnDrop, ScriptedCall};
use crate::errors::Bad;
use fastrand::Rng;
use rxd::testing::Behavior;
use rxd::{Action, Backoff, Effect, Every, FirstRun, MissedRun, OnFailure, Options, State};
use std::time::Duration;

rxd::manager! {
    /// Ends at the first failure.
    pub(super) FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, failed: Exit },
        Run => { ok: Exit, failed: Exit },
        Stop => { ok: Exit, failed: Exit },
    }
}

/// The heartbeat interval.
const BEAT: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) real: bool,
    pub(super) services: Vec<ServicePlan>,
    /// What operators do, and when.
    pub(super) operators: Vec<(Duration, usize, Command)>,
    /// When the whole process pauses, and for how long. In paused time only.
    pub(super) pauses: Vec<(Duration, Duration)>,
    /// One of so many calls makes the tracing layer panic. In paused time only, where all runs on
    /// one thread.
    pub(super) layer: Option<u32>,
    /// The second of the minute at which the wall clock starts.
    pub(super) second: u64,
    pub(super) stop_at: Duration,
    /// How long the daemon drains, if it does.
    pub(super) drain: Duration,
    pub(super) shutdown_timeout: Duration,
}

impl Plan {
    /// How many services may block a thread.
    pub(super) fn blockers(&self) -> usize {
        self.services.iter().filter(|part| part.blocks()).count()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Command {
    Stop,
    Start,
    Restart,
    Reload,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Continuous,
    UntilSuccess,
    FailFast,
}

#[derive(Clone, Debug)]
pub(super) struct ServicePlan {
    pub(super) kind: Kind,
    pub(super) calls: [Vec<ScriptedCall>; 5],
    pub(super) tasks: Option<Task>,
    pub(super) reloads: bool,
    pub(super) on_drop: OnDrop,
    pub(super) options: Options,
    pub(super) edges: Vec<EdgePlan>,
    /// It is called again and again.
    pub(super) recurs: Option<Recurs>,
    /// How it is made.
    pub(super) form: Form,
}

impl ServicePlan {
    /// Whether it has a heartbeat, and sends it in time.
    pub(super) fn beats(&self) -> bool {
        let has_heartbeat = self.options == self.options.heartbeat(BEAT);
        has_heartbeat && matches!(self.calls[2][..], [ScriptedCall::Beats])
    }

    /// Whether its code blocks a thread somewhere.
    pub(super) fn blocks(&self) -> bool {
        let calls = self.calls.iter().flatten().any(|call| matches!(call, ScriptedCall::Blocks(_)));
        calls || matches!(self.on_drop, OnDrop::Blocks(_))
    }
}

/// When a service is called again.
#[derive(Clone, Debug)]
pub(super) enum Recurs {
    Every(Every),
    #[cfg(feature = "cron")]
    Schedule(rxd::Schedule),
}

/// How a service is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Runner,
    /// `run` is a closure; there are no other methods.
    Function,
    /// It has a thread of its own, as the next. In real time only: such a thread has its own clock.
    Local,
    Blocking,
    /// It connects to an address at which somebody listens, or nobody. In real time only: paused time
    /// would advance while it waits for a socket.
    #[cfg(feature = "probe")]
    Probe {
        listens: bool,
    },
}

impl Form {
    pub(super) fn has_thread(self) -> bool {
        matches!(self, Form::Local | Form::Blocking)
    }

    /// Whether its methods are those of the plan.
    pub(super) fn is_scripted(self) -> bool {
        matches!(self, Form::Runner | Form::Function | Form::Local | Form::Blocking)
    }
}

/// What a service spawns in Run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    EndsWhenCancelled,
    Hangs,
    Panics(Duration),
}

#[derive(Clone, Debug)]
pub(super) enum EdgePlan {
    Needs(Vec<usize>),
    After(Vec<usize>),
    Watch {
        all: bool,
        action: Action,
        state: State,
        targets: Vec<usize>,
        effect: Effect,
        within: Option<Duration>,
    },
    /// A watch with `lasts`, or a `needs` with `grace`.
    Lasting(Box<EdgePlan>, Duration),
}

impl EdgePlan {
    pub(super) fn targets(&mut self) -> &mut Vec<usize> {
        match self {
            EdgePlan::Needs(targets) | EdgePlan::After(targets) | EdgePlan::Watch { targets, .. } => targets,
            EdgePlan::Lasting(edge, _) => edge.targets(),
        }
    }
}

pub(super) fn name(at: usize) -> String {
    format!("s{at}")
}

/// Random choices, for paused or for real time.
struct PlanRng {
    rng: Rng,
    /// Whether time is real. Times and sizes are smaller then.
    real: bool,
}

impl std::ops::Deref for PlanRng {
    type Target = Rng;

    fn deref(&self) -> &Rng {
        &self.rng
    }
}

impl std::ops::DerefMut for PlanRng {
    fn deref_mut(&mut self) -> &mut Rng {
        &mut self.rng
    }
}

/// The shortest limit that is valid.
const LEAST: Duration = Duration::from_nanos(1);

fn millis(rng: &mut PlanRng, most: u64) -> Duration {
    let most = if rng.real { most / 20 } else { most };
    Duration::from_millis(rng.u64(0..=most))
}

pub(super) fn plan(seed: u64, real: bool) -> Plan {
    let rng = &mut PlanRng { rng: Rng::with_seed(seed), real };
    let size = match rng.u32(0..100) {
        0..80 => rng.usize(1..=8),
        _ if real => rng.usize(9..=40),
        80..97 => rng.usize(9..=40),
        _ => rng.usize(41..=200),
    };
    // Small plans have a greater share of faults.
    let wild = if size <= 8 { 0.5 } else { 0.1 };
    let services = (0..size).map(|at| part(rng, at, size, wild)).collect();
    let mut plan = Plan {
        seed,
        real,
        services,
        operators: Vec::new(),
        pauses: Vec::new(),
        layer: None,
        second: rng.u64(54..60),
        stop_at: Duration::ZERO,
        drain: Duration::ZERO,
        shutdown_timeout: LEAST,
    };
    // Other random numbers, so that the rest of a seed's plan stays as it was.
    let other = &mut PlanRng { rng: Rng::with_seed(!seed), real };
    last(other, &mut plan);
    if other.f64() < 0.4 {
        plan.drain = millis(other, 3_000);
    }
    refused(&mut plan);
    // After the check, which drops its services while the plan is made.
    for part in plan.services.iter_mut().filter(|part| part.form.is_scripted()) {
        if rng.f64() < wild / 4.0 {
            part.on_drop = OnDrop::Panics;
        }
    }
    plan.stop_at = millis(rng, 5_000);
    // Also during and after the shutdown: a service that has ended answers too.
    let latest = (plan.stop_at.as_millis() as u64).saturating_mul(if real { 20 } else { 1 }) * 5 / 4;
    plan.operators = (0..rng.usize(0..=6)).map(|_| (millis(rng, latest), rng.usize(0..size), command(rng))).collect();
    plan.shutdown_timeout = if real || rng.f64() < 0.3 { millis(rng, 2_000) } else { Duration::from_secs(30) };
    plan.shutdown_timeout = plan.shutdown_timeout.max(LEAST);
    if real {
        block(rng, &mut plan);
    } else {
        if rng.f64() < 0.2 {
            plan.layer = Some(rng.u32(1..=20));
        }
        if rng.f64() < 0.2 {
            let long = [1, 10, 60, 3600];
            let pause = |rng: &mut PlanRng| Duration::from_millis(rng.u64(0..1_000) + 1_000 * long[rng.usize(0..4)]);
            plan.pauses = (0..rng.usize(1..=3)).map(|_| (millis(rng, 3_000), pause(rng))).collect();
        }
    }
    plan
}

fn command(rng: &mut PlanRng) -> Command {
    [Command::Stop, Command::Start, Command::Restart, Command::Reload][rng.usize(0..4)]
}

/// Makes some services block their thread: mostly for milliseconds, sometimes beyond the deadline.
fn block(rng: &mut PlanRng, plan: &mut Plan) {
    if rng.f64() >= 0.5 {
        return;
    }
    let is_long = rng.f64() < 0.1;
    for _ in 0..if is_long { 1 } else { rng.usize(1..=3) } {
        let short = Duration::from_millis(rng.u64(1..=20));
        let long = plan.shutdown_timeout + Duration::from_millis(rng.u64(300..=600));
        let length = if is_long { long } else { short };
        let part = rng.usize(0..plan.services.len());
        let part = &mut plan.services[part];
        if !part.form.is_scripted() {
            continue;
        }
        match rng.usize(0..5) {
            4 => part.on_drop = OnDrop::Blocks(length),
            method => part.calls[method].insert(0, ScriptedCall::Blocks(length)),
        }
    }
}

/// Has some conditions act only once they have held for a time.
fn last(rng: &mut PlanRng, plan: &mut Plan) {
    for edge in plan.services.iter_mut().flat_map(|part| &mut part.edges) {
        let time = Duration::from_millis(1) + millis(rng, 1_000);
        let time = match edge {
            EdgePlan::Needs(_) => time,
            EdgePlan::Watch { action, within, .. } if *action != Action::Changing => {
                within.map_or(time, |limit| time.min(limit))
            }
            _ => continue,
        };
        if rng.f64() < 0.3 {
            *edge = EdgePlan::Lasting(Box::new(edge.clone()), time);
        }
    }
}

/// Removes the edges that the graph check refuses, which other tests cover.
fn refused(plan: &mut Plan) {
    let edges: Vec<_> = plan.services.iter_mut().map(|part| std::mem::take(&mut part.edges)).collect();
    // Otherwise every watch would be removed.
    build(plan, &Run::default()).check().expect("options that make sense");
    plan.services.iter_mut().zip(edges).for_each(|(part, edges)| part.edges = edges);
    for at in 0..plan.services.len() {
        let edges = std::mem::take(&mut plan.services[at].edges);
        for edge in edges {
            plan.services[at].edges.push(edge);
            if build(plan, &Run::default()).check().is_err() {
                plan.services[at].edges.pop();
            }
        }
    }
}

fn part(rng: &mut PlanRng, at: usize, size: usize, wild: f64) -> ServicePlan {
    let kind = match rng.u32(0..4) {
        0 | 1 => Kind::Continuous,
        2 => Kind::UntilSuccess,
        _ => Kind::FailFast,
    };
    let mut calls: [Vec<ScriptedCall>; 5] = Default::default();
    for (method, calls) in calls.iter_mut().enumerate() {
        calls.extend(
            (0..rng.usize(1..=3))
                .map(|_| if rng.f64() < wild { call(rng, size) } else { ScriptedCall::Behavior(usual(rng, method)) }),
        );
    }
    // Without a delay no time passes, so only a restart limit ends the service.
    let limited = rng.bool();
    let backoff = match rng.u32(0..3) {
        0 if limited => Backoff::NONE,
        1 => Backoff::fixed(Duration::from_millis(50) + millis(rng, 500)),
        _ => Backoff::DEFAULT,
    };
    let mut options = Options::DEFAULT.backoff(backoff);
    if limited {
        // Five restarts fit into the shortest window, with any of these delays.
        options = options.restarts(rng.u32(0..6), Duration::from_millis(2_500) + millis(rng, 3_000));
    }
    options = options.on_failure(match rng.u32(0..5) {
        // It needs something that makes the service fail for good.
        0 if limited || matches!(kind, Kind::FailFast) => OnFailure::Shutdown,
        1 => OnFailure::Ignore,
        _ => OnFailure::Exit,
    });
    if rng.f64() < 0.2 {
        options = options.delay(millis(rng, 50)).startup_delay(millis(rng, 200));
    }
    for state in [State::Init, State::Idle, State::Run, State::Stop] {
        if rng.f64() < 0.3 || (rng.real && state == State::Stop) {
            options = options.timeout_of(state, millis(rng, 1_500).max(LEAST));
        }
    }
    let tasks = match rng.u32(0..12) {
        0 => Some(Task::EndsWhenCancelled),
        1 => Some(Task::Hangs),
        2 => Some(Task::Panics(millis(rng, 500))),
        _ => None,
    };
    let edges = (0..rng.usize(0..=2)).filter(|_| at > 0).map(|_| edge_plan(rng, at)).collect();
    let reloads = rng.bool();
    let recurs = (matches!(kind, Kind::Continuous) && rng.f64() < 0.25).then(|| recurs(rng));
    let form = match rng.u32(0..10) {
        0..2 => Form::Function,
        2..4 if rng.real => Form::Local,
        4..6 if rng.real => Form::Blocking,
        #[cfg(feature = "probe")]
        6 if rng.real && recurs.is_none() => Form::Probe { listens: rng.bool() },
        _ => Form::Runner,
    };
    // What it provides in its first incarnation must not be there in the next ones.
    if rng.f64() < 0.15 {
        calls[0].insert(0, ScriptedCall::Provides);
    }
    if rng.f64() < 0.15 {
        calls[2].insert(0, ScriptedCall::TakesProvided(millis(rng, 700), rng.usize(0..size)));
    }
    let on_drop = OnDrop::Nothing;
    let mut part = ServicePlan { kind, calls, tasks, reloads, on_drop, options, edges, recurs, form };
    // On a busy machine heartbeats come late in real time.
    if !rng.real && rng.f64() < 0.15 {
        part.calls[2] = vec![ScriptedCall::Beats];
        (part.tasks, part.reloads) = (None, false);
        part.options = part.options.heartbeat(BEAT);
    }
    part
}

fn recurs(rng: &mut PlanRng) -> Recurs {
    match rng.u32(0..5) {
        #[cfg(feature = "cron")]
        0 => Recurs::Schedule(schedule(rng)),
        _ => Recurs::Every(every(rng)),
    }
}

/// A run starts once, within the first seconds, in about every second plan.
#[cfg(feature = "cron")]
fn schedule(rng: &mut PlanRng) -> rxd::Schedule {
    let mut schedule = rxd::Schedule::new("* * * * *").zone(["UTC", "Europe/Berlin"][rng.usize(0..2)]);
    if rng.bool() {
        schedule = schedule.within(Duration::from_millis(1) + millis(rng, 1_500));
    }
    if rng.bool() {
        schedule = schedule.jitter(Duration::from_millis(rng.u64(1..500)));
    }
    if rng.bool() { schedule.missed(MissedRun::RunOnce) } else { schedule }
}

fn every(rng: &mut PlanRng) -> Every {
    let mut every = Every::new(Duration::from_millis(20) + millis(rng, 1_000));
    if rng.bool() {
        every = every.within(Duration::from_millis(1) + millis(rng, 1_500));
    }
    if rng.bool() {
        every = every.jitter(Duration::from_millis(rng.u64(1..20)));
    }
    if rng.bool() {
        every = every.first(FirstRun::AfterPeriod);
    }
    if rng.bool() { every.missed(MissedRun::RunOnce) } else { every }
}

fn usual(rng: &mut PlanRng, method: usize) -> Behavior {
    match (method, rng.u32(0..4)) {
        (2, 0) => Behavior::Ok.after(millis(rng, 1_000)),
        (2, _) => Behavior::UntilCancelled,
        (_, 0) => Behavior::Ok.after(millis(rng, 100)),
        _ => Behavior::Ok,
    }
}

fn call(rng: &mut PlanRng, size: usize) -> ScriptedCall {
    match rng.u32(0..24) {
        0..=1 => {
            let bad = [Bad::DisplayFails, Bad::DisplayPanics, Bad::SourcePanics, Bad::DropPanics];
            ScriptedCall::FailsWithBadError(bad[rng.usize(0..4)])
        }
        2 => ScriptedCall::HoldsBadValue,
        // Time must pass, since it may make requests in a loop.
        3..=4 => ScriptedCall::Asks(Duration::from_millis(20) + millis(rng, 700), rng.usize(0..size), command(rng)),
        5 => ScriptedCall::AsksForItself(Duration::from_millis(20) + millis(rng, 700), command(rng)),
        6 => ScriptedCall::Provides,
        7 => ScriptedCall::TakesProvided(Duration::from_millis(20) + millis(rng, 700), rng.usize(0..size)),
        8 => ScriptedCall::Replies { drops_each: rng.u32(1..5) },
        9 => ScriptedCall::AsksOnTopic(Duration::from_millis(20) + millis(rng, 700), rng.usize(0..size)),
        _ => ScriptedCall::Behavior(behavior(rng)),
    }
}

fn behavior(rng: &mut PlanRng) -> Behavior {
    let behaviors = [
        Behavior::Ok,
        Behavior::Fail,
        Behavior::Panic,
        Behavior::PanicWithNonString,
        Behavior::Hang,
        Behavior::HangAndPanic,
        Behavior::UntilCancelled,
        Behavior::FailOnCancel,
        Behavior::PanicOnCancel,
        Behavior::Cancelled,
        Behavior::Done,
    ];
    let behavior = behaviors[rng.usize(0..behaviors.len())].clone();
    if rng.bool() { behavior.after(millis(rng, 700)) } else { behavior }
}

/// An edge to services before it only.
fn edge_plan(rng: &mut PlanRng, at: usize) -> EdgePlan {
    let mut targets: Vec<usize> = (0..rng.usize(1..=3)).map(|_| rng.usize(0..at)).collect();
    targets.sort_unstable();
    targets.dedup();
    match rng.u32(0..4) {
        0 => EdgePlan::Needs(targets),
        1 => EdgePlan::After(targets),
        _ => {
            let action = [Action::Entering, Action::Exited, Action::Changing, Action::NotIn][rng.usize(0..4)];
            let state = State::ALL[rng.usize(1..6)];
            let effect = [Effect::GateInit, Effect::GateRun, Effect::Stop, Effect::Exit][rng.usize(0..4)];
            let gate = matches!(effect, Effect::GateInit | Effect::GateRun);
            let within = (gate && rng.bool()).then(|| Duration::from_millis(1) + millis(rng, 1_000));
            EdgePlan::Watch { all: rng.bool(), action, state, targets, effect, within }
        }
    }
}
