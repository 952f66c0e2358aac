//! tokio-graceful-shutdown: a tree of subsystems that stop together. The user writes the restarts.

use super::{ComeAndGo, DEADLINE, Names, Subject, Wedged};
use crate::gate::{Change, Gate};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_graceful_shutdown::errors::GracefulShutdownError;
use tokio_graceful_shutdown::{ErrorAction, NestedSubsystem, SubsystemBuilder, SubsystemHandle, Toplevel};
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub struct Graceful;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;
type Run = JoinHandle<Result<(), GracefulShutdownError>>;

fn add(subsys: &SubsystemHandle, name: &'static str, gate: &Gate) -> NestedSubsystem<BoxedError> {
    let gate = gate.clone();
    subsys.start(SubsystemBuilder::new(name, async move |subsys: &mut SubsystemHandle| {
        gate.arrive();
        subsys.on_shutdown_requested().await;
        gate.leave();
        Ok::<(), BoxedError>(())
    }))
}

impl Subject for Graceful {
    type Running = (CancellationToken, Run);

    async fn start(names: Names, gate: Gate) -> Self::Running {
        let (end, starts) = (CancellationToken::new(), gate.clone());
        let top = Toplevel::new_with_shutdown_token(
            async move |subsys: &mut SubsystemHandle| names.iter().for_each(|name| drop(add(subsys, name, &starts))),
            end.clone(),
        );
        let run = tokio::spawn(top.handle_shutdown_requests(Duration::from_secs(30)));
        gate.all().await;
        (end, run)
    }

    async fn stop((end, run): Self::Running) {
        end.cancel();
        run.await.unwrap().unwrap();
    }

    /// As its example `12_subsystem_auto_restart` does.
    async fn restart(gate: Gate) {
        let again = gate.clone();
        let top = Toplevel::new(async move |subsys: &mut SubsystemHandle| {
            loop {
                let gate = again.clone();
                let continues = Arc::new(AtomicBool::new(false));
                let more = continues.clone();
                let nested = subsys.start(
                    SubsystemBuilder::new("brief", async move |_: &mut SubsystemHandle| {
                        more.store(gate.arrive_timed(), Relaxed);
                        Ok::<(), BoxedError>(())
                    })
                    .on_failure(ErrorAction::CatchAndLocalShutdown)
                    .on_panic(ErrorAction::CatchAndLocalShutdown),
                );
                nested.join().await.unwrap();
                if !continues.load(Relaxed) {
                    break;
                }
            }
        });
        top.handle_shutdown_requests(Duration::from_secs(30)).await.unwrap();
    }

    async fn wedge(names: Names, gate: Gate) -> Wedged {
        let (end, starts) = (CancellationToken::new(), gate.clone());
        let top = Toplevel::new_with_shutdown_token(
            async move |subsys: &mut SubsystemHandle| {
                let unresponsive = starts.clone();
                subsys.start(SubsystemBuilder::new(names[0], async move |_: &mut SubsystemHandle| {
                    super::ignore(&unresponsive).await;
                    Ok::<(), BoxedError>(())
                }));
                names[1..].iter().for_each(|name| drop(add(subsys, name, &starts)));
            },
            end.clone(),
        );
        let run = tokio::spawn(top.handle_shutdown_requests(DEADLINE));
        gate.all().await;
        end.cancel();
        Wedged {
            message: run.await.unwrap().err().map(|error: GracefulShutdownError| error.to_string()).unwrap_or_default(),
        }
    }
}

/// A subsystem that ends, and tasks that wait for it to be finished.
pub async fn observe(change: Change, observers: usize, times: usize) -> Vec<u64> {
    let (samples, made) = tokio::sync::oneshot::channel();
    let top = Toplevel::new(async move |subsys: &mut SubsystemHandle| {
        let mut all = Vec::with_capacity(times);
        for _ in 0..times {
            let changes = change.clone();
            let nested = subsys.start(SubsystemBuilder::new("changing", async move |_: &mut SubsystemHandle| {
                changes.turn().await;
                Ok::<(), BoxedError>(())
            }));
            for _ in 0..observers {
                let (finished, change) = (nested.finished(), change.clone());
                tokio::spawn(async move {
                    finished.await;
                    change.observed();
                });
            }
            crate::sample::settle().await;
            all.push(change.make().await);
        }
        let _ = samples.send(all);
    });
    top.handle_shutdown_requests(Duration::from_secs(30)).await.unwrap();
    made.await.unwrap()
}

/// The caller keeps what it adds: a name finds nothing.
impl ComeAndGo for Graceful {
    async fn come_and_go(names: Names, gate: Gate) -> [Instant; 3] {
        let (times, made) = tokio::sync::oneshot::channel();
        let top = Toplevel::new(async move |subsys: &mut SubsystemHandle| {
            let begun = Instant::now();
            let mut nested: HashMap<&str, NestedSubsystem<BoxedError>> =
                names.iter().map(|name| (*name, add(subsys, name, &gate))).collect();
            gate.all().await;
            let all_run = Instant::now();
            for name in names {
                let one = nested.remove(name).unwrap();
                one.initiate_shutdown();
                one.join().await.unwrap();
            }
            let _ = times.send([begun, all_run, Instant::now()]);
        });
        top.handle_shutdown_requests(Duration::from_secs(30)).await.unwrap();
        made.await.unwrap()
    }
}
