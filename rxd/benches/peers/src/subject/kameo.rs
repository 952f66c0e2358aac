//! kameo: actors under a supervising actor. An actor has no body: it arrives when it is started,
//! and leaves when it is stopped.

use super::{ComeAndGo, DEADLINE, Names, Subject, Wedged};
use crate::gate::{Change, Gate};
use kameo::actor::{Actor, ActorId, ActorRef, Spawn, WeakActorRef};
use kameo::error::{ActorStopReason, Infallible};
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Kameo;

pub struct Supervisor;

impl Actor for Supervisor {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Supervisor)
    }
}

#[derive(Clone)]
struct Body(Gate);

impl Actor for Body {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(body: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        body.0.arrive();
        Ok(body)
    }

    async fn on_stop(&mut self, _: WeakActorRef<Self>, _: ActorStopReason) -> Result<(), Infallible> {
        self.0.leave();
        Ok(())
    }
}

#[derive(Clone)]
struct Brief(Gate);

impl Actor for Brief {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(body: Self, me: ActorRef<Self>) -> Result<Self, Infallible> {
        if body.0.arrive_timed() {
            let _ = me.stop_gracefully().await;
        }
        Ok(body)
    }
}

#[derive(Clone)]
struct Unresponsive(Gate);

impl Actor for Unresponsive {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(body: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        body.0.arrive();
        Ok(body)
    }

    async fn on_stop(&mut self, _: WeakActorRef<Self>, _: ActorStopReason) -> Result<(), Infallible> {
        std::future::pending().await
    }
}

impl Subject for Kameo {
    type Running = ActorRef<Supervisor>;

    async fn start(names: Names, gate: Gate) -> Self::Running {
        let supervisor = Supervisor::spawn(());
        for _ in names {
            Body::supervise(&supervisor, Body(gate.clone())).spawn().await;
        }
        gate.all().await;
        supervisor
    }

    async fn stop(supervisor: Self::Running) {
        supervisor.stop_gracefully().await.unwrap();
        supervisor.wait_for_shutdown().await;
    }

    async fn restart(gate: Gate) {
        let supervisor = Supervisor::spawn(());
        Brief::supervise(&supervisor, Brief(gate.clone()))
            .restart_policy(RestartPolicy::Permanent)
            .restart_limit(u32::MAX, Duration::from_secs(3600))
            .spawn()
            .await;
        gate.all().await;
        Self::stop(supervisor).await;
    }

    async fn wedge(names: Names, gate: Gate) -> Wedged {
        let supervisor = Supervisor::spawn(());
        Unresponsive::supervise(&supervisor, Unresponsive(gate.clone())).spawn().await;
        for _ in &names[1..] {
            Body::supervise(&supervisor, Body(gate.clone())).spawn().await;
        }
        gate.all().await;
        supervisor.stop_gracefully().await.unwrap();
        // It has no deadline, so set one from outside.
        let in_time = tokio::time::timeout(DEADLINE, supervisor.wait_for_shutdown()).await.is_ok();
        Wedged { message: if in_time { String::new() } else { "still running".into() } }
    }
}

struct Observer(Change);

impl Actor for Observer {
    type Args = Change;
    type Error = Infallible;

    async fn on_start(change: Change, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Observer(change))
    }

    async fn on_link_died(
        &mut self,
        _: WeakActorRef<Self>,
        _: ActorId,
        _: ActorStopReason,
    ) -> Result<ControlFlow<ActorStopReason>, Infallible> {
        self.0.observed();
        Ok(ControlFlow::Continue(()))
    }
}

struct Changing(Change);

impl Actor for Changing {
    type Args = Change;
    type Error = Infallible;

    async fn on_start(change: Change, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Changing(change))
    }
}

struct End;

impl Message<End> for Changing {
    type Reply = ();

    async fn handle(&mut self, _: End, cx: &mut Context<Self, ()>) {
        self.0.about_to();
        cx.stop();
    }
}

/// An actor that stops, and actors that are linked with it.
pub async fn observe(change: Change, observers: usize, times: usize) -> Vec<u64> {
    let observers: Vec<_> = (0..observers).map(|_| Observer::spawn(change.clone())).collect();
    let mut samples = Vec::with_capacity(times);
    for _ in 0..times {
        let changing = Changing::spawn(change.clone());
        for observer in &observers {
            changing.link(observer).await;
        }
        crate::sample::settle().await;
        let end = || drop(changing.tell(End).try_send());
        samples.push(change.make_by(end).await);
    }
    samples
}

/// The caller keeps what it adds: a name finds nothing.
impl ComeAndGo for Kameo {
    async fn come_and_go(names: Names, gate: Gate) -> [Instant; 3] {
        let supervisor = Supervisor::spawn(());
        let mut actors = HashMap::new();
        let begun = Instant::now();
        for name in names {
            let body = Body::supervise(&supervisor, Body(gate.clone()));
            actors.insert(*name, body.restart_policy(RestartPolicy::Transient).spawn().await);
        }
        gate.all().await;
        let all_run = Instant::now();
        for name in names {
            let actor = actors.remove(name).unwrap();
            actor.stop_gracefully().await.unwrap();
            actor.wait_for_shutdown().await;
        }
        let gone = Instant::now();
        Self::stop(supervisor).await;
        [begun, all_run, gone]
    }
}
