//! Heartbeats in paused time, with the looks that a test makes.

use super::*;
use crate::board::Board;
use crate::core::names::ServiceNames;
use crate::core::stop_order::StopOrder;
use crate::lifecycle::state::{Cause, Transition};
use tokio::time::advance;

const PERIOD: Duration = Duration::from_secs(2);

/// Seldom enough that the admin route never takes the looker for late.
const IN_TIME: Look = Look { every: Duration::from_secs(3600), late: Duration::ZERO };

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

fn pulse(on_stale: OnStale) -> Pulse {
    let options = Options::DEFAULT.heartbeat(PERIOD).timeout_of(State::Stop, Duration::from_secs(5));
    Pulse::new(on_stale, [&options, &options].into_iter())
}

fn help(pulse: &mut Pulse, core: &Core) -> Option<Help> {
    pulse.look(core, IN_TIME).map(|stale| stale.help)
}

#[tokio::test(start_paused = true)]
async fn f91_stale_only_in_run_and_only_after_the_period() {
    let (core, mut pulse) = (core(), pulse(OnStale::StopPinging));
    advance(10 * PERIOD).await;
    assert_eq!(pulse.stale(&core), None, "not in Run");
    go(&core, State::Run, Transition::Entering);
    assert_eq!(pulse.stale(&core), None, "it has only just entered Run");
    advance(PERIOD).await;
    beat(&core);
    advance(PERIOD).await;
    assert_eq!(pulse.stale(&core), None, "in time");
    advance(Duration::from_millis(2)).await;
    assert_eq!(pulse.stale(&core).unwrap().id, 0);
    beat(&core);
    assert_eq!(pulse.stale(&core), None, "it has recovered");
    advance(2 * PERIOD).await;
    go(&core, State::Run, Transition::Exited);
    assert_eq!(pulse.stale(&core), None, "it has left Run");
    go(&core, State::Run, Transition::Entering);
    assert_eq!(pulse.stale(&core), None, "a new Run, a new period");
}

