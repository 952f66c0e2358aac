//! The start of a daemon, step by step.
//!
//! 1. Check the graph, the options, and the runtime. Nothing has been bound or spawned before that.
//! 2. Bind the admin route, and listen to the signals.
//! 3. Make the core, with the services' watches on its board. Start the monitor's thread, and
//!    systemd's notifications.
//! 4. Run the prestart stages; the first loads the configuration, if there is one. A signal ends
//!    them.
//! 5. Spawn the services and the supervisor, serve the admin route, and let systemd's READY be
//!    sent. If a signal has ended step 4, the services are asked to shut down before they are
//!    spawned, so each goes to Exit without Init.
//!
//! The monitor comes before the prestart stages, since those may block too. An error in the steps 1
//! to 4 is the error of the start, and no service has entered Init.

use super::Daemon;
use super::added::entry::Spawner;
use super::engine_tasks::EngineTasks;
#[cfg(feature = "admin")]
use super::family::Family;
use super::service::Service;
use super::supervisor::Supervisor;
use super::{prestart, wiring};
#[cfg(feature = "admin")]
use crate::admin::graph_svg::Pictures;
use crate::board::{Id, signal};
#[cfg(feature = "admin")]
use crate::core::Core;
use crate::core::Reply;
use crate::error::Error;
use crate::exit::RunningDaemon;
use crate::handle::DaemonHandle;
use crate::in_span::{InSpan, span};
use crate::monitor::MonitorHandle;
use crate::monitor::heartbeat::HeartbeatMonitor;
use crate::panic::emit;
use crate::race::{Winner, race};
use crate::report::ShutdownReason;
use crate::shutdown::{Notice, StopLimits, Stopping};
use crate::signals::{Reactions, SignalEvent, SignalListener};
use crate::systemd::Systemd;
use std::future::Future;
use std::io::IsTerminal;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

impl Daemon {
    /// As [`start`](Daemon::start), as a boxed future: its code is compiled with rxd, and not again
    /// with each program.
    pub(super) fn begin(self) -> Pin<Box<dyn Future<Output = Result<DaemonHandle, Error>> + Send>> {
        Box::pin(self.check_and_start())
    }

