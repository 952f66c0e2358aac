//! F40, F110: random graphs x random faults x random operators x a random stop.
//!
//! Every run is a [`Plan`] made from one number. `RXD_CHAOS_RUNS=10000` runs so many from 0 on,
//! `RXD_CHAOS_SEED=17` runs one; a plan that fails is made smaller until nothing can be left out,
//! and shown:
//!
//! The same plans, quicker, also run on real threads in real time. What such a run finds need not
//! come again; what a run in paused time finds does.
//!
//! ```text
//! RXD_CHAOS_SEED=17 cargo test -p rxd --release --test faults chaos
//! ```

use crate::kit::quiet;
use fastrand::Rng;
use rxd::testing::{Act, Probe, Puppet, Reloading, Rules, Trace};
use rxd::{
    Action, Backoff, Cause, Context, Daemon, DaemonHandle, Effect, OnFailure, Options, Service, State, When, manager,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::time::Instant;

rxd::manager! {
    /// Ends at the first failure.
    struct FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, failed: Exit },
        Run => { ok: Exit, failed: Exit },
        Stop => { ok: Exit, failed: Exit },
    }
}

/// How many plans are tried where nothing else is asked for: what fits a debug build's patience.
const RUNS: u64 = if cfg!(debug_assertions) { 500 } else { 10_000 };
/// As many in real time, on several threads.
const REAL_RUNS: u64 = 100;

#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    real: bool,
    services: Vec<Part>,
    /// What operators do, and when.
    operators: Vec<(Duration, usize, Command)>,
    stop_at: Duration,
    shutdown_timeout: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Command {
    Stop,
    Start,
    Restart,
    Reload,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Continuous,
    UntilSuccess,
    FailFast,
}

#[derive(Clone, Debug)]
struct Part {
    kind: Kind,
    acts: [Vec<Act>; 5],
    tasks: Option<Task>,
    reloads: bool,
    options: Options,
    edges: Vec<Tie>,
}

/// What a service spawns in Run.
#[derive(Clone, Copy, Debug)]
enum Task {
    EndsWhenTold,
    Hangs,
    Panics(Duration),
}

#[derive(Clone, Debug)]
enum Tie {
    Needs(Vec<usize>),
    After(Vec<usize>),
    Watch { all: bool, action: Action, state: State, targets: Vec<usize>, effect: Effect, within: Option<Duration> },
}

impl Tie {
    fn targets(&mut self) -> &mut Vec<usize> {
        match self {
            Tie::Needs(targets) | Tie::After(targets) | Tie::Watch { targets, .. } => targets,
        }
    }
}

fn name(at: usize) -> String {
    format!("s{at}")
}

// ---- making a plan -----------------------------------------------------------------------------

/// Chooses, and knows how fast time passes.
struct Dice {
    rng: Rng,
    /// Whether time is real: everything is quicker then, and smaller.
    real: bool,
}

impl std::ops::Deref for Dice {
    type Target = Rng;

    fn deref(&self) -> &Rng {
        &self.rng
    }
}

impl std::ops::DerefMut for Dice {
    fn deref_mut(&mut self) -> &mut Rng {
        &mut self.rng
    }
}

fn millis(rng: &mut Dice, most: u64) -> Duration {
    let most = if rng.real { most / 20 } else { most };
    Duration::from_millis(rng.u64(0..=most))
}

