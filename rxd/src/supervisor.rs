//! The one task that watches over all: signals, the end, the order and limits of shutdown.

use crate::board::{Id, signal};
use crate::core::{Command, Core, Reason};
use crate::report::{Ending, Report};
use crate::signals::{Heard, Listener};
use crate::state::{Cause, State};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;

/// How long services have to drop what they are doing once all limits are over.
const SETTLE: Duration = Duration::from_millis(100);

pub(crate) struct Supervisor {
    core: Arc<Core>,
    tasks: TaskTracker,
    listener: Listener,
    shutdown_timeout: Duration,
    report: watch::Sender<Option<Report>>,
}

impl Supervisor {
    pub(crate) fn new(
        core: Arc<Core>,
        tasks: TaskTracker,
        listener: Listener,
        shutdown_timeout: Duration,
    ) -> (Self, watch::Receiver<Option<Report>>) {
        let (report, receiver) = watch::channel(None);
        (Supervisor { core, tasks, listener, shutdown_timeout, report }, receiver)
    }

    pub(crate) async fn run(mut self) {
        self.until_shutdown().await;
        if self.core.board.alive() > 0 {
            self.shut_down().await;
        }
        self.abandon();
        for id in 0..self.core.board.len() as Id {
            self.core.board.raise(id, signal::OVER);
        }
        self.tasks.close();
        // A service whose thread is blocked holds its task for as long as it is.
        let _ = timeout(SETTLE, self.tasks.wait()).await;
        self.core.board.close();
        #[cfg(feature = "admin")]
        crate::admin::finish(&self.core).await;
        self.report.send_replace(Some(self.make_report()));
    }

    /// Until every service is in Exit, or the daemon is to stop.
    async fn until_shutdown(&mut self) {
        loop {
            if self.core.shutting_down().is_some() || self.core.board.alive() == 0 {
                return;
            }
            let core = self.core.clone();
            tokio::select! {
                biased;
                heard = self.listener.next() => match heard {
                    Heard::Stop(number) => self.core.shut_down(Reason::Signal(number)),
                    Heard::Reload => self.reload(),
                },
                () = core.supervisor.notified() => {}
            }
        }
    }

    fn reload(&self) {
        tracing::info!(target: "rxd", "reloading");
        for id in 0..self.core.board.len() as Id {
            drop(self.core.request(id, Command::Reload));
        }
    }

    /// Stops the services in order, within the overall deadline.
    async fn shut_down(&mut self) {
        let deadline = Instant::now() + self.shutdown_timeout;
        match self.core.shutting_down() {
            Some(Reason::Signal(number)) => tracing::info!(target: "rxd", signal = number, "stopping"),
            Some(Reason::Service(id)) => {
                tracing::error!(target: "rxd", "stopping, since service `{}` gave up", self.core.name(id));
            }
            Some(Reason::Asked) | None => tracing::info!(target: "rxd", "stopping"),
        }
        for id in self.core.ladder.begin() {
            self.core.board.raise(id, signal::SHUTDOWN);
        }
        let mut again = 0;
        while self.core.board.alive() > 0 {
            let core = self.core.clone();
            tokio::select! {
                biased;
                heard = self.listener.next() => {
                    if let Heard::Stop(number) = heard {
                        again += 1;
                        if again > 1 {
                            // The third signal, counting the one that began this.
                            std::process::exit(128 + number);
                        }
                        tracing::warn!(target: "rxd", signal = number, "stopping at once: all limits are over");
                        return self.kill().await;
                    }
                }
                () = core.supervisor.notified() => {}
                () = sleep_until(deadline) => {
                    let limit = self.shutdown_timeout;
                    tracing::error!(target: "rxd", "the daemon did not stop within {limit:?}: all limits are over");
                    return self.kill().await;
                }
            }
        }
    }

    /// All limits are zero from here on.
    async fn kill(&mut self) {
        for id in 0..self.core.board.len() as Id {
            self.core.board.raise(id, signal::SHUTDOWN | signal::KILL);
        }
        let end = Instant::now() + SETTLE;
        while self.core.board.alive() > 0 {
            let core = self.core.clone();
            tokio::select! {
                biased;
                heard = self.listener.next() => {
                    if let Heard::Stop(number) = heard {
                        std::process::exit(128 + number);
                    }
                }
                () = core.supervisor.notified() => {}
                () = sleep_until(end) => return,
            }
        }
    }

    /// Publishes Exit for whoever has not.
    fn abandon(&self) {
        if self.core.board.alive() == 0 {
            return;
        }
        for id in 0..self.core.board.len() as Id {
            let state = self.core.board.word(id).state;
            if let Some(seq) = self.core.board.abandon(id) {
                self.core.note(id, |detail| detail.overrun = Some(state));
                let service = &**self.core.name(id);
                tracing::debug!(target: "rxd::state", service, state = "exit", transition = "entering", seq);
                tracing::error!(target: "rxd", service, "abandoned: it does not answer in {state}");
            }
        }
    }

    fn make_report(&self) -> Report {
        let (_, words) = self.core.board.words();
        let services = words.iter().enumerate().map(|(id, word)| {
            let id = id as Id;
            Ending {
                name: self.core.name(id).clone(),
                cause: word.cause,
                error: self.core.detail(id, |detail| detail.error.clone()),
                restarts: self.core.detail(id, |detail| detail.restarts),
                failed: word.gave_up && word.cause != Cause::Abandoned,
                abandoned_in: self
                    .core
                    .detail(id, |detail| detail.overrun)
                    .or((word.cause == Cause::Abandoned).then_some(State::Unknown)),
            }
        });
        Report { daemon: self.core.daemon.clone(), reason: self.core.shutting_down(), services: services.collect() }
    }
}
