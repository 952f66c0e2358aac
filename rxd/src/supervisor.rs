//! The one task that watches over all: signals, the end, the order and limits of shutdown.

use crate::alive::Keeper;
use crate::board::{Id, signal};
use crate::core::{Command, Core, Reason};
use crate::error::Error;
use crate::pace::later;
use crate::panic::emit;
use crate::report::{Ending, Report};
use crate::sentinel::Sentinel;
use crate::signals::{Asked, Heard, Listener, die};
use crate::state::{Cause, State};
use crate::systemd::Systemd;
use crate::tracker::Tracker;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// How long services have to drop what they are doing once all limits are over: half of it in
/// their order, the other half without, since one that is stuck must not keep those behind it.
const SETTLE: Duration = Duration::from_millis(100);

pub(crate) struct Supervisor {
    core: Arc<Core>,
    tasks: Tracker,
    listener: Listener,
    shutdown_timeout: Duration,
    exit_code: u8,
    sentinel: Option<Sentinel>,
    systemd: Systemd,
    report: watch::Sender<Option<Report>>,
    asked: Asked,
    /// The services that have been told to reload, and have not answered.
    reloading: Vec<oneshot::Receiver<Result<(), Error>>>,
    /// What those said that could not.
    reload_failed: Vec<String>,
    #[cfg(any(test, feature = "test-util"))]
    witness: Option<crate::testing::Witness>,
}

/// What the supervisor stops waiting for.
enum Woken {
    /// A signal asked to stop for the n-th time.
    Asked(u32, i32),
    Deadline,
    /// The services, or the shutdown, are to be looked at.
    Look,
}

impl Supervisor {
    pub(crate) fn new(
        core: Arc<Core>,
        tasks: Tracker,
        listener: Listener,
        (shutdown_timeout, exit_code): (Duration, u8),
        sentinel: Option<Sentinel>,
        systemd: Systemd,
    ) -> (Self, watch::Receiver<Option<Report>>) {
        let (report, receiver) = watch::channel(None);
        // The signal that was heard before anything started is the first.
        let asked = Asked::new(matches!(core.shutting_down(), Some(Reason::Signal(_))));
        let this = Supervisor {
            core,
            tasks,
            listener,
            shutdown_timeout,
            exit_code,
            sentinel,
            systemd,
            report,
            asked,
            reloading: Vec::new(),
            reload_failed: Vec::new(),
            #[cfg(any(test, feature = "test-util"))]
            witness: None,
        };
        (this, receiver)
    }