fn plan(seed: u64, real: bool) -> Plan {
    let rng = &mut Dice { rng: Rng::with_seed(seed), real };
    let size = match rng.u32(0..100) {
        0..80 => rng.usize(1..=8),
        _ if real => rng.usize(9..=40),
        80..97 => rng.usize(9..=40),
        _ => rng.usize(41..=200),
    };
    // The fewer, the wilder.
    let wild = if size <= 8 { 0.5 } else { 0.1 };
    let services = (0..size).map(|at| part(rng, at, wild)).collect();
    let mut plan =
        Plan { seed, real, services, operators: Vec::new(), stop_at: Duration::ZERO, shutdown_timeout: Duration::ZERO };
    refused(&mut plan);
    let services = plan.services;
    let stop_at = millis(rng, 5_000);
    let operators = (0..rng.usize(0..=4)).map(|_| {
        let commands = [Command::Stop, Command::Start, Command::Restart, Command::Reload];
        let command = commands[rng.usize(0..4)];
        (millis(rng, stop_at.as_millis() as u64), rng.usize(0..size), command)
    });
    let operators = operators.collect();
    let shutdown_timeout = if real || rng.f64() < 0.3 { millis(rng, 2_000) } else { Duration::from_secs(30) };
    Plan { seed, real, services, operators, stop_at, shutdown_timeout }
}

/// Leaves out what the graph check refuses: that is tried elsewhere.
fn refused(plan: &mut Plan) {
    for at in 0..plan.services.len() {
        let edges = std::mem::take(&mut plan.services[at].edges);
        for edge in edges {
            plan.services[at].edges.push(edge);
            if build(plan, &Probe::new()).check().is_err() {
                plan.services[at].edges.pop();
            }
        }
    }
}

fn part(rng: &mut Dice, at: usize, wild: f64) -> Part {
    let kind = match rng.u32(0..4) {
        0 | 1 => Kind::Continuous,
        2 => Kind::UntilSuccess,
        _ => Kind::FailFast,
    };
    let mut acts: [Vec<Act>; 5] = Default::default();
    for (method, acts) in acts.iter_mut().enumerate() {
        acts.extend((0..rng.usize(1..=3)).map(|_| if rng.f64() < wild { act(rng) } else { usual(rng, method) }));
    }
    // Without a delay no time would pass: then only a limit ends it.
    let limited = rng.bool();
    let backoff = match rng.u32(0..3) {
        0 if limited => Backoff::NONE,
        1 => Backoff::fixed(Duration::from_millis(50) + millis(rng, 500)),
        _ => Backoff::DEFAULT,
    };
    let mut options = Options::DEFAULT.backoff(backoff);
    if limited {
        options = options.restarts(rng.u32(0..6), Duration::from_millis(1) + millis(rng, 3_000));
    }
    options = options.on_failure(match rng.u32(0..5) {
        0 => OnFailure::Shutdown,
        1 => OnFailure::Ignore,
        _ => OnFailure::Exit,
    });
    if rng.f64() < 0.2 {
        options = options.delay(millis(rng, 50)).startup_delay(millis(rng, 200));
    }
    for state in [State::Init, State::Idle, State::Run, State::Stop] {
        if rng.f64() < 0.3 || (rng.real && state == State::Stop) {
            options = options.timeout_of(state, millis(rng, 1_500));
        }
    }
    let tasks = match rng.u32(0..12) {
        0 => Some(Task::EndsWhenTold),
        1 => Some(Task::Hangs),
        2 => Some(Task::Panics(millis(rng, 500))),
        _ => None,
    };
    let edges = (0..rng.usize(0..=2)).filter(|_| at > 0).map(|_| tie(rng, at)).collect();
    Part { kind, acts, tasks, reloads: rng.bool(), options, edges }
}

fn usual(rng: &mut Dice, method: usize) -> Act {
    match (method, rng.u32(0..4)) {
        (2, 0) => Act::Ok.after(millis(rng, 1_000)),
        (2, _) => Act::UntilTold,
        (_, 0) => Act::Ok.after(millis(rng, 100)),
        _ => Act::Ok,
    }
}

fn act(rng: &mut Dice) -> Act {
    let acts = [
        Act::Ok,
        Act::Fail,
        Act::Panic,
        Act::PanicOddly,
        Act::Hang,
        Act::HangAndPanic,
        Act::UntilTold,
        Act::FailWhenTold,
        Act::PanicWhenTold,
        Act::Cancelled,
        Act::Done,
    ];
    let act = acts[rng.usize(0..acts.len())].clone();
    if rng.bool() { act.after(millis(rng, 700)) } else { act }
}

