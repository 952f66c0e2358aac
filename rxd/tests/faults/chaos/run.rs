//! Runs a plan, and checks its trace and its report.

use super::plan::{Command, EdgePlan, FailFast, Form, Kind, Plan, Recurs, ServicePlan, Task, name};
use super::scripted::{Dropped, OnDrop, request};
use crate::kit::PanickingLayer;
use rxd::testing::{Behavior, CallLog, DeclaredRules, FakeService, ReloadingFake, Trace};
use rxd::{
    BlockingRunner, Cause, Context, Daemon, DaemonHandle, Error, LocalRunner, OnFailure, OnStale, Runner, Service,
    State, When, manager,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// The limit of a request: four times the longest limit of Stop (10 s), the delays, and 5 s.
const ANSWER_LIMIT: Duration = Duration::from_millis(45_300);

/// What a run records.
#[derive(Clone, Default)]
pub(super) struct Run {
    call_log: CallLog,
    recorded: Arc<Mutex<RecordedFaults>>,
    real: bool,
    /// How long the process pauses in all.
    paused: Duration,
    /// What probes connect to.
    #[cfg(feature = "probe")]
    listener: Arc<std::sync::OnceLock<std::net::TcpListener>>,
}

#[derive(Default)]
struct RecordedFaults {
    /// The service of each request to stop, start or restart.
    operated: Vec<String>,
    /// The service of each request to reload.
    reloaded: Vec<String>,
    faults: Vec<String>,
}

impl Run {
    #[cfg(feature = "probe")]
    fn listener(&self) -> &std::net::TcpListener {
        self.listener.get_or_init(|| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// How long the process may pause while something waits.
    pub(super) fn paused(&self) -> Duration {
        self.paused
    }

    pub(super) fn is_real(&self) -> bool {
        self.real
    }

    /// Makes a request to a service, and records a fault if the answer exceeds its limit.
    pub(super) async fn request(&self, handle: &DaemonHandle, service: &str, command: Command) -> Result<(), Error> {
        {
            let mut recorded = self.recorded.lock().unwrap();
            let requests = if command == Command::Reload { &mut recorded.reloaded } else { &mut recorded.operated };
            requests.push(service.to_owned());
        }
        let began = Instant::now();
        let answer = request(handle, service, command).await;
        let took = began.elapsed();
        self.expect(self.real || took <= ANSWER_LIMIT + self.paused, || {
            format!("G55: {command:?} of `{service}` took {took:?}")
        });
        answer
    }

    pub(super) fn expect(&self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.recorded.lock().unwrap().faults.push(fault());
        }
    }
}

pub(super) fn build(plan: &Plan, run: &Run) -> Daemon {
    let services = plan.services.iter().enumerate().map(|(at, part)| {
        let behaviors = |slot: usize| part.calls[slot].iter().map(|call| call.behavior(run)).collect::<Vec<_>>();
        let mut fake = FakeService::new().call_log(&run.call_log).on_reload(behaviors(4));
        for (slot, state) in [State::Init, State::Idle, State::Run, State::Stop].into_iter().enumerate() {
            let mut behaviors = behaviors(slot);
            if let (State::Run, Some(task)) = (state, part.tasks) {
                behaviors.insert(0, Behavior::call(move |cx| with_task(cx, task)));
            }
            fake = fake.on(state, behaviors);
        }
        let service = match part.reloads {
            true => of_form(name(at), Dropped(ReloadingFake(fake), part.on_drop), part.form, run),
            false => of_form(name(at), Dropped(fake, part.on_drop), part.form, run),
        };
        let service = match &part.recurs {
            Some(Recurs::Every(every)) => service.every(*every),
            #[cfg(feature = "cron")]
            Some(Recurs::Schedule(schedule)) => service.schedule(schedule.clone()),
            None => service,
        };
        let service = match part.kind {
            Kind::Continuous => service.manager(manager::continuous),
            Kind::UntilSuccess => service.manager(manager::until_success),
            Kind::FailFast => service.manager(FailFast),
        };
        part.edges.iter().fold(service.options(part.options), with_edge)
    });
    Daemon::new("chaos")
        .add_all(services)
        .signals([])
        .history(1_000_000)
        .blocking_threshold(None)
        .on_stale(OnStale::Restart)
        .drain(plan.drain)
        .shutdown_timeout(plan.shutdown_timeout)
}

fn of_form<R>(name: String, runner: R, form: Form, run: &Run) -> Service
where
    R: Runner + LocalRunner + BlockingRunner + Send,
{
    match form {
        Form::Runner => Service::new(name, runner),
        Form::Function => {
            let runner = Arc::new(tokio::sync::Mutex::new(runner));
            Service::from_fn(name, move |cx: Context| {
                let runner = runner.clone();
                async move { Runner::run(&mut *runner.lock().await, &cx).await }
            })
        }
        Form::Local => Service::local(name, move || runner),
        Form::Blocking => Service::blocking(name, runner),
        #[cfg(feature = "probe")]
        Form::Probe { listens } => {
            let address = if listens { run.listener().local_addr().unwrap() } else { ([127, 0, 0, 1], 1).into() };
            let probe = rxd::probe::Tcp::new(address.to_string());
            Service::new(name, probe.period(Duration::from_millis(10)).timeout(Duration::from_millis(50)))
        }
    }
}

async fn with_task(cx: Context, task: Task) -> rxd::Result {
    let inner = cx.clone();
    cx.spawn("task", async move {
        match task {
            Task::EndsWhenCancelled => inner.cancelled().await,
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

fn with_edge(service: Service, edge_plan: &EdgePlan) -> Service {
    let (edge_plan, lasts) = match edge_plan {
        EdgePlan::Lasting(edge, time) => (&**edge, Some(*time)),
        edge => (edge, None),
    };
    let names = |targets: &[usize]| targets.iter().copied().map(name).collect::<Vec<_>>();
    match edge_plan {
        EdgePlan::Needs(targets) => match lasts {
            Some(grace) => service.needs_with_grace(names(targets), grace),
            None => service.needs(names(targets)),
        },
        EdgePlan::After(targets) => service.after(names(targets)),
        EdgePlan::Watch { all, action, state, targets, effect, within } => {
            let make = if *all { When::all } else { When::any };
            let when = make(*action, *state, names(targets)).then(*effect);
            let when = match lasts {
                Some(time) => when.lasts(time),
                None => when,
            };
            service.watch(match within {
                Some(limit) => when.within(*limit),
                None => when,
            })
        }
        EdgePlan::Lasting(..) => unreachable!("a time is around a watch"),
    }
}

/// Runs a plan. Returns its trace, or what is wrong with it.
pub(super) fn run(plan: &Plan) -> Result<Trace, String> {
    rxd::testing::seed_jitter(plan.seed);
    let runtime = match plan.real {
        // G59 needs a runtime that has free workers.
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
        // Code that blocks keeps its task until it returns.
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

/// A layer that panics at one of so many calls, the same ones for the same seed.
fn layer(seed: u64, one_in: u32) -> impl tracing::Subscriber {
    let rng = Mutex::new(fastrand::Rng::with_seed(seed));
    PanickingLayer::new(move |_, _| rng.lock().unwrap().u32(0..one_in) == 0)
}

async fn live(plan: &Plan) -> Result<Trace, String> {
    let paused = plan.pauses.iter().map(|(_, length)| length).sum();
    let run = Run { real: plan.real, paused, ..Run::default() };
    #[cfg(feature = "cron")]
    {
        let new_year = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        rxd::testing::set_wall_clock(new_year + Duration::from_secs(plan.second));
    }
    let daemon = build(plan, &run);
    let mut rules = DeclaredRules::of(&daemon);
    // A delay that is late because of a pause is not late.
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
    let requests: Vec<_> = plan
        .operators
        .iter()
        .map(|&(at, service, command)| {
            let (run, handle) = (run.clone(), handle.clone());
            tokio::spawn(async move {
                tokio::time::sleep(at).await;
                // A refusal is an answer.
                let _ = run.request(&handle, &name(service), command).await;
            })
        })
        .collect();
    let requested_at = tokio::select! {
        biased;
        _ = handle.wait() => Instant::now(),
        () = tokio::time::sleep(plan.stop_at) => {
            handle.shutdown();
            Instant::now()
        }
    };
    // The deadline would continue during a pause.
    pauses.shutdown().await;
    // The machine decides when real threads run.
    let grain = if plan.real { 10_000 } else { 101 };
    let limit = plan.drain + plan.shutdown_timeout + Duration::from_millis(grain);
    let report =
        tokio::time::timeout(limit, handle.wait()).await.map_err(|_| "G14: the daemon does not end".to_owned())?;
    // A shutdown that a service requested before has its own, earlier deadline.
    if requested_at.elapsed() > limit {
        return Err(format!("G14: the stop took {:?}", requested_at.elapsed()));
    }
    for task in requests {
        let answered = tokio::time::timeout(plan.stop_at + Duration::from_secs(10), task).await;
        answered.map_err(|_| "an operator was never answered")?.map_err(|error| error.to_string())?;
    }
    // The engine is gone, and the request is answered at once all the same.
    for command in [Command::Stop, Command::Start, Command::Restart, Command::Reload] {
        let began = Instant::now();
        let answer = request(&handle, &name(0), command).await;
        run.expect(plan.real || began.elapsed().is_zero(), || format!("G55: {command:?} after the end: {answer:?}"));
    }
    let recorded = std::mem::take(&mut *run.recorded.lock().unwrap());
    // The limit of Stop begins with its call. A thread may begin with the method after its end.
    let is_late = |fault: &str| {
        let with_thread = plan.services.iter().enumerate().filter(|(_, part)| part.form.has_thread());
        with_thread.map(|(at, _)| format!("G16: `stop` of `{}` ", name(at))).any(|start| fault.starts_with(&start))
    };
    let faults = run.call_log.faults();
    if let Some(fault) = faults.iter().filter(|fault| !is_late(fault)).chain(&recorded.faults).next() {
        return Err(fault.clone());
    }
    let rules = recorded.operated.iter().fold(rules, |rules, service| rules.operator(service, 1));
    let rules = recorded.reloaded.iter().fold(rules, |rules, service| rules.reloads(service, 1));
    let trace = Trace::of(&handle);
    trace.assert(&rules);
    // Services with a heartbeat send it in time, even across pauses of the process.
    for (at, _) in plan.services.iter().enumerate().filter(|(_, part)| part.beats()) {
        let error = &report.services()[at].error;
        if error.as_ref().is_some_and(|text| text.starts_with("no heartbeat")) {
            return Err(format!("G57: `{}` is restarted for a heartbeat that has not lapsed", name(at)));
        }
    }
    check_report(plan, &trace, &report)?;
    drop(handle);
    tokio::time::sleep(Duration::from_millis(grain / 100)).await;
    Ok(trace)
}

/// G12, G15, G20, G57, G59: the report agrees with the trace.
fn check_report(plan: &Plan, trace: &Trace, report: &rxd::Report) -> Result<(), String> {
    let mut bad = Vec::new();
    for (at, service) in report.services().iter().enumerate() {
        let last = trace.last_of(&service.name).ok_or("a service without a trace")?;
        if last.cause != service.cause {
            return Err(format!(
                "`{}` ended with {}, but is reported with {}",
                service.name, last.cause, service.cause
            ));
        }
        let failed_for_good = service.cause.is_failure() || service.cause == Cause::Dependency;
        let counts = plan.services[at].options != plan.services[at].options.on_failure(OnFailure::Ignore);
        if failed_for_good && counts {
            bad.push(&*service.name);
        }
        if service.abandoned_in.is_some() && !may_be_abandoned(plan, at) {
            return Err(format!("G15: `{}` is reported as abandoned", service.name));
        }
        if service.blocks && !plan.services[at].blocks() {
            return Err(format!("G59: `{}` is reported to block its thread", service.name));
        }
    }
    // A service abandoned in Stop may have failed for good before, which its last transition does
    // not show.
    let known = report.failures().filter(|service| service.cause != Cause::Abandoned);
    let mut reported: Vec<&str> = known.map(|service| &*service.name).collect();
    reported.sort_unstable();
    bad.sort_unstable();
    if reported != bad {
        return Err(format!("G20: {bad:?} failed for good, but {reported:?} are reported"));
    }
    let fine = bad.is_empty() && report.abandoned().count() == 0;
    if fine == report.is_ok() { Ok(()) } else { Err("G20: the report is wrong about success".into()) }
}

/// Whether this service may be running when the deadline is exceeded.
fn may_be_abandoned(plan: &Plan, at: usize) -> bool {
    // If a service requests the shutdown before a pause, the deadline continues during the pause. A
    // service that waits for one that blocks has only the rest of the time.
    may_hang(&plan.services[at]) || !plan.pauses.is_empty() || waits_for_a_blocker(plan, at)
}

/// Whether a service that blocks has to stop before this one.
fn waits_for_a_blocker(plan: &Plan, at: usize) -> bool {
    let targets = |edge: &EdgePlan| edge.clone().targets().contains(&at);
    // Services only watch services before them.
    let above = |above: usize| plan.services[above].edges.iter().any(targets);
    (at + 1..plan.services.len())
        .filter(|&other| above(other))
        .any(|other| plan.services[other].blocks() || waits_for_a_blocker(plan, other))
}

/// Whether this service may be running when its limits end.
fn may_hang(part: &ServicePlan) -> bool {
    // A task that panics later ignores cancellation until then.
    let tasks = matches!(part.tasks, Some(Task::Hangs | Task::Panics(_)));
    let drops = matches!(part.on_drop, OnDrop::Blocks(_));
    tasks || drops || part.calls.iter().flatten().any(super::scripted::ScriptedCall::may_hang)
}
