//! Heartbeats in paused time: with checks that the test makes itself, then with those of a running
//! daemon.

use super::*;
use crate::board::Board;
use crate::core::names::ServiceNames;
use crate::core::stop_order::StopOrder;
use crate::lifecycle::state::{Cause, Transition};
use crate::{Context, Daemon, Runner, Service};
use tokio::time::advance;

const PERIOD: Duration = Duration::from_secs(2);

/// So seldom that the admin route never finds the periodic checker late.
const ON_TIME: CheckTiming = CheckTiming { interval: Duration::from_secs(3600), late_by: Duration::ZERO };

fn core() -> Core {
    let board = Board::new(vec![Vec::new(); 2], 16);
    Core::new("d".into(), ServiceNames::of_names(["a", "b"]), board, StopOrder::new(&vec![Vec::new(); 2]))
}

fn go(core: &Core, state: State, transition: Transition) {
    core.board.publish(0, state, transition, Cause::Normal);
}

fn beat(core: &Core) {
    core.board.service(0).beat.store(core.uptime().as_millis() as u64 + 1, Ordering::Relaxed);
}

fn monitor(on_stale: OnStale) -> HeartbeatMonitor {
    let options = Options::DEFAULT.heartbeat(PERIOD).timeout_of(State::Stop, Duration::from_secs(5));
    HeartbeatMonitor::new(on_stale, [&options, &options].into_iter())
}

fn attempt(monitor: &mut HeartbeatMonitor, core: &Core) -> Option<RestartAttempt> {
    monitor.check(core, ON_TIME).map(|stale| stale.attempt)
}

#[tokio::test(start_paused = true)]
async fn f91_service_is_stale_only_in_run_and_only_after_its_period() {
    let (core, mut monitor) = (core(), monitor(OnStale::StopPinging));
    advance(10 * PERIOD).await;
    assert_eq!(monitor.stale(&core), None, "not in Run");
    go(&core, State::Run, Transition::Entering);
    assert_eq!(monitor.stale(&core), None, "it has only just entered Run");
    advance(PERIOD).await;
    beat(&core);
    advance(PERIOD).await;
    assert_eq!(monitor.stale(&core), None, "in time");
    advance(Duration::from_millis(2)).await;
    assert_eq!(monitor.stale(&core).unwrap().id, 0);
    beat(&core);
    assert_eq!(monitor.stale(&core), None, "it has recovered");
    advance(2 * PERIOD).await;
    go(&core, State::Run, Transition::Exited);
    assert_eq!(monitor.stale(&core), None, "it has left Run");
    go(&core, State::Run, Transition::Entering);
    assert_eq!(monitor.stale(&core), None, "a new Run has a new period");
}

#[tokio::test(start_paused = true)]
async fn f91_service_is_stale_one_period_after_its_last_heartbeat() {
    let (core, mut monitor) = (core(), monitor(OnStale::StopPinging));
    go(&core, State::Run, Transition::Entering);
    for _ in 0..10 {
        beat(&core);
        advance(PERIOD / 4).await;
        assert_eq!(monitor.stale(&core), None);
    }
    advance(PERIOD).await;
    assert!(monitor.stale(&core).is_some());
}