/// Only to services before it.
fn tie(rng: &mut Dice, at: usize) -> Tie {
    let mut targets: Vec<usize> = (0..rng.usize(1..=3)).map(|_| rng.usize(0..at)).collect();
    targets.sort_unstable();
    targets.dedup();
    match rng.u32(0..4) {
        0 => Tie::Needs(targets),
        1 => Tie::After(targets),
        _ => {
            let action = [Action::Entering, Action::Exited, Action::Changing, Action::NotIn][rng.usize(0..4)];
            let state = State::ALL[rng.usize(1..6)];
            let effect = [Effect::GateInit, Effect::GateRun, Effect::Stop, Effect::Exit][rng.usize(0..4)];
            let gate = matches!(effect, Effect::GateInit | Effect::GateRun);
            let within = (gate && rng.bool()).then(|| Duration::from_millis(1) + millis(rng, 1_000));
            Tie::Watch { all: rng.bool(), action, state, targets, effect, within }
        }
    }
}

// ---- running it --------------------------------------------------------------------------------

fn build(plan: &Plan, probe: &Probe) -> Daemon {
    let services = plan.services.iter().enumerate().map(|(at, part)| {
        let mut puppet = Puppet::new().probe(probe).on_reload(part.acts[4].clone());
        for (slot, state) in [State::Init, State::Idle, State::Run, State::Stop].into_iter().enumerate() {
            let mut acts = part.acts[slot].clone();
            if let (State::Run, Some(task)) = (state, part.tasks) {
                acts.insert(0, Act::call(move |cx| with_task(cx, task)));
            }
            puppet = puppet.on(state, acts);
        }
        let service = match part.reloads {
            true => Service::new(name(at), Reloading(puppet)),
            false => Service::new(name(at), puppet),
        };
        let service = match part.kind {
            Kind::Continuous => service.manager(manager::continuous),
            Kind::UntilSuccess => service.manager(manager::until_success),
            Kind::FailFast => service.manager(FailFast),
        };
        part.edges.iter().fold(service.options(part.options), tied)
    });
    Daemon::new("chaos")
        .add_all(services)
        .signals([])
        .history(1_000_000)
        .stall_limit(None)
        .shutdown_timeout(plan.shutdown_timeout)
}

async fn with_task(cx: Context, task: Task) -> rxd::Result {
    let inner = cx.clone();
    cx.spawn("task", async move {
        match task {
            Task::EndsWhenTold => inner.cancelled().await,
            Task::Hangs => std::future::pending().await,
            Task::Panics(after) => {
                tokio::time::sleep(after).await;
                panic!("told to panic in a task");
            }
        }
    });
    cx.cancelled().await;
    Ok(())
}

fn tied(service: Service, tie: &Tie) -> Service {
    let names = |targets: &[usize]| targets.iter().copied().map(name).collect::<Vec<_>>();
    match tie {
        Tie::Needs(targets) => service.needs(names(targets)),
        Tie::After(targets) => service.after(names(targets)),
        Tie::Watch { all, action, state, targets, effect, within } => {
            let make = if *all { When::all } else { When::any };
            let when = make(*action, *state, names(targets)).then(*effect);
            service.watch(match within {
                Some(limit) => when.within(*limit),
                None => when,
            })
        }
    }
}

/// Runs a plan; what is wrong with what came of it.
fn run(plan: &Plan) -> Result<(), String> {
    fastrand::seed(plan.seed);
    let runtime = match plan.real {
        true => tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build(),
        false => tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build(),
    };
    let runtime = runtime.unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(live(plan))?;
        match runtime.metrics().num_alive_tasks() {
            0 => Ok(()),
            left => Err(format!("G19: {left} tasks are left")),
        }
    }));
    caught.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        Err(text.or(payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or("?".into()))
    })
}

