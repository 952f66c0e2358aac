//! task-supervisor: restarts with back-off. Statuses are polled, not published.

use super::{ComeAndGo, DEADLINE, Names, Subject, Wedged};
use crate::gate::Gate;
use std::time::{Duration, Instant};
use task_supervisor::{CancellationToken, SupervisedTask, SupervisorBuilder, SupervisorHandle, TaskResult};

#[derive(Debug)]
pub struct TaskSupervisor;

#[derive(Clone)]
struct Body(Gate);

impl SupervisedTask for Body {
    async fn run(self, cancel: CancellationToken) -> TaskResult {
        self.0.arrive();
        cancel.cancelled().await;
        self.0.leave();
        Ok(())
    }
}

/// Only a failure is restarted.
#[derive(Clone)]
struct Brief(Gate);

impl SupervisedTask for Brief {
    async fn run(self, cancel: CancellationToken) -> TaskResult {
        if self.0.arrive_timed() {
            return Err("again".into());
        }
        cancel.cancelled().await;
        Ok(())
    }
}

#[derive(Clone)]
struct Unresponsive(Gate);

impl SupervisedTask for Unresponsive {
    async fn run(self, _cancel: CancellationToken) -> TaskResult {
        super::ignore(&self.0).await;
        Ok(())
    }
}

impl Subject for TaskSupervisor {
    type Running = SupervisorHandle;

    async fn start(names: Names, gate: Gate) -> Self::Running {
        let builder = SupervisorBuilder::new();
        let builder = names.iter().fold(builder, |builder, name| builder.with_task(name, Body(gate.clone())));
        let handle = builder.spawn();
        gate.all().await;
        handle
    }

    async fn stop(handle: Self::Running) {
        handle.shutdown().await.unwrap();
    }

    async fn restart(gate: Gate) {
        let handle = SupervisorBuilder::new()
            .with_unlimited_restarts()
            .with_base_restart_delay(Duration::ZERO)
            .with_max_restart_delay(Duration::ZERO)
            .with_restart_jitter(0.0)
            .with_task("brief", Brief(gate.clone()))
            .spawn();
        gate.all().await;
        handle.shutdown().await.unwrap();
    }

    async fn wedge(names: Names, gate: Gate) -> Wedged {
        let builder =
            SupervisorBuilder::new().with_stop_timeout(DEADLINE).with_task(names[0], Unresponsive(gate.clone()));
        let builder = names[1..].iter().fold(builder, |builder, name| builder.with_task(name, Body(gate.clone())));
        let handle = builder.spawn();
        gate.all().await;
        let result = handle.shutdown().await;
        Wedged { message: result.err().map(|error| error.to_string()).unwrap_or_default() }
    }
}

/// A name that was killed stays in its list.
impl ComeAndGo for TaskSupervisor {
    async fn come_and_go(names: Names, gate: Gate) -> [Instant; 3] {
        let handle = SupervisorBuilder::new().with_task("stays", Body(Gate::new(1))).spawn();
        let begun = Instant::now();
        for name in names {
            handle.add_task(name, Body(gate.clone())).await.unwrap();
        }
        gate.all().await;
        let all_run = Instant::now();
        for name in names {
            handle.kill_task(name).await.unwrap();
        }
        let gone = Instant::now();
        Self::stop(handle).await;
        [begun, all_run, gone]
    }
}
