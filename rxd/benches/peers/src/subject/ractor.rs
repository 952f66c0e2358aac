//! ractor and ractor-supervisor: actors under an OTP-like supervisor. An actor has no body: it
//! arrives when it is started, and leaves when it is stopped.

use super::{ComeAndGo, DEADLINE, Names, Subject, Wedged};
use crate::gate::{Change, Gate};
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use ractor_supervisor::{
    ChildSpec, DynamicSupervisor, DynamicSupervisorOptions, Restart, SpawnFn, Supervisor, SupervisorArguments,
    SupervisorMsg, SupervisorOptions, SupervisorStrategy,
};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Ractor;

/// What an actor of this program does.
#[derive(Clone, Copy)]
enum Kind {
    Body,
    Brief,
    Unresponsive,
}

struct Child(Kind);

#[ractor::async_trait]
impl Actor for Child {
    type Msg = ();
    type State = Gate;
    type Arguments = Gate;

    async fn pre_start(&self, _: ActorRef<()>, gate: Gate) -> Result<Gate, ActorProcessingErr> {
        Ok(gate)
    }

    async fn post_start(&self, me: ActorRef<()>, gate: &mut Gate) -> Result<(), ActorProcessingErr> {
        match self.0 {
            Kind::Brief if gate.arrive_timed() => me.stop(None),
            Kind::Brief => {}
            Kind::Body | Kind::Unresponsive => drop(gate.arrive()),
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<()>, gate: &mut Gate) -> Result<(), ActorProcessingErr> {
        match self.0 {
            Kind::Unresponsive => std::future::pending().await,
            Kind::Body | Kind::Brief => gate.leave(),
        }
        Ok(())
    }
}

async fn spawn(cell: ActorCell, name: String, kind: Kind, gate: Gate) -> Result<ActorCell, SpawnErr> {
    let (child, _) = Supervisor::spawn_linked(name, Child(kind), gate, cell).await?;
    Ok(child.get_cell())
}

fn spec(name: &str, kind: Kind, gate: &Gate) -> ChildSpec {
    let gate = gate.clone();
    ChildSpec {
        id: name.into(),
        restart: Restart::Permanent,
        spawn_fn: SpawnFn::new(move |cell, name| spawn(cell, name, kind, gate.clone())),
        backoff_fn: None,
        reset_after: None,
    }
}

type Running = (ActorRef<SupervisorMsg>, JoinHandle<()>);

async fn run(child_specs: Vec<ChildSpec>, gate: &Gate) -> Running {
    let options = SupervisorOptions {
        strategy: SupervisorStrategy::OneForOne,
        max_restarts: usize::MAX,
        max_window: Duration::from_secs(1),
        reset_after: None,
    };
    let running = Supervisor::spawn("supervisor".into(), SupervisorArguments { child_specs, options }).await.unwrap();
    gate.all().await;
    running
}

impl Subject for Ractor {
    type Running = Running;

    async fn start(names: Names, gate: Gate) -> Self::Running {
        run(names.iter().map(|name| spec(name, Kind::Body, &gate)).collect(), &gate).await
    }

    async fn stop((supervisor, handle): Self::Running) {
        supervisor.stop(None);
        handle.await.unwrap();
    }

    async fn restart(gate: Gate) {
        let running = run(vec![spec("brief", Kind::Brief, &gate)], &gate).await;
        Self::stop(running).await;
    }

    async fn wedge(names: Names, gate: Gate) -> Wedged {
        let unresponsive = spec(names[0], Kind::Unresponsive, &gate);
        let others = names[1..].iter().map(|name| spec(name, Kind::Body, &gate));
        let (supervisor, handle) = run(std::iter::once(unresponsive).chain(others).collect(), &gate).await;
        supervisor.stop(None);
        // It has no deadline, so set one from outside.
        let in_time = tokio::time::timeout(DEADLINE, handle).await.is_ok();
        Wedged { message: if in_time { String::new() } else { "still running".into() } }
    }
}

struct Observer;

#[ractor::async_trait]
impl Actor for Observer {
    type Msg = ();
    type State = Change;
    type Arguments = Change;

    async fn pre_start(&self, _: ActorRef<()>, change: Change) -> Result<Change, ActorProcessingErr> {
        Ok(change)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        change: &mut Change,
    ) -> Result<(), ActorProcessingErr> {
        if matches!(event, SupervisionEvent::ActorTerminated(..)) {
            change.observed();
        }
        Ok(())
    }
}

struct Changing;

#[ractor::async_trait]
impl Actor for Changing {
    type Msg = ();
    type State = Change;
    type Arguments = Change;

    async fn pre_start(&self, _: ActorRef<()>, change: Change) -> Result<Change, ActorProcessingErr> {
        Ok(change)
    }

    async fn handle(&self, me: ActorRef<()>, (): (), change: &mut Change) -> Result<(), ActorProcessingErr> {
        change.about_to();
        me.stop(None);
        Ok(())
    }
}

/// An actor that stops, and its supervisor, which is its only observer.
pub async fn observe(change: Change, times: usize) -> Vec<u64> {
    let (observer, _) = Actor::spawn(None, Observer, change.clone()).await.unwrap();
    let mut samples = Vec::with_capacity(times);
    for _ in 0..times {
        let (changing, _) = Actor::spawn_linked(None, Changing, change.clone(), observer.get_cell()).await.unwrap();
        crate::sample::settle().await;
        samples.push(change.make_by(|| changing.cast(()).unwrap()).await);
    }
    samples
}

/// A child is removed before its `post_stop` has run: it is killed.
impl ComeAndGo for Ractor {
    async fn come_and_go(names: Names, gate: Gate) -> [Instant; 3] {
        let options = DynamicSupervisorOptions {
            max_children: None,
            max_restarts: usize::MAX,
            max_window: Duration::from_secs(1),
            reset_after: None,
        };
        let (supervisor, handle) = DynamicSupervisor::spawn("dynamic".into(), options).await.unwrap();
        let begun = Instant::now();
        for name in names {
            DynamicSupervisor::spawn_child(supervisor.clone(), spec(name, Kind::Body, &gate)).await.unwrap();
        }
        gate.all().await;
        let all_run = Instant::now();
        for name in names {
            DynamicSupervisor::terminate_child(supervisor.clone(), (*name).into()).await.unwrap();
        }
        let gone = Instant::now();
        supervisor.stop(None);
        handle.await.unwrap();
        [begun, all_run, gone]
    }
}
