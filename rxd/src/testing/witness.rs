//! Has every daemon of a test process judged, whoever starts it.

use super::rules::DeclaredRules;
use super::trace::Trace;
use crate::core::Core;
use crate::daemon::Daemon;
use std::io::Write;
use std::sync::{Arc, LazyLock};

/// Asks for it; see the [module](super).
///
/// An optimised build is not judged for `1`: a benchmark of the same workspace would measure the judge.
static ASKED: LazyLock<bool> = LazyLock::new(|| {
    let asks = |value: &str| value == "always" || value == "1" && cfg!(debug_assertions);
    std::env::var("RXD_CHECK_INVARIANTS").is_ok_and(|value| asks(&value))
});

/// What is declared of a daemon, if its run is to be judged.
pub(crate) fn rules(daemon: &Daemon) -> Option<DeclaredRules> {
    ASKED.then(|| DeclaredRules::of(daemon))
}

/// Judges a run when it is dropped: at the run's end, or when the runtime is dropped under it.
#[derive(Debug)]
pub(crate) struct Witness {
    core: Arc<Core>,
    rules: DeclaredRules,
}

impl Witness {
    /// Notes all that happens from here on.
    pub(crate) fn new(core: &Arc<Core>, rules: DeclaredRules) -> Self {
        core.board.record();
        Witness { core: core.clone(), rules }
    }

    /// Which promises were broken, if any were.
    fn verdict(&self) -> Option<String> {
        let operated = self.core.operated().into_iter().map(|id| self.core.name(id));
        let rules = operated.fold(self.rules.clone(), |rules, name| rules.operator(name, 1));
        // Of a longer run only the beginning is kept, at which it had not ended.
        let (events, whole) = self.core.board.recorded();
        let ended = whole && self.core.board.statuses().1.iter().all(|word| word.over);
        let trace = Trace::from_events(&self.core, &events, ended);
        trace.violation_report(&rules)
    }
}

impl Drop for Witness {
    /// There is no test to panic in here: it may be over, or wait in another thread.
    fn drop(&mut self) {
        let Some(text) = self.verdict() else { return };
        let thread = std::thread::current();
        let (daemon, thread) = (&self.core.daemon, thread.name().unwrap_or("without a name"));
        // Not by `eprintln!`: what is captured would be lost.
        let _ = writeln!(std::io::stderr(), "daemon `{daemon}`, in thread `{thread}`, broke its promises: {text}");
        std::process::abort();
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use crate::testing::FakeService;
    use crate::{Service, State};

    fn daemon() -> Daemon {
        Daemon::new("d")
            .signals([])
            .add(Service::new("a", FakeService::new()))
            .add(Service::new("b", FakeService::new()))
    }

    #[test]
    fn all_of_these_tests_are_judged() {
        assert!(*ASKED || !cfg!(debug_assertions), "cargo reads `.cargo/config.toml`, which sets RXD_CHECK_INVARIANTS");
    }

    #[tokio::test(start_paused = true)]
    async fn it_knows_a_run_by_its_declarations() {
        let fine = DeclaredRules::of(&daemon());
        let handle = daemon().start().await.unwrap();
        handle.wait_for(["a", "b"], State::Run).await.unwrap();
        handle.restart("a").await.unwrap();
        handle.wait_for(["a", "b"], State::Run).await.unwrap();
        handle.shutdown();
        let _ = handle.wait().await;
        // What was recorded since the start, held against this and that.
        let mut witness = Witness { core: handle.core().clone(), rules: fine.clone() };
        assert_eq!(witness.verdict(), None);
        let gated = Daemon::new("d").add(Service::new("a", FakeService::new()).needs(["b"]));
        witness.rules = DeclaredRules::of(&gated.add(Service::new("b", FakeService::new())));
        let verdict = witness.verdict().unwrap();
        assert!(verdict.contains("G9 broken"), "{verdict}");
        witness.rules = fine;
    }
}
