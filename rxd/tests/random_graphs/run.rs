//! Runs a planned daemon for ten minutes of paused time.

use crate::plan::{MS, Plan, ServicePlan};
use crate::verdict::{Verdict, verdict};
use rxd::graph::Advice;
use rxd::testing::{Harness, Trace};
use rxd::{Context, Runner};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long each graph runs.
pub(crate) const RUN: Duration = Duration::from_secs(600);
/// The step of time in which transitions are counted.
pub(crate) const STEP: Duration = Duration::from_secs(1);
/// A service that makes more transitions within a step runs at full speed.
pub(crate) const MOST_IN_A_STEP: u64 = 1_000;
/// When all services fail at once.
const ALL_FAIL: Duration = Duration::from_secs(40);
/// How long a service takes to begin again after its own failure.
const OUTAGE: Duration = Duration::from_secs(2);
/// Every service has failed once by then, and its back-off has ended.
pub(crate) const CALM: Duration = Duration::from_secs(60);
/// Services that still evict each other this long after that will not stop.
const RESTLESS: Duration = Duration::from_secs(10);

/// How many transitions they make then, at least.
pub(crate) const MOST_WHEN_CALM: usize = 6;

/// What came of one graph.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) trace: Trace,
    pub(crate) advice: Vec<Advice>,
}

/// Works until it fails once, or until its job is done.
pub(crate) struct Subject {
    is_job: bool,
    init: Duration,
    fails_at: [Duration; 2],
    begun: Instant,
    failures: usize,
    /// Its next Init takes long.
    is_out: bool,
}

impl Subject {
    pub(crate) fn new(plan: &ServicePlan) -> Self {
        let fails_at = [plan.fails_at, ALL_FAIL];
        Subject { is_job: plan.is_job, init: plan.init, fails_at, begun: Instant::now(), failures: 0, is_out: false }
    }
}

impl Runner for Subject {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        let takes = if std::mem::take(&mut self.is_out) { OUTAGE } else { self.init };
        if !takes.is_zero() {
            cx.sleep(takes).await?;
        }
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        if self.is_job {
            cx.sleep(50 * MS).await?;
            return Ok(());
        }
        let Some(at) = self.fails_at.get(self.failures) else {
            cx.cancelled().await;
            return Ok(());
        };
        cx.or_cancelled(sleep_until(self.begun + *at)).await?;
        self.is_out = self.failures == 0;
        self.failures += 1;
        Err("planned failure".into())
    }
}

/// Runs the graph; `None` if the check refuses it.
pub(crate) fn run(plan: &Plan) -> Option<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let daemon = plan.daemon();
        daemon.check().ok()?;
        let advice = daemon.advice();
        rxd::testing::seed_jitter(plan.seed);
        let running = Harness::new(daemon).start().await;
        let transitions = || running.handle().states().seq();
        let mut before = transitions();
        for _ in 0..CALM.as_secs() {
            tokio::time::sleep(STEP).await;
            let now = transitions();
            if now - before > MOST_IN_A_STEP * plan.services.len() as u64 {
                break;
            }
            before = now;
        }
        // Services that evict each other when all is calm do so for ever.
        tokio::time::sleep(RESTLESS).await;
        if transitions() - before < MOST_WHEN_CALM as u64 {
            tokio::time::sleep(RUN - CALM - RESTLESS).await;
        }
        let trace = running.shutdown().await.trace;
        Some(Outcome { verdict: verdict(plan, &trace), trace, advice })
    })
}