async fn live(plan: &Plan) -> Result<(), String> {
    let probe = Probe::new();
    let daemon = build(plan, &probe);
    let mut rules = Rules::of(&daemon);
    if !plan.real {
        rules = rules.exact();
    }
    let handle = daemon.start().await.map_err(|error| error.to_string())?;
    let asking: Vec<_> = plan
        .operators
        .iter()
        .map(|&(at, service, command)| {
            if !matches!(command, Command::Reload) {
                rules = rules.clone().operator(&name(service), 1);
            }
            tokio::spawn(ask(handle.clone(), at, name(service), command))
        })
        .collect();
    let asked = tokio::select! {
        _ = handle.wait() => Instant::now(),
        () = tokio::time::sleep(plan.stop_at) => {
            handle.shutdown();
            Instant::now()
        }
    };
    // Real threads get their turn when the machine has one for them.
    let grain = if plan.real { 10_000 } else { 101 };
    let limit = plan.shutdown_timeout + Duration::from_millis(grain);
    let report = tokio::time::timeout(limit, handle.wait()).await.map_err(|_| "G14: it does not end".to_owned())?;
    // A shutdown that a service began before has its own, earlier deadline.
    if asked.elapsed() > limit {
        return Err(format!("G14: the stop took {:?}", asked.elapsed()));
    }
    for task in asking {
        let answered = tokio::time::timeout(plan.stop_at + Duration::from_secs(10), task).await;
        answered.map_err(|_| "an operator was never answered")?.map_err(|error| error.to_string())?;
    }
    if let Some(fault) = probe.faults().first() {
        return Err(fault.clone());
    }
    let trace = Trace::of(&handle);
    trace.assert(&rules);
    tells_the_truth(plan, &trace, &report)?;
    drop(handle);
    tokio::time::sleep(Duration::from_millis(grain / 100)).await;
    Ok(())
}

async fn ask(handle: DaemonHandle, at: Duration, service: String, command: Command) {
    tokio::time::sleep(at).await;
    // Refused is an answer.
    let _ = match command {
        Command::Stop => handle.stop(&service).await,
        Command::Start => handle.start(&service).await,
        Command::Restart => handle.restart(&service).await,
        Command::Reload => handle.reload(&service).await,
    };
}

/// G12, G15, G20: what the report says is what the trace shows.
fn tells_the_truth(plan: &Plan, trace: &Trace, report: &rxd::Report) -> Result<(), String> {
    let mut bad = Vec::new();
    for (at, ending) in report.services().iter().enumerate() {
        let last = trace.last_of(&ending.name).ok_or("a service without a trace")?;
        if last.cause != ending.cause {
            return Err(format!(
                "`{}` ended with {}, and is said to have with {}",
                ending.name, last.cause, ending.cause
            ));
        }
        let gave_up = ending.cause.is_failure() || ending.cause == Cause::Dependency;
        let counts = plan.services[at].options != plan.services[at].options.on_failure(OnFailure::Ignore);
        if gave_up && counts {
            bad.push(&*ending.name);
        }
        if ending.abandoned_in.is_some() && !may_hang(&plan.services[at]) {
            return Err(format!("G15: `{}` is said to have been abandoned", ending.name));
        }
    }
    let mut told: Vec<&str> = report.failures().map(|ending| &*ending.name).collect();
    told.sort_unstable();
    bad.sort_unstable();
    if told != bad {
        return Err(format!("G20: {bad:?} gave up, {told:?} are told"));
    }
    let fine = bad.is_empty() && report.abandoned().count() == 0;
    if fine == report.is_ok() { Ok(()) } else { Err("G20: the report is not what it says".into()) }
}

/// Whether it may be at work when its limits are over.
fn may_hang(part: &Part) -> bool {
    let hangs = |act: &Act| matches!(act, Act::Hang | Act::HangAndPanic | Act::UntilTold | Act::After(..));
    let told = |act: &Act| matches!(act, Act::FailWhenTold | Act::PanicWhenTold);
    let tasks = matches!(part.tasks, Some(Task::Hangs));
    tasks || part.acts.iter().flatten().any(|act| hangs(act) || told(act))
}

