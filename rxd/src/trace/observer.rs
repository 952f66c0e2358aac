//! Checks the run of every daemon of a test process, however it was started.
//!
//! The environment variable `RXD_CHECK_INVARIANTS` asks for it; see [`testing`](crate::testing).

use super::Trace;
use super::added::AddedRules;
use super::rules::DeclaredRules;
use crate::core::Core;
use std::io::Write;
use std::sync::{Arc, LazyLock};

/// Whether the runs of this process are checked.
///
/// With `1` only in builds with debug assertions: a benchmark in the same workspace would otherwise
/// measure the check.
static IS_ENABLED: LazyLock<bool> = LazyLock::new(|| {
    let enables = |value: &str| value == "always" || value == "1" && cfg!(debug_assertions);
    std::env::var("RXD_CHECK_INVARIANTS").is_ok_and(|value| enables(&value))
});

/// Whether the runs of this process are checked.
pub(crate) fn is_enabled() -> bool {
    *IS_ENABLED
}

/// Checks a run when it is dropped: at the end of the run, or when the runtime is dropped under it.
#[derive(Debug)]
pub(crate) struct RunObserver {
    core: Arc<Core>,
    rules: DeclaredRules,
}

impl RunObserver {
    /// Records all transitions from here on.
    pub(crate) fn new(core: &Arc<Core>, rules: DeclaredRules) -> Self {
        core.board.record();
        AddedRules::keep(core);
        RunObserver { core: core.clone(), rules }
    }

    /// Which guarantees were broken, if any were.
    fn violation_report(&self) -> Option<String> {
        let rules = self.rules.clone().operated(&self.core);
        // Only the beginning of a long run is recorded, and that has not ended.
        let (events, is_whole) = self.core.board.recorded();
        let ended = is_whole && self.core.board.statuses().1.iter().all(|(_, status)| status.over);
        let trace = Trace::from_events(&self.core, &events, ended);
        trace.violation_report(&rules)
    }
}

impl Drop for RunObserver {
    /// Ends the process if a guarantee was broken. A panic might reach no test: the test may be
    /// over, or wait in another thread.
    fn drop(&mut self) {
        let Some(text) = self.violation_report() else { return };
        let thread = std::thread::current();
        let (daemon, thread) = (&self.core.daemon, thread.name().unwrap_or("without a name"));
        // Not by `eprintln!`: the test harness would capture it, and the process ends here.
        let _ = writeln!(std::io::stderr(), "daemon `{daemon}`, in thread `{thread}`, broke a guarantee: {text}");
        std::process::abort();
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use crate::testing::FakeService;
    use crate::{Daemon, Service, State};

    fn daemon() -> Daemon {
        Daemon::new("d")
            .signals([])
            .add(Service::new("a", FakeService::new()))
            .add(Service::new("b", FakeService::new()))
    }

    #[test]
    fn tests_of_this_crate_are_checked() {
        assert!(
            is_enabled() || !cfg!(debug_assertions),
            "cargo reads `.cargo/config.toml`, which sets RXD_CHECK_INVARIANTS"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn run_is_checked_against_its_declarations() {
        let fine = DeclaredRules::of(&daemon());
        let handle = daemon().start().await.unwrap();
        handle.wait_for(["a", "b"], State::Run).await.unwrap();
        handle.restart("a").await.unwrap();
        handle.wait_for(["a", "b"], State::Run).await.unwrap();
        handle.shutdown();
        let _ = handle.wait().await;
        // The same run, checked against its own rules and then against those of another daemon.
        let mut observer = RunObserver { core: handle.core().clone(), rules: fine.clone() };
        assert_eq!(observer.violation_report(), None);
        let gated = Daemon::new("d").add(Service::new("a", FakeService::new()).needs(["b"]));
        observer.rules = DeclaredRules::of(&gated.add(Service::new("b", FakeService::new())));
        let report = observer.violation_report().unwrap();
        assert!(report.contains("G9 broken"), "{report}");
        observer.rules = fine;
    }
}
