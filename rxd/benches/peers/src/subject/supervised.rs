//! supervised: restarts with a fixed delay; readiness of all together.

use super::{DEADLINE, Names, Subject, Wedged};
use crate::gate::Gate;
use std::time::Duration;
use supervised::{
    Context, Error, ExitAction, Options, RestartPolicy, RunSummary, ServiceOutcome, ServicePolicy, SupervisorBuilder,
    service_fn,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub struct Supervised;

/// A builder with a service that requests the shutdown, as the documentation says.
fn builder(end: &CancellationToken) -> SupervisorBuilder<()> {
    let end = end.clone();
    SupervisorBuilder::new(()).add(service_fn("shutdown", move |_: Context<()>| {
        let end = end.clone();
        async move {
            end.cancelled().await;
            ServiceOutcome::requested_shutdown()
        }
    }))
}

fn add(builder: SupervisorBuilder<()>, name: &'static str, gate: &Gate) -> SupervisorBuilder<()> {
    let gate = gate.clone();
    builder.add(service_fn(name, move |cx: Context<()>| {
        let gate = gate.clone();
        async move {
            gate.arrive();
            cx.token().cancelled().await;
            gate.leave();
            ServiceOutcome::cancelled()
        }
    }))
}

type Run = JoinHandle<Result<RunSummary, Error>>;

impl Subject for Supervised {
    type Running = (CancellationToken, Run);

    async fn start(names: Names, gate: Gate) -> Self::Running {
        let end = CancellationToken::new();
        let builder = names.iter().fold(builder(&end), |builder, name| add(builder, name, &gate));
        let run = tokio::spawn(builder.build().run());
        gate.all().await;
        (end, run)
    }

    async fn stop((end, run): Self::Running) {
        end.cancel();
        run.await.unwrap().unwrap();
    }

    async fn restart(gate: Gate) {
        let end = CancellationToken::new();
        let again = gate.clone();
        let service = service_fn("brief", move |cx: Context<()>| {
            let gate = again.clone();
            async move {
                if !gate.arrive_timed() {
                    cx.token().cancelled().await;
                }
                ServiceOutcome::completed()
            }
        });
        let policy = ServicePolicy::new(ExitAction::Restart, RestartPolicy::always(Duration::ZERO));
        let builder = builder(&end).add_with_options(service, Options::new().policy(policy));
        let run = tokio::spawn(builder.build().run());
        gate.all().await;
        Self::stop((end, run)).await;
    }

    async fn wedge(names: Names, gate: Gate) -> Wedged {
        let end = CancellationToken::new();
        let unresponsive = gate.clone();
        let builder = builder(&end).shutdown_timeout(DEADLINE).add(service_fn(names[0], move |_: Context<()>| {
            let gate = unresponsive.clone();
            async move { super::ignore(&gate).await }
        }));
        let builder = names[1..].iter().fold(builder, |builder, name| add(builder, name, &gate));
        let run = tokio::spawn(builder.build().run());
        gate.all().await;
        end.cancel();
        Wedged { message: run.await.unwrap().err().map(|error| error.to_string()).unwrap_or_default() }
    }
}