    async fn check_and_start(mut self) -> Result<DaemonHandle, Error> {
        let Ok(runtime) = Handle::try_current() else {
            return Err(Error::msg("failed to start: there is no tokio runtime; write #[tokio::main] above main"));
        };
        let mut order = self.checked()?;
        crate::panic::note_locations();
        #[cfg(feature = "log")]
        crate::log::format::daemon_starts(&self.name);
        let reactions = Reactions::new(self.signals.take());
        let needs_io = reactions.any();
        #[cfg(feature = "process")]
        let needs_io = needs_io || self.reap_orphans;
        #[cfg(feature = "admin")]
        let needs_io = needs_io || self.admin.is_some();
        crate::daemon::runtime::check(needs_io)?;
        #[cfg(feature = "admin")]
        let admin = crate::admin::bind(self.admin.take()).await?;
        // The listener first: until it is there, a signal ends the process as after the daemon before.
        let mut listener = SignalListener::new(&reactions)?;
        let running = RunningDaemon::new(&reactions.stop);
        self.log_advice();
        if self.services.iter().any(Service::is_off) {
            self.services.retain(|service| !service.is_off());
            order = self.with_graph(|graph| graph.stops_before());
        }
        #[cfg(any(test, feature = "test-util"))]
        let rules = crate::trace::observer::is_enabled().then(|| self.declared_rules());
        let (core, watches) = wiring::wire(self.name, &mut self.services, &self.families, &order, self.options.history);
        let core = Arc::new(core);
        #[cfg(feature = "config-watch")]
        if let Some(config) = &mut self.config {
            super::config_watch::begin(&core, std::mem::take(&mut config.files), &runtime)?;
        }
        #[cfg(any(test, feature = "test-util"))]
        let observer = rules.map(|rules| crate::trace::observer::RunObserver::new(&core, rules));
        // Before the prestart stages, which may block too.
        let monitor = MonitorHandle::start(&core, self.options.blocking_threshold, SignalListener::new(&reactions)?);
        #[cfg(feature = "admin")]
        keep_graph(&core, &mut self.services, &self.families);
        let services = self.services;
        core.monitor_heartbeats(HeartbeatMonitor::new(self.watchdog.on_stale, services.iter().map(Service::limits)));
        let members = match self.families.is_empty() {
            true => Vec::new(),
            false => super::scale::begin(&core, self.families, watches),
        };
        let mut systemd = Systemd::begin(&core, self.watchdog, services.iter().map(Service::limits));
        systemd.warn_of_long_stop(self.options.drain.saturating_add(self.options.shutdown_timeout));
        // READY waits until the admin route is there too.
        let hold = systemd.hold();
        let mut stages = self.prestart;
        if let Some(config) = self.config {
            let demands = (0..).zip(&services).filter_map(|(id, service)| Some((id, service.config_demand()?)));
            stages.splice(0..0, config.stage(&core, demands));
        }
        let passed = async {
            match stages.is_empty() {
                true => Ok(()),
                false => prestart::pass(&mut stages, self.options.prestart_restart, &systemd, &core).await,
            }
        };
        let mut reloads = false;
        let ended_by = match race(stop_signal(&mut listener, &mut reloads), passed).await {
            Winner::First(number) => Ok(Some(number)),
            Winner::Second(passed) => passed.map(|()| None),
        };
        drop(stages);
        let ended_by = match ended_by {
            Ok(ended_by) => ended_by,
            Err(error) => {
                systemd.start_failed(&error);
                systemd.finish().await;
                return Err(error);
            }
        };
        systemd.services_start();
        if let Some(number) = ended_by {
            core.shut_down(ShutdownReason::Signal(number));
            core.board.ids().into_iter().for_each(|id| core.board.raise(id, signal::SHUTDOWN));
        }
        if reloads {
            emit!(INFO, target: "rxd", "SIGHUP during the start: the daemon reloads once its services are there");
            core.request_reload(Reply::Unawaited);
        }
        let tasks = EngineTasks::default();
        let spawner = core.extensions.insert(Spawner { tasks: tasks.clone(), runtime: runtime.clone() });
        for (id, service) in services.into_iter().enumerate() {
            let id = id as Id;
            let span = span(
                || tracing::error_span!(target: "rxd", "service", service = %core.name(id), daemon = %core.daemon),
            );
            service.spawn(&core, id, (&tasks, &runtime), span);
        }
        members.into_iter().for_each(|(id, service)| spawner.spawn(&core, id, service));
        // After a signal during the prestart stages no service serves anybody.
        let drain = if ended_by.is_some() { Duration::ZERO } else { self.options.drain };
        let limits = StopLimits {
            drain_at_signal: if std::io::stdin().is_terminal() { Duration::ZERO } else { drain },
            drain_at_request: drain,
            shutdown_timeout: self.options.shutdown_timeout,
        };
        let notice = systemd.notice();
        let notice = Notice(Box::new(move |within| notice.stopping(within)));
        let stopping =
            Stopping::new(core.clone(), notice, running, (limits, self.options.exit_code), self.ends_process);
        let stopping = Arc::new(stopping);
        let supervisor = Supervisor::new(stopping, core.clone(), tasks, listener, monitor, systemd);
        let supervisor = supervisor.with_start_timeout(self.options.start_timeout);
        #[cfg(feature = "process")]
        let supervisor = supervisor.reaping(self.reap_orphans.then(|| super::orphans::OrphanTask::start(&runtime)));
        #[cfg(any(test, feature = "test-util"))]
        let supervisor = supervisor.observed_by(observer);
        let span = span(|| tracing::error_span!(target: "rxd", "daemon", daemon = %core.daemon));
        let supervisor: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(InSpan::new(supervisor.run(), span));
        core.subscriber.spawn(&runtime, supervisor);
        let handle = DaemonHandle::new(core);
        #[cfg(feature = "admin")]
        if let Some(admin) = admin {
            admin.serve(&handle);
        }
        hold.release();
        Ok(handle)
    }
}

/// Keeps what the pictures of the graph are made from, should anybody ask for one.
#[cfg(feature = "admin")]
fn keep_graph(core: &Core, services: &mut [Service], families: &[Family]) {
    let names = (0..).map(|id| core.name(id).clone());
    let services = services.iter_mut().zip(names).map(|(service, name)| service.take_drawn(name));
    let mut drawn = Daemon::new(core.daemon.clone()).add_all(services);
    drawn.families.extend(families.iter().map(Family::drawn));
    let drawn = crate::sync::Mutex::new(drawn);
    core.extensions.insert(Pictures::of(move |draw| drawn.lock().with_graph(draw)));
}

/// Waits for a signal that stops the daemon. Notes one that reloads it: nothing can reload before the
/// services are there.
async fn stop_signal(listener: &mut SignalListener, reloads: &mut bool) -> i32 {
    loop {
        match listener.next().await {
            SignalEvent::Stop(number) => return number,
            SignalEvent::Reload => *reloads = true,
        }
    }
}