    /// Has its run judged.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn judged(self, witness: Option<crate::testing::Witness>) -> Self {
        Supervisor { witness, ..self }
    }

    pub(crate) async fn run(mut self) {
        let keeper = if self.systemd.feeds() { None } else { Keeper::start(&self.core) };
        self.until_shutdown().await;
        let begun = Instant::now();
        drop(keeper);
        self.systemd.stopping(self.shutdown_timeout.saturating_add(SETTLE));
        let end = match self.core.ladder.left() {
            0 => later(SETTLE),
            _ => self.shut_down().await,
        };
        self.abandon();
        // Whose turn to stop has come needs nobody to say so.
        let told = |id: &Id| self.core.board.signals(*id) & signal::SHUTDOWN != 0;
        let others: Vec<Id> = (0..self.core.board.len() as Id).filter(|id| !told(id)).collect();
        self.core.board.raise_all(&others, signal::OVER);
        // A service whose thread is blocked holds its task for as long as it is.
        let stuck = tokio::time::timeout_at(end, self.tasks.ended()).await.is_err();
        self.core.intracom.close();
        self.core.board.close();
        self.systemd.finish().await;
        #[cfg(feature = "admin")]
        crate::admin::finish(&self.core).await;
        let report = self.make_report();
        match self.sentinel.take() {
            Some(sentinel) if stuck => sentinel.stay(),
            // What it has found is told before the report is: the process may end with that.
            Some(sentinel) if sentinel.is_telling() => drop(sentinel),
            sentinel => self.sentinel = sentinel,
        }
        let exit_code = report.exit_code();
        match report.reason {
            Some(_) => emit!(INFO, target: "rxd", took = ?whole(begun.elapsed()), exit_code, "stopped"),
            None => emit!(INFO, target: "rxd", exit_code, "stopped: every service has exited"),
        }
        // Before a test can go on.
        #[cfg(any(test, feature = "test-util"))]
        drop(self.witness.take());
        self.report.send_replace(Some(report));
    }

    /// Until every service is in Exit, or the daemon is to stop.
    async fn until_shutdown(&mut self) {
        while self.core.shutting_down().is_none() && !self.core.ladder.is_over() {
            if let Woken::Asked(_, number) = self.woken(None).await {
                self.core.shut_down(Reason::Signal(number));
            }
        }
    }

    /// Waits for the next thing to do.
    async fn woken(&mut self, deadline: Option<Instant>) -> Woken {
        self.systemd.turned();
        let core = self.core.clone();
        let deadline = async move {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let (mut deadline, mut look) = (pin!(deadline), pin!(core.supervisor.notified()));
        poll_fn(|task| {
            while let Poll::Ready(heard) = self.listener.poll(task) {
                match heard {
                    Heard::Stop(number) => {
                        if let Some(times) = self.asked.heard() {
                            return Poll::Ready(Woken::Asked(times, number));
                        }
                    }
                    Heard::Reload => self.reload(),
                }
            }
            self.poll_reloading(task);
            if look.as_mut().poll(task).is_ready() {
                return Poll::Ready(Woken::Look);
            }
            deadline.as_mut().poll(task).map(|()| Woken::Deadline)
        })
        .await
    }

    // ---- reload --------------------------------------------------------------------------------

    /// Tells every service that can to reload. What is asked while one reloads is one more.
    fn reload(&mut self) {
        if self.core.shutting_down().is_some() {
            emit!(INFO, target: "rxd", "not reloading: the daemon is stopping");
            return;
        }
        self.systemd.reloading(self.shutdown_timeout);
        let mut services = self.core.reloadable();
        services.retain(|&id| self.core.board.word(id).state != State::Exit);
        if services.is_empty() {
            emit!(INFO, target: "rxd", "there is nothing to reload");
            if self.reloading.is_empty() {
                self.systemd.reloaded(&[]);
            }
            return;
        }
        emit!(INFO, target: "rxd", services = services.len(), "reloading");
        // One answer a service is enough to know that all is done.
        self.reloading.truncate(4 * self.core.board.len());
        self.reloading.extend(services.into_iter().map(|id| self.core.request(id, Command::Reload)));
    }

    fn poll_reloading(&mut self, task: &mut std::task::Context<'_>) {
        if self.reloading.is_empty() {
            return;
        }
        let failed = &mut self.reload_failed;
        self.reloading.retain_mut(|reply| match Pin::new(reply).poll(task) {
            Poll::Pending => true,
            Poll::Ready(answer) => {
                // One that gave none has ended instead.
                failed.extend(answer.ok().and_then(Result::err).map(|error| error.to_string()));
                false
            }
        });
        if self.reloading.is_empty() {
            let failed = std::mem::take(failed);
            match &failed[..] {
                [] => emit!(INFO, target: "rxd", "reloaded"),
                failed => emit!(WARN, target: "rxd", "reloaded in part: {}", failed.join(", ")),
            }
            self.systemd.reloaded(&failed);
        }
    }

    // ---- shutdown ------------------------------------------------------------------------------

    /// Stops the services in order, within the overall deadline; until when they may settle.
    async fn shut_down(&mut self) -> Instant {
        let deadline = later(self.shutdown_timeout);
        match self.core.shutting_down() {
            Some(Reason::Signal(number)) => emit!(INFO, target: "rxd", signal = number, "stopping"),
            Some(Reason::Service(id)) => {
                emit!(ERROR, target: "rxd", "stopping, since service `{}` gave up", self.core.name(id));
            }
            Some(Reason::Asked) | None => emit!(INFO, target: "rxd", "stopping"),
        }
        self.core.board.raise_all(&self.core.ladder.begin(), signal::SHUTDOWN);
        while self.core.ladder.left() > 0 {
            match self.woken(Some(deadline)).await {
                Woken::Look | Woken::Asked(1, _) => {}
                Woken::Asked(2, number) => {
                    emit!(WARN, target: "rxd", signal = number, "stopping at once: all limits are over");
                    return self.kill().await;
                }
                Woken::Asked(_, number) => die(number),
                Woken::Deadline => {
                    let limit = self.shutdown_timeout;
                    emit!(ERROR, target: "rxd", "the daemon did not stop within {limit:?}: all limits are over");
                    return self.kill().await;
                }
            }
        }
        later(SETTLE)
    }

    /// All limits are zero from here on.
    async fn kill(&mut self) -> Instant {
        let end = later(SETTLE);
        let all: Vec<Id> = (0..self.core.board.len() as Id).collect();
        for signals in [signal::KILL, signal::KILL | signal::SHUTDOWN] {
            self.core.board.raise_all(&all, signals);
            let until = if signals == signal::KILL { end - SETTLE / 2 } else { end - SETTLE / 4 };
            while self.core.ladder.left() > 0 {
                match self.woken(Some(until)).await {
                    Woken::Look | Woken::Asked(..=2, _) => {}
                    Woken::Asked(_, number) => die(number),
                    Woken::Deadline => break,
                }
            }
        }
        end
    }

    /// Publishes Exit for whoever has not.
    fn abandon(&self) {
        if self.core.ladder.left() == 0 {
            return;
        }
        for id in 0..self.core.board.len() as Id {
            let state = self.core.board.word(id).state;
            if let Some(seq) = self.core.board.abandon(id) {
                self.core.note(id, |detail| detail.overrun = Some(state));
                let service = &**self.core.name(id);
                emit!(DEBUG, target: "rxd::state", service, state = "exit", transition = "entering", seq);
                emit!(ERROR, target: "rxd", service, "abandoned: it does not answer in {state}");
            }
        }
    }

    fn make_report(&self) -> Report {
        let (_, words) = self.core.board.words();
        let failures = self.core.failures();
        let mut failed = vec![false; words.len()];
        failures.iter().for_each(|&id| failed[id as usize] = true);
        let services = words.iter().enumerate().map(|(id, word)| {
            let id = id as Id;
            let (error, overrun) = self.core.detail(id, |detail| (detail.error.clone(), detail.overrun));
            Ending {
                name: self.core.name(id).clone(),
                cause: word.cause,
                error,
                restarts: word.restarts,
                failed: failed[id as usize],
                abandoned_in: overrun.or((word.cause == Cause::Abandoned).then_some(State::Unknown)),
            }
        });
        Report {
            daemon: self.core.daemon.clone(),
            reason: self.core.shutting_down(),
            services: services.collect(),
            order: failures,
            exit_code: self.exit_code,
            lost: false,
        }
    }
}

/// In whole milliseconds.
fn whole(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
