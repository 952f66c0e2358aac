//! Runs a plan, and judges what came of it.

use super::deed::{Dropped, OnDrop, ask};
use super::plan::{Command, FailFast, Kind, Part, Plan, Task, Tie, name};
use crate::kit::PanickingLayer;
use rxd::testing::{Behavior, CallLog, DeclaredRules, FakeService, ReloadingFake, Trace};
use rxd::{Cause, Context, Daemon, DaemonHandle, Error, OnFailure, OnStale, Service, State, When, manager};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// No service has a longer limit for Stop than 10 s: four times that, its delays, and 5 s.
const ANSWER_LIMIT: Duration = Duration::from_millis(45_300);

/// What a run notes of itself.
#[derive(Clone, Default)]
pub(super) struct Run {
    probe: CallLog,
    noted: Arc<Mutex<Noted>>,
    real: bool,
    /// How long the process pauses, all in all.
    paused: Duration,
}

#[derive(Default)]
struct Noted {
    /// The services that were stopped, started or restarted by somebody, each time.
    operated: Vec<String>,
    faults: Vec<String>,
}

impl Run {
    pub(super) fn is_real(&self) -> bool {
        self.real
    }

    /// Asks something of a service, and notes whether it is answered within its limit.
    pub(super) async fn ask(&self, handle: &DaemonHandle, service: &str, command: Command) -> Result<(), Error> {
        if command != Command::Reload {
            self.noted.lock().unwrap().operated.push(service.to_owned());
        }
        let began = Instant::now();
        let answer = ask(handle, service, command).await;
        let took = began.elapsed();
        self.expect(self.real || took <= ANSWER_LIMIT + self.paused, || {
            format!("G55: {command:?} of `{service}` took {took:?}")
        });
        answer
    }

    pub(super) fn expect(&self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.noted.lock().unwrap().faults.push(fault());
        }
    }
}

pub(super) fn build(plan: &Plan, run: &Run) -> Daemon {
    let services = plan.services.iter().enumerate().map(|(at, part)| {
        let acts = |slot: usize| part.deeds[slot].iter().map(|deed| deed.act(run)).collect::<Vec<_>>();
        let mut fake = FakeService::new().call_log(&run.probe).on_reload(acts(4));
        for (slot, state) in [State::Init, State::Idle, State::Run, State::Stop].into_iter().enumerate() {
            let mut acts = acts(slot);
            if let (State::Run, Some(task)) = (state, part.tasks) {
                acts.insert(0, Behavior::call(move |cx| with_task(cx, task)));
            }
            fake = fake.on(state, acts);
        }
        let service = match part.reloads {
            true => Service::new(name(at), Dropped(ReloadingFake(fake), part.on_drop)),
            false => Service::new(name(at), Dropped(fake, part.on_drop)),
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
        .blocking_threshold(None)
        .on_stale(OnStale::Restart)
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
                panic!("scripted panic in a task");
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

/// Runs a plan; its trace, or what is wrong with what came of it.
pub(super) fn run(plan: &Plan) -> Result<Trace, String> {
    fastrand::seed(plan.seed);
    let runtime = match plan.real {
        // G59 is of a runtime that has workers to spare.
        true => {
            let workers = 3 + plan.blockers();
            tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()
        }
        false => tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build(),
    };
    let runtime = runtime.unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let trace = match plan.layer {
            Some(one_in) => {
                tracing::subscriber::with_default(layer(plan.seed, one_in), || runtime.block_on(live(plan)))
            }
            None => runtime.block_on(live(plan)),
        };
        let trace = trace?;
        // What blocks has its task for as long as it does.
        let blocked = std::time::Instant::now();
        while plan.blockers() > 0 && runtime.metrics().num_alive_tasks() > 0 && blocked.elapsed().as_secs() < 20 {
            std::thread::sleep(Duration::from_millis(5));
        }
        match runtime.metrics().num_alive_tasks() {
            0 => Ok(trace),
            left => Err(format!("G19: {left} tasks are left")),
        }
    }));
    caught.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        Err(text.or(payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or("?".into()))
    })
}

/// Panics at one of so many calls, the same for the same seed.
fn layer(seed: u64, one_in: u32) -> impl tracing::Subscriber {
    let rng = Mutex::new(fastrand::Rng::with_seed(seed));
    PanickingLayer::new(move |_, _| rng.lock().unwrap().u32(0..one_in) == 0)
}