#[tokio::test(start_paused = true)]
async fn f91_stale_one_period_after_the_last_beat() {
    let (core, mut pulse) = (core(), pulse(OnStale::StopPinging));
    go(&core, State::Run, Transition::Entering);
    for _ in 0..10 {
        beat(&core);
        advance(PERIOD / 4).await;
        assert_eq!(pulse.stale(&core), None);
    }
    advance(PERIOD).await;
    assert!(pulse.stale(&core).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_tried_once_until_it_beats_again() {
    let (core, mut pulse) = (core(), pulse(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    assert_eq!(help(&mut pulse, &core), None);
    advance(PERIOD * 2).await;
    assert_eq!(pulse.stale(&core).unwrap().help, Help::Due, "to ask does nothing");
    assert_eq!(help(&mut pulse, &core), Some(Help::Due));
    advance(PERIOD).await;
    assert_eq!(help(&mut pulse, &core), Some(Help::Begun));
    go(&core, State::Run, Transition::Exited);
    assert_eq!(help(&mut pulse, &core), None);
    go(&core, State::Run, Transition::Entering);
    assert_eq!(help(&mut pulse, &core), None);
    advance(PERIOD * 2).await;
    assert_eq!(help(&mut pulse, &core), Some(Help::None), "it did not help");
    beat(&core);
    assert_eq!(help(&mut pulse, &core), None);
    advance(PERIOD * 2).await;
    assert_eq!(help(&mut pulse, &core), Some(Help::Due), "it had recovered");
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_takes_too_long_is_no_excuse() {
    let (core, mut pulse) = (core(), pulse(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    advance(PERIOD * 2).await;
    assert_eq!(help(&mut pulse, &core), Some(Help::Due));
    advance(Duration::from_secs(11)).await;
    assert_eq!(help(&mut pulse, &core), Some(Help::None));
}

#[tokio::test(start_paused = true)]
async fn a_second_one_is_restarted_while_the_first_still_is() {
    let (core, mut pulse) = (core(), pulse(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    advance(PERIOD * 2).await;
    assert_eq!(pulse.look(&core, IN_TIME).map(|stale| (stale.id, stale.help)), Some((0, Help::Due)));
    core.board.publish(1, State::Run, Transition::Entering, Cause::Normal);
    advance(PERIOD * 2).await;
    assert_eq!(pulse.look(&core, IN_TIME).map(|stale| (stale.id, stale.help)), Some((1, Help::Due)));
    assert_eq!(help(&mut pulse, &core), Some(Help::Begun));
}

// ---- pauses of the whole process ---------------------------------------------------------------

/// As often as the keeper and the feeder look at a service of this period.
const EVERY: Duration = Duration::from_millis(500);

/// The next look of a looker that looks [`EVERY`] and is late by this much.
async fn next(pulse: &mut Pulse, core: &Core, late: Duration) -> Option<Help> {
    advance(EVERY + late).await;
    pulse.look(core, Look { every: EVERY, late }).map(|stale| stale.help)
}

/// How many looks that are each late by this much find nothing.
async fn looks_without_a_finding(pulse: &mut Pulse, core: &Core, late: Duration) -> u32 {
    let mut looks = 0;
    while looks < 1000 && next(pulse, core, late).await.is_none() {
        looks += 1;
    }
    looks
}

#[tokio::test(start_paused = true)]
async fn g57_heartbeat_after_a_pause_has_one_more_period_and_no_longer() {
    for pause in [PERIOD, 3 * PERIOD, 10_000 * PERIOD] {
        let (core, mut pulse) = (core(), pulse(OnStale::Restart));
        go(&core, State::Run, Transition::Entering);
        assert_eq!(next(&mut pulse, &core, Duration::ZERO).await, None);
        assert_eq!(next(&mut pulse, &core, pause).await, None);
        assert_eq!(looks_without_a_finding(&mut pulse, &core, Duration::ZERO).await, 4, "after {pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn g57_heartbeat_before_or_after_a_pause_is_not_forgotten() {
    let (core, mut pulse) = (core(), pulse(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    for _ in 0..10 {
        assert_eq!(next(&mut pulse, &core, Duration::ZERO).await, None);
        beat(&core);
        assert_eq!(next(&mut pulse, &core, 3 * PERIOD).await, None);
    }
    advance(EVERY).await;
    beat(&core);
    assert_eq!(pulse.look(&core, IN_TIME), None);
    assert_eq!(looks_without_a_finding(&mut pulse, &core, Duration::ZERO).await, 4, "it counts from the beat");
}

#[tokio::test(start_paused = true)]
async fn g57_heartbeat_that_had_lapsed_stays_lapsed_over_a_pause() {
    let (core, mut pulse) = (core(), pulse(OnStale::StopPinging));
    go(&core, State::Run, Transition::Entering);
    assert_eq!(looks_without_a_finding(&mut pulse, &core, Duration::ZERO).await, 4);
    assert_eq!(next(&mut pulse, &core, 3 * PERIOD).await, Some(Help::None), "the watchdog is not fed by a pause");
    beat(&core);
    assert_eq!(next(&mut pulse, &core, 3 * PERIOD).await, None);
}

#[tokio::test(start_paused = true)]
async fn g57_heartbeat_that_lapses_is_found_though_every_look_is_late() {
    for late in [EVERY / 10, EVERY, 3 * PERIOD] {
        let (core, mut pulse) = (core(), pulse(OnStale::StopPinging));
        go(&core, State::Run, Transition::Entering);
        let looks = looks_without_a_finding(&mut pulse, &core, late).await;
        assert!((4..=6).contains(&looks), "each of them late by {late:?}: {looks}");
    }
}

#[tokio::test(start_paused = true)]
async fn g57_livez_after_a_pause_waits_for_the_looker_for_one_period() {
    let (core, mut pulse) = (core(), pulse(OnStale::StopPinging));
    go(&core, State::Run, Transition::Entering);
    assert_eq!(next(&mut pulse, &core, Duration::ZERO).await, None);
    advance(3 * PERIOD).await;
    assert_eq!(pulse.stale(&core), None, "it is asked first");
    advance(PERIOD).await;
    assert_eq!(pulse.stale(&core), None);
    advance(EVERY).await;
    assert!(pulse.stale(&core).is_some(), "the looker itself may be what is blocked");
    assert_eq!(next(&mut pulse, &core, 4 * PERIOD).await, None, "the looker knows how late it is");
    assert_eq!(pulse.stale(&core), None);
}

#[tokio::test(start_paused = true)]
async fn g57_restart_under_way_has_its_time_after_a_pause() {
    let (core, mut pulse) = (core(), pulse(OnStale::Restart));
    go(&core, State::Run, Transition::Entering);
    assert_eq!(looks_without_a_finding(&mut pulse, &core, Duration::ZERO).await, 4);
    assert_eq!(next(&mut pulse, &core, 100 * PERIOD).await, Some(Help::Begun));
    advance(Duration::from_secs(9)).await;
    assert_eq!(next(&mut pulse, &core, Duration::ZERO).await, Some(Help::Begun));
    assert_eq!(next(&mut pulse, &core, Duration::ZERO).await, Some(Help::None), "ten seconds of its own");
}
