//! Runs a plan, and judges what came of it.

use super::plan::{Command, FailFast, Kind, Part, Plan, Task, Tie, name};
use rxd::testing::{Act, Probe, Puppet, Reloading, Rules, Trace};
use rxd::{Cause, Context, Daemon, DaemonHandle, OnFailure, Service, State, When, manager};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::time::Instant;

pub(super) fn build(plan: &Plan, probe: &Probe) -> Daemon {
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

/// Runs a plan; its trace, or what is wrong with what came of it.
pub(super) fn run(plan: &Plan) -> Result<Trace, String> {
    fastrand::seed(plan.seed);
    let runtime = match plan.real {
        true => tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build(),
        false => tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build(),
    };
    let runtime = runtime.unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let trace = runtime.block_on(live(plan))?;
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

async fn live(plan: &Plan) -> Result<Trace, String> {
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
        biased;
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
    Ok(trace)
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
    // A task that panics later does not listen until then.
    let tasks = matches!(part.tasks, Some(Task::Hangs | Task::Panics(_)));
    tasks || part.acts.iter().flatten().any(|act| hangs(act) || told(act))
}