async fn live(plan: &Plan) -> Result<Trace, String> {
    let paused = plan.pauses.iter().map(|(_, length)| length).sum();
    let run = Run { real: plan.real, paused, ..Run::default() };
    let daemon = build(plan, &run);
    let mut rules = DeclaredRules::of(&daemon);
    // What is late by a pause is not late.
    if !plan.real && plan.pauses.is_empty() {
        rules = rules.exact();
    }
    let handle = daemon.start().await.map_err(|error| error.to_string())?;
    let mut pauses = tokio::task::JoinSet::new();
    for &(at, length) in &plan.pauses {
        pauses.spawn(async move {
            tokio::time::sleep(at).await;
            tokio::time::advance(length).await;
        });
    }
    let asking: Vec<_> = plan
        .operators
        .iter()
        .map(|&(at, service, command)| {
            let (run, handle) = (run.clone(), handle.clone());
            tokio::spawn(async move {
                tokio::time::sleep(at).await;
                // Refused is an answer.
                let _ = run.ask(&handle, &name(service), command).await;
            })
        })
        .collect();
    let asked = tokio::select! {
        biased;
        _ = handle.wait() => Instant::now(),
        () = tokio::time::sleep(plan.stop_at) => {
            handle.shutdown();
            Instant::now()
        }
    };
    // The deadline would go on during a pause.
    pauses.shutdown().await;
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
    // Its engine is gone: it is answered all the same, and nobody waits.
    for command in [Command::Stop, Command::Start, Command::Restart, Command::Reload] {
        let began = Instant::now();
        let answer = ask(&handle, &name(0), command).await;
        run.expect(plan.real || began.elapsed().is_zero(), || format!("G55: {command:?} after the end: {answer:?}"));
    }
    let noted = std::mem::take(&mut *run.noted.lock().unwrap());
    if let Some(fault) = run.probe.faults().iter().chain(&noted.faults).next() {
        return Err(fault.clone());
    }
    let rules = noted.operated.iter().fold(rules, |rules, service| rules.operator(service, 1));
    let trace = Trace::of(&handle);
    trace.assert(&rules);
    // Those that have a heartbeat call it in time, pauses of the process apart.
    for (at, _) in plan.services.iter().enumerate().filter(|(_, part)| part.beats()) {
        let asked = noted.operated.contains(&name(at));
        if !asked && trace.steps.iter().any(|step| step.service == name(at) && step.cause == Cause::Operator) {
            return Err(format!("G57: `{}` is restarted for a heartbeat that has not lapsed", name(at)));
        }
    }
    tells_the_truth(plan, &trace, &report)?;
    drop(handle);
    tokio::time::sleep(Duration::from_millis(grain / 100)).await;
    Ok(trace)
}

/// G12, G15, G20, G57, G59: what the report says is what the trace shows.
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
        if ending.abandoned_in.is_some() && !may_be_abandoned(plan, at) {
            return Err(format!("G15: `{}` is said to have been abandoned", ending.name));
        }
        if ending.blocks && !plan.services[at].blocks() {
            return Err(format!("G59: `{}` is said to block its thread", ending.name));
        }
    }
    // One that was abandoned in Stop may have given up before, which its last transition does not say.
    let known = report.failures().filter(|ending| ending.cause != Cause::Abandoned);
    let mut told: Vec<&str> = known.map(|ending| &*ending.name).collect();
    told.sort_unstable();
    bad.sort_unstable();
    if told != bad {
        return Err(format!("G20: {bad:?} gave up, {told:?} are told"));
    }
    let fine = bad.is_empty() && report.abandoned().count() == 0;
    if fine == report.is_ok() { Ok(()) } else { Err("G20: the report is not what it says".into()) }
}

/// Whether it may be at work when the deadline is exceeded.
fn may_be_abandoned(plan: &Plan, at: usize) -> bool {
    // A service that begins the stop may do so before a pause, and the deadline goes on during it. One that
    // waits for another which blocks has only what is left of the time after that.
    may_hang(&plan.services[at]) || !plan.pauses.is_empty() || waits_for_a_blocker(plan, at)
}

/// Whether a service that blocks has to stop before this one.
fn waits_for_a_blocker(plan: &Plan, at: usize) -> bool {
    let targets = |edge: &Tie| match edge {
        Tie::Needs(targets) | Tie::After(targets) | Tie::Watch { targets, .. } => targets.contains(&at),
    };
    // Services watch those before them only.
    let above = |above: usize| plan.services[above].edges.iter().any(targets);
    (at + 1..plan.services.len())
        .filter(|&other| above(other))
        .any(|other| plan.services[other].blocks() || waits_for_a_blocker(plan, other))
}

/// Whether it may be at work when its limits are over.
fn may_hang(part: &Part) -> bool {
    // A task that panics later does not listen until then.
    let tasks = matches!(part.tasks, Some(Task::Hangs | Task::Panics(_)));
    let drops = matches!(part.on_drop, OnDrop::Blocks(_));
    tasks || drops || part.deeds.iter().flatten().any(super::deed::Deed::may_hang)
}