// ---- making it smaller -------------------------------------------------------------------------

/// Every plan that is a step simpler.
fn simpler(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut add = |change: &dyn Fn(&mut Plan)| {
        let mut other = plan.clone();
        change(&mut other);
        plans.push(other);
    };
    for gone in (0..plan.services.len()).rev().filter(|_| plan.services.len() > 1) {
        add(&move |plan| without(plan, gone));
    }
    for at in 0..plan.operators.len() {
        add(&move |plan| plan.operators.truncate(at));
    }
    for (at, part) in plan.services.iter().enumerate() {
        for edge in 0..part.edges.len() {
            add(&move |plan| drop(plan.services[at].edges.remove(edge)));
        }
        for (method, acts) in part.acts.iter().enumerate() {
            if acts.len() > 1 {
                add(&move |plan| drop(plan.services[at].acts[method].pop()));
                add(&move |plan| drop(plan.services[at].acts[method].remove(0)));
            }
            let simple = if method == 2 { Act::UntilTold } else { Act::Ok };
            if acts.len() == 1 && !matches!(acts[0], Act::Ok | Act::UntilTold) {
                add(&move |plan| plan.services[at].acts[method] = vec![simple.clone()]);
            }
        }
        if part.tasks.is_some() {
            add(&move |plan| plan.services[at].tasks = None);
        }
        let plain = Options::DEFAULT.backoff(Backoff::fixed(Duration::from_millis(100)));
        if part.options != plain {
            add(&move |plan| plan.services[at].options = plain);
        }
    }
    plans
}

fn without(plan: &mut Plan, gone: usize) {
    plan.services.remove(gone);
    for part in &mut plan.services {
        for edge in &mut part.edges {
            let targets = edge.targets();
            targets.retain(|&target| target != gone);
            targets.iter_mut().filter(|target| **target > gone).for_each(|target| *target -= 1);
        }
        part.edges.retain_mut(|edge| !edge.targets().is_empty());
    }
    plan.operators.retain(|&(_, service, _)| service != gone);
    plan.operators.iter_mut().filter(|(_, service, _)| *service > gone).for_each(|(_, service, _)| *service -= 1);
}

fn shrink(mut plan: Plan, mut error: String) -> (Plan, String) {
    let kind = |error: &str| error.split(['\n', ' ']).find(|word| word.starts_with('G')).map(str::to_owned);
    let first = kind(&error);
    'smaller: loop {
        for other in simpler(&plan) {
            match run(&other) {
                Err(found) if kind(&found) == first => {
                    (plan, error) = (other, found);
                    continue 'smaller;
                }
                _ => {}
            }
        }
        return (plan, error);
    }
}

fn try_seed(seed: u64, real: bool) {
    let plan = plan(seed, real);
    if let Err(error) = run(&plan) {
        // What depends on how threads meet need not fail again.
        let (plan, error) = if real { (plan, error) } else { shrink(plan, error) };
        panic!("seed {seed}\n{plan:#?}\n{error}\nagain: RXD_CHAOS_SEED={seed} cargo test -p rxd --test faults chaos");
    }
}

fn try_all(runs: u64, real: bool, threads: u64) {
    quiet();
    if let Some(seed) = number("RXD_CHAOS_SEED") {
        return try_seed(seed, real);
    }
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || (first..runs).step_by(threads as usize).for_each(|seed| try_seed(seed, real)));
        }
    });
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn f40_f110_chaos() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    try_all(number("RXD_CHAOS_RUNS").unwrap_or(RUNS), false, threads as u64);
}

#[test]
fn f40_f110_chaos_on_real_threads() {
    // Most of the time they wait.
    try_all(number("RXD_CHAOS_RUNS").map_or(REAL_RUNS, |runs| runs / 20), true, 8);
}