#[tokio::test(start_paused = true)]
async fn stale_service_without_a_heartbeat_since_its_restart_is_not_restarted_again() {
    let (core, mut monitor) = (core(), monitor(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    assert_eq!(attempt(&mut monitor, &core), None);
    advance(PERIOD * 2).await;
    assert_eq!(monitor.stale(&core).unwrap().attempt, RestartAttempt::Due, "asking does not request a restart");
    assert_eq!(attempt(&mut monitor, &core), Some(RestartAttempt::Due));
    advance(PERIOD).await;
    assert_eq!(attempt(&mut monitor, &core), Some(RestartAttempt::UnderWay));
    go(&core, State::Run, Transition::Exited);
    assert_eq!(attempt(&mut monitor, &core), None);
    go(&core, State::Run, Transition::Entering);
    assert_eq!(attempt(&mut monitor, &core), None);
    advance(PERIOD * 2).await;
    assert_eq!(attempt(&mut monitor, &core), Some(RestartAttempt::Spent), "the restart did not help");
    beat(&core);
    assert_eq!(attempt(&mut monitor, &core), None);
    advance(PERIOD * 2).await;
    assert_eq!(attempt(&mut monitor, &core), Some(RestartAttempt::Due), "it recovered in between");
}

#[tokio::test(start_paused = true)]
async fn stale_service_that_does_not_leave_run_in_time_counts_as_stale() {
    let (core, mut monitor) = (core(), monitor(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    advance(PERIOD * 2).await;
    assert_eq!(attempt(&mut monitor, &core), Some(RestartAttempt::Due));
    advance(Duration::from_secs(11)).await;
    assert_eq!(attempt(&mut monitor, &core), Some(RestartAttempt::Spent));
}

#[tokio::test(start_paused = true)]
async fn second_stale_service_is_restarted_while_the_first_restart_is_under_way() {
    let (core, mut monitor) = (core(), monitor(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    advance(PERIOD * 2).await;
    assert_eq!(monitor.check(&core, ON_TIME).map(|stale| (stale.id, stale.attempt)), Some((0, RestartAttempt::Due)));
    core.board.publish(1, State::Run, Transition::Entering, Cause::Normal);
    advance(PERIOD * 2).await;
    assert_eq!(monitor.check(&core, ON_TIME).map(|stale| (stale.id, stale.attempt)), Some((1, RestartAttempt::Due)));
    assert_eq!(attempt(&mut monitor, &core), Some(RestartAttempt::UnderWay));
}

// ---- pauses of the whole process ---------------------------------------------------------------

/// As often as the heartbeat task and the watchdog's thread check a service of this period.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The next check, one [`CHECK_INTERVAL`] after the last and late by this much.
async fn next_check(monitor: &mut HeartbeatMonitor, core: &Core, late_by: Duration) -> Option<RestartAttempt> {
    advance(CHECK_INTERVAL + late_by).await;
    monitor.check(core, CheckTiming { interval: CHECK_INTERVAL, late_by }).map(|stale| stale.attempt)
}

/// How many checks in a row find nothing, each of them late by this much.
async fn checks_until_stale(monitor: &mut HeartbeatMonitor, core: &Core, late_by: Duration) -> u32 {
    let mut checks = 0;
    while checks < 1000 && next_check(monitor, core, late_by).await.is_none() {
        checks += 1;
    }
    checks
}

#[tokio::test(start_paused = true)]
async fn g57_service_after_a_pause_has_one_more_period_and_no_longer() {
    for pause in [PERIOD, 3 * PERIOD, 10_000 * PERIOD] {
        let (core, mut monitor) = (core(), monitor(OnStale::Restart));
        go(&core, State::Run, Transition::Entering);
        assert_eq!(next_check(&mut monitor, &core, Duration::ZERO).await, None);
        assert_eq!(next_check(&mut monitor, &core, pause).await, None);
        assert_eq!(checks_until_stale(&mut monitor, &core, Duration::ZERO).await, 4, "after {pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn g57_heartbeat_before_or_after_a_pause_counts() {
    let (core, mut monitor) = (core(), monitor(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    for _ in 0..10 {
        assert_eq!(next_check(&mut monitor, &core, Duration::ZERO).await, None);
        beat(&core);
        assert_eq!(next_check(&mut monitor, &core, 3 * PERIOD).await, None);
    }
    advance(CHECK_INTERVAL).await;
    beat(&core);
    assert_eq!(monitor.check(&core, ON_TIME), None);
    assert_eq!(
        checks_until_stale(&mut monitor, &core, Duration::ZERO).await,
        4,
        "the silence counts from the heartbeat"
    );
}

#[tokio::test(start_paused = true)]
async fn g57_service_that_was_stale_before_a_pause_stays_stale() {
    let (core, mut monitor) = (core(), monitor(OnStale::StopPinging));
    go(&core, State::Run, Transition::Entering);
    assert_eq!(checks_until_stale(&mut monitor, &core, Duration::ZERO).await, 4);
    assert_eq!(
        next_check(&mut monitor, &core, 3 * PERIOD).await,
        Some(RestartAttempt::Spent),
        "a pause does not resume the pings"
    );
    beat(&core);
    assert_eq!(next_check(&mut monitor, &core, 3 * PERIOD).await, None);
}

#[tokio::test(start_paused = true)]
async fn g57_stale_service_is_found_though_every_check_is_late() {
    for late_by in [CHECK_INTERVAL / 10, CHECK_INTERVAL, 3 * PERIOD] {
        let (core, mut monitor) = (core(), monitor(OnStale::StopPinging));
        go(&core, State::Run, Transition::Entering);
        let checks = checks_until_stale(&mut monitor, &core, late_by).await;
        assert!((4..=6).contains(&checks), "each of them late by {late_by:?}: {checks}");
    }
}

#[tokio::test(start_paused = true)]
async fn g57_livez_after_a_pause_waits_one_period_for_the_periodic_checker() {
    let (core, mut monitor) = (core(), monitor(OnStale::StopPinging));
    go(&core, State::Run, Transition::Entering);
    assert_eq!(next_check(&mut monitor, &core, Duration::ZERO).await, None);
    advance(3 * PERIOD).await;
    assert_eq!(monitor.stale(&core), None, "the checker has not checked yet");
    advance(PERIOD).await;
    assert_eq!(monitor.stale(&core), None);
    advance(CHECK_INTERVAL).await;
    assert!(monitor.stale(&core).is_some(), "the checker itself may be blocked");
    assert_eq!(next_check(&mut monitor, &core, 4 * PERIOD).await, None, "the checker knows how late it is");
    assert_eq!(monitor.stale(&core), None);
}

#[tokio::test(start_paused = true)]
async fn g57_restart_under_way_keeps_its_time_over_a_pause() {
    let (core, mut monitor) = (core(), monitor(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    assert_eq!(checks_until_stale(&mut monitor, &core, Duration::ZERO).await, 4);
    assert_eq!(next_check(&mut monitor, &core, 100 * PERIOD).await, Some(RestartAttempt::UnderWay));
    advance(Duration::from_secs(9)).await;
    assert_eq!(next_check(&mut monitor, &core, Duration::ZERO).await, Some(RestartAttempt::UnderWay));
    assert_eq!(
        next_check(&mut monitor, &core, Duration::ZERO).await,
        Some(RestartAttempt::Spent),
        "twice its limit of 5 s is over"
    );
}

// ---- in a running daemon ------------------------------------------------------------------------

/// Has a heartbeat in its second Run only.
struct BeatsAfterRestart(u32);

impl Runner for BeatsAfterRestart {
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
    let service = Service::new("a", BeatsAfterRestart(0)).options(Options::DEFAULT.heartbeat(Duration::from_secs(2)));
    let handle = Daemon::new("d").signals([]).on_stale(on_stale).add(service).start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    handle
}

#[tokio::test(start_paused = true)]
async fn stale_service_without_a_watchdog_is_restarted() {
    let handle = start(OnStale::Restart).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(handle.states()["a"].incarnation, 2, "once, since the restart helped");
    assert!(handle.core().stale().is_none());
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "the heartbeat task has ended");
}

#[tokio::test(start_paused = true)]
async fn stale_service_without_on_stale_restart_is_not_restarted() {
    let handle = start(OnStale::StopPinging).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(handle.states()["a"].incarnation, 1);
    assert!(handle.core().stale().is_some_and(|stale| !stale.is_restarting()));
}

/// Has a heartbeat for each notification by the test.
struct BeatsOnNotify(Arc<tokio::sync::Notify>);

impl Runner for BeatsOnNotify {
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
        Service::new("a", BeatsOnNotify(beat.clone())).options(Options::DEFAULT.heartbeat(Duration::from_secs(2)));
    let daemon = Daemon::new("d").signals([]).on_stale(OnStale::Restart).add(service);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    for seconds in [1, 3, 6, 3600] {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Nothing runs between two instants that are this far apart: a pause.
        tokio::time::advance(Duration::from_secs(seconds)).await;
        assert!(handle.core().stale().is_none(), "asked before the task checks, after {seconds} s");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(handle.core().stale().is_none());
        beat.notify_one();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(handle.states()["a"].incarnation, 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(handle.states()["a"].incarnation, 2, "its period ends while the process runs");
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
