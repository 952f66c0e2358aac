//! Which services let their heartbeat lapse. Only those that declared one are looked at.

use crate::alive::OnStale;
use crate::board::Id;
use crate::core::Core;
use crate::state::State;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The services with a heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Vec<Beating>);

#[derive(Debug)]
struct Beating {
    id: Id,
    period: Duration,
    /// How long a restart may take to get the service out of Run.
    patience: Duration,
    /// The number of the transition into the Run it was last seen in, and when that was.
    run: Option<(u64, Duration)>,
    /// When it was restarted, and in which Run, if it has not had a heartbeat since.
    rescue: Option<(u64, Duration)>,
}

/// A service in Run whose heartbeat lapsed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) id: Id,
    /// How long it may go without one.
    pub(crate) period: Duration,
    pub(crate) rescue: Rescue,
}

/// What a restart can do for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rescue {
    /// It is to be restarted now.
    pub(crate) begins: bool,
    /// It is being restarted, and that may yet help.
    pub(crate) patient: bool,
}

impl Pulse {
    /// `patience`: how long the service may take to leave Run.
    pub(crate) fn add(&mut self, id: Id, period: Duration, patience: Duration) {
        self.0.push(Beating { id, period, patience, run: None, rescue: None });
    }

    /// The worst of those that are stale at this moment.
    pub(crate) fn stale(&mut self, core: &Core, on_stale: OnStale) -> Option<Stale> {
        let now = core.uptime();
        let mut worst: Option<Stale> = None;
        for service in &mut self.0 {
            if let Some(stale) = service.stale(core, now, on_stale) {
                if worst.as_ref().is_none_or(|worst| worst.rescue.patient && !stale.rescue.patient) {
                    worst = Some(stale);
                }
                if worst.as_ref().is_some_and(|worst| worst.rescue.begins) {
                    // One at a time: the next look is soon.
                    break;
                }
            }
        }
        worst
    }
}

impl Beating {
    fn stale(&mut self, core: &Core, now: Duration, on_stale: OnStale) -> Option<Stale> {
        let beat = core.board.ear(self.id).beat.load(Ordering::Relaxed);
        let beat = (beat > 0).then(|| Duration::from_millis(beat - 1));
        if self.rescue.is_some_and(|(_, at)| beat > Some(at)) {
            self.rescue = None;
        }
        let word = core.board.word(self.id);
        if !word.is_in(State::Run) {
            self.run = None;
            return None;
        }
        let (run, entered) = match self.run {
            Some(run) if run.0 == word.seq => run,
            _ => *self.run.insert((word.seq, now)),
        };
        let since = now.saturating_sub(beat.unwrap_or_default().max(entered));
        if since <= self.period {
            return None;
        }
        let mut rescue = Rescue::default();
        if on_stale == OnStale::Restart {
            rescue.begins = self.rescue.is_none();
            let (rescued, at) = *self.rescue.get_or_insert((run, now));
            rescue.patient = rescued == run && now.saturating_sub(at) <= self.patience;
        }
        Some(Stale { id: self.id, period: self.period, rescue })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use crate::shutdown::Ladder;
    use crate::state::{Cause, Transition};
    use tokio::time::advance;

    const PERIOD: Duration = Duration::from_secs(2);

    fn core() -> Core {
        let board = Board::new(vec![Vec::new()], 16);
        Core::new("d".into(), vec!["a".into()], &[None], board, Ladder::new(vec![[].into()]))
    }

    fn go(core: &Core, state: State, transition: Transition) {
        core.board.publish(0, state, transition, Cause::Normal);
    }

    fn beat(core: &Core) {
        core.board.ear(0).beat.store(core.uptime().as_millis() as u64 + 1, Ordering::Relaxed);
    }

    fn pulse() -> Pulse {
        let mut pulse = Pulse::default();
        pulse.add(0, PERIOD, Duration::from_secs(10));
        pulse
    }

    #[tokio::test(start_paused = true)]
    async fn f91_stale_only_in_run_and_only_after_the_period() {
        let (core, mut pulse) = (core(), pulse());
        advance(10 * PERIOD).await;
        assert_eq!(pulse.stale(&core, OnStale::Trigger), None, "not in Run");
        go(&core, State::Run, Transition::Entering);
        assert_eq!(pulse.stale(&core, OnStale::Trigger), None, "it has only just entered Run");
        advance(PERIOD).await;
        beat(&core);
        advance(PERIOD).await;
        assert_eq!(pulse.stale(&core, OnStale::Trigger), None, "in time");
        advance(Duration::from_millis(2)).await;
        assert_eq!(pulse.stale(&core, OnStale::Trigger).unwrap().id, 0);
        beat(&core);
        assert_eq!(pulse.stale(&core, OnStale::Trigger), None, "it has recovered");
        advance(2 * PERIOD).await;
        go(&core, State::Run, Transition::Exited);
        assert_eq!(pulse.stale(&core, OnStale::Trigger), None, "it has left Run");
        go(&core, State::Run, Transition::Entering);
        assert_eq!(pulse.stale(&core, OnStale::Trigger), None, "a new Run, a new period");
    }

    #[tokio::test(start_paused = true)]
    async fn f91_stale_one_period_after_the_last_beat() {
        let (core, mut pulse) = (core(), pulse());
        go(&core, State::Run, Transition::Entering);
        for _ in 0..10 {
            beat(&core);
            advance(PERIOD / 4).await;
            assert_eq!(pulse.stale(&core, OnStale::Trigger), None);
        }
        advance(PERIOD).await;
        assert!(pulse.stale(&core, OnStale::Trigger).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_is_tried_once_until_it_beats_again() {
        let (core, mut pulse) = (core(), pulse());
        go(&core, State::Run, Transition::Entering);
        assert_eq!(pulse.stale(&core, OnStale::Restart), None);
        advance(PERIOD * 2).await;
        assert_eq!(pulse.stale(&core, OnStale::Restart).unwrap().rescue, Rescue { begins: true, patient: true });
        advance(PERIOD).await;
        assert_eq!(pulse.stale(&core, OnStale::Restart).unwrap().rescue, Rescue { begins: false, patient: true });
        go(&core, State::Run, Transition::Exited);
        assert_eq!(pulse.stale(&core, OnStale::Restart), None);
        go(&core, State::Run, Transition::Entering);
        assert_eq!(pulse.stale(&core, OnStale::Restart), None);
        advance(PERIOD * 2).await;
        assert_eq!(pulse.stale(&core, OnStale::Restart).unwrap().rescue, Rescue::default(), "it did not help");
        beat(&core);
        assert_eq!(pulse.stale(&core, OnStale::Restart), None);
        advance(PERIOD * 2).await;
        assert!(pulse.stale(&core, OnStale::Restart).unwrap().rescue.begins, "it had recovered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_that_takes_too_long_is_no_excuse() {
        let (core, mut pulse) = (core(), pulse());
        go(&core, State::Run, Transition::Entering);
        pulse.stale(&core, OnStale::Restart);
        advance(PERIOD * 2).await;
        assert!(pulse.stale(&core, OnStale::Restart).unwrap().rescue.patient);
        advance(Duration::from_secs(11)).await;
        assert!(!pulse.stale(&core, OnStale::Restart).unwrap().rescue.patient);
    }
}
