//! How a daemon reports that it is alive.

use crate::core::Core;
use crate::monitor::heartbeat::Look;
use crate::panic::emit;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// What is declared about the watchdog.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(not(feature = "systemd"), allow(dead_code, reason = "there is nobody to report to"))]
pub(crate) struct Alive {
    /// How often to report it. Zero: the daemon does not talk to the service manager at all.
    pub(crate) report: Option<Duration>,
    /// What to do about a service without a heartbeat.
    pub(crate) on_stale: OnStale,
}

/// What happens when a service that declared a heartbeat has none, while it is in Run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStale {
    /// The watchdog is fed no more, and the service manager ends the process. Without a watchdog it
    /// is logged, once for each time, and for whoever asks `/livez` to do so.
    #[default]
    StopPinging,
    /// The service is restarted first. If that does not take it out of Run, or does not bring its
    /// heartbeat back, as `StopPinging`.
    Restart,
}

/// Has stale services restarted, or at least named, where no watchdog is fed that would see to it. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Keeper(JoinHandle<()>);

impl Keeper {
    /// None, if no service has a heartbeat.
    pub(crate) fn start(core: &Arc<Core>) -> Option<Keeper> {
        let (period, on_stale) = core.pulse().period()?;
        Some(Keeper(tokio::spawn(keep(core.clone(), (period / 4).max(Duration::from_millis(1)), on_stale))))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(core: Arc<Core>, every: Duration, on_stale: OnStale) {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        let due = tick.tick().await;
        let look = Look { every, late: Instant::now().saturating_duration_since(due) };
        if on_stale == OnStale::StopPinging {
            core.say_lapsed(look);
            continue;
        }
        let stale = core.rescue(look).filter(|stale| !stale.is_curable());
        let trouble = stale.map(|stale| stale.text(&core)).unwrap_or_default();
        if trouble != told && !trouble.is_empty() {
            emit!(ERROR, target: "rxd", "{trouble}, and a restart has not helped");
        }
        told = trouble;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Daemon, Options, Runner, Service, State};

    /// Has a heartbeat in its second Run only.
    struct Wedged(u32);

    impl Runner for Wedged {
        async fn run(&mut self, cx: &Context) -> crate::Result {
            self.0 += 1;
            let mut beat = interval(Duration::from_millis(500));
            while !cx.is_cancelled() {
                tokio::select! {
                    _ = beat.tick(), if self.0 == 2 => cx.heartbeat(),
                    () = cx.cancelled() => {}
                }
            }
            Ok(())
        }
    }

    async fn start(on_stale: OnStale) -> crate::DaemonHandle {
        let service = Service::new("a", Wedged(0)).options(Options::DEFAULT.heartbeat(Duration::from_secs(2)));
        let handle = Daemon::new("d").signals([]).on_stale(on_stale).add(service).start().await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        handle
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_watchdog_a_stale_service_is_restarted_too() {
        let handle = start(OnStale::Restart).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(handle.states()["a"].incarnation, 2, "once, since that helped");
        assert!(handle.core().stale().is_none());
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "nobody looks any more");
    }

    #[tokio::test(start_paused = true)]
    async fn where_that_is_not_declared_it_is_not() {
        let handle = start(OnStale::StopPinging).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(handle.states()["a"].incarnation, 1);
        assert!(handle.core().stale().is_some_and(|stale| !stale.is_curable()));
    }

    /// Beats when the test says so.
    struct Follows(Arc<tokio::sync::Notify>);

    impl Runner for Follows {
        async fn run(&mut self, cx: &Context) -> crate::Result {
            loop {
                tokio::select! {
                    () = self.0.notified() => cx.heartbeat(),
                    () = cx.cancelled() => return Ok(()),
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn g57_service_is_not_restarted_for_a_pause_of_the_process() {
        let beat = Arc::new(tokio::sync::Notify::new());
        let service =
            Service::new("a", Follows(beat.clone())).options(Options::DEFAULT.heartbeat(Duration::from_secs(2)));
        let daemon = Daemon::new("d").signals([]).on_stale(OnStale::Restart).add(service);
        let handle = daemon.start().await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        for seconds in [1, 3, 6, 3600] {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // Nothing runs between two instants that are this far apart: a pause.
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert!(handle.core().stale().is_none(), "asked before the keeper looks, after {seconds} s");
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(handle.core().stale().is_none());
            beat.notify_one();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(handle.states()["a"].incarnation, 1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(handle.states()["a"].incarnation, 2, "its heartbeat lapses while the process runs");
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    }
}
