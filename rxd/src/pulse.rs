//! Which services let their heartbeat lapse, and what is done about it. Only those that declared
//! one are looked at.

use crate::alive::OnStale;
use crate::board::Id;
use crate::core::{Command, Core};
use crate::engine::STOP_LIMIT;
use crate::options::Options;
use crate::state::State;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The services with a heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    on_stale: OnStale,
    services: Vec<Beating>,
}

#[derive(Debug)]
struct Beating {
    id: Id,
    period: Duration,
    /// How long a restart may take to get the service out of Run.
    patience: Duration,
    /// In which Run it was restarted, by the number of the transition into it, and when.
    rescue: Option<(u64, Duration)>,
    /// That it has lapsed was said.
    said: bool,
}

/// A service in Run whose heartbeat lapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) id: Id,
    /// How long it may go without one.
    period: Duration,
    run: u64,
    help: Help,
}

/// What a restart can do for it. The worse comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Help {
    /// It is being restarted, and that may yet help.
    Begun,
    /// It is to be restarted.
    Due,
    /// Nothing.
    None,
}

impl Stale {
    /// Whether a restart may yet help.
    pub(crate) fn is_curable(&self) -> bool {
        self.help != Help::None
    }

    /// The same words for as long as it lasts.
    pub(crate) fn text(&self, core: &Core) -> String {
        let verb = if self.is_curable() { "is restarted" } else { "is stale" };
        format!("{} {verb}: no heartbeat within {:?}", core.name(self.id), self.period)
    }
}

impl Pulse {
    /// `options` are the services', in order.
    pub(crate) fn new<'a>(on_stale: OnStale, options: impl Iterator<Item = &'a Options>) -> Pulse {
        let beating = |(id, options): (usize, &Options)| {
            // Run is given its time to return, then what it spawned is.
            let patience = options.timeouts[3].unwrap_or(STOP_LIMIT).saturating_mul(2);
            options.heartbeat.map(|period| Beating { id: id as Id, period, patience, rescue: None, said: false })
        };
        Pulse { on_stale, services: options.enumerate().filter_map(beating).collect() }
    }

    /// The shortest period, if there is one, and what is done about one that lapses.
    pub(crate) fn period(&self) -> Option<(Duration, OnStale)> {
        Some((self.services.iter().map(|service| service.period).min()?, self.on_stale))
    }

    /// Those that have become stale, and for which nothing is to be done. Each is told once, until it beats again.
    fn lapsed(&mut self, core: &Core) -> Vec<Stale> {
        let (now, on_stale) = (core.uptime(), self.on_stale);
        let lapsed = self.services.iter_mut().filter_map(|service| {
            let stale = service.stale(core, now, on_stale);
            let said = std::mem::replace(&mut service.said, stale.is_some());
            stale.filter(|_| !said)
        });
        lapsed.collect()
    }

    /// The worst of those that are stale at this moment.
    pub(crate) fn stale(&self, core: &Core) -> Option<Stale> {
        let now = core.uptime();
        let stale = self.services.iter().filter_map(|service| service.stale(core, now, self.on_stale));
        stale.reduce(|worst, stale| if stale.help > worst.help { stale } else { worst })
    }

    /// Likewise; one that is due to be restarted is noted to be.
    pub(crate) fn look(&mut self, core: &Core) -> Option<Stale> {
        let stale = self.stale(core)?;
        if stale.help == Help::Due {
            let service = self.services.iter_mut().find(|service| service.id == stale.id)?;
            service.rescue = Some((stale.run, core.uptime()));
        }
        Some(stale)
    }
}

impl Core {
    /// The worst of the services whose heartbeat lapsed.
    #[cfg_attr(not(feature = "admin"), allow(dead_code, reason = "nobody asks"))]
    pub(crate) fn stale(&self) -> Option<Stale> {
        self.pulse().stale(self)
    }

    /// Likewise, and has it restarted if that is what is to be done first.
    pub(crate) fn rescue(&self) -> Option<Stale> {
        let stale = self.pulse().look(self)?;
        if stale.help == Help::Due {
            let service = &**self.name(stale.id);
            tracing::warn!(target: "rxd", service, "no heartbeat within {:?}: it is restarted", stale.period);
            drop(self.request(stale.id, Command::Restart));
        }
        Some(stale)
    }

    /// Says which have lapsed, each time, where nothing else is done about it.
    pub(crate) fn say_lapsed(&self) {
        let lapsed = self.pulse().lapsed(self);
        for Stale { id, period, .. } in lapsed {
            let service = &**self.name(id);
            tracing::warn!(target: "rxd", service, "no heartbeat within {period:?}: it may be stuck, and is left alone");
        }
    }
}

impl Beating {
    fn stale(&self, core: &Core, now: Duration, on_stale: OnStale) -> Option<Stale> {
        let word = core.board.word(self.id);
        if !word.is_in(State::Run) {
            return None;
        }
        let beat = core.board.ear(self.id).beat.load(Ordering::Relaxed);
        let beat = (beat > 0).then(|| Duration::from_millis(beat - 1));
        let since = now.saturating_sub(beat.unwrap_or_default().max(Duration::from_nanos(word.at)));
        if since <= self.period {
            return None;
        }
        // One that had a heartbeat since it was restarted is restarted again.
        let help = match self.rescue.filter(|(_, at)| beat <= Some(*at)) {
            _ if on_stale == OnStale::Trigger => Help::None,
            None => Help::Due,
            Some((run, at)) if run == word.seq && now.saturating_sub(at) <= self.patience => Help::Begun,
            Some(_) => Help::None,
        };
        Some(Stale { id: self.id, period: self.period, run: word.seq, help })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use crate::directory::Directory;
    use crate::shutdown::Ladder;
    use crate::state::{Cause, Transition};
    use tokio::time::advance;

    const PERIOD: Duration = Duration::from_secs(2);

    fn core() -> Core {
        let board = Board::new(vec![Vec::new(); 2], 16);
        Core::new("d".into(), Directory::of_names(["a", "b"]), board, Ladder::new(&vec![Vec::new(); 2]))
    }

    fn go(core: &Core, state: State, transition: Transition) {
        core.board.publish(0, state, transition, Cause::Normal);
    }

    fn beat(core: &Core) {
        core.board.ear(0).beat.store(core.uptime().as_millis() as u64 + 1, Ordering::Relaxed);
    }

    fn pulse(on_stale: OnStale) -> Pulse {
        let options = Options::DEFAULT.heartbeat(PERIOD).timeout_of(State::Stop, Duration::from_secs(5));
        Pulse::new(on_stale, [&options, &options].into_iter())
    }

    fn help(pulse: &mut Pulse, core: &Core) -> Option<Help> {
        pulse.look(core).map(|stale| stale.help)
    }

    #[tokio::test(start_paused = true)]
    async fn f91_stale_only_in_run_and_only_after_the_period() {
        let (core, pulse) = (core(), pulse(OnStale::Trigger));
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
        let (core, pulse) = (core(), pulse(OnStale::Trigger));
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
        assert_eq!(pulse.look(&core).map(|stale| (stale.id, stale.help)), Some((0, Help::Due)));
        core.board.publish(1, State::Run, Transition::Entering, Cause::Normal);
        advance(PERIOD * 2).await;
        assert_eq!(pulse.look(&core).map(|stale| (stale.id, stale.help)), Some((1, Help::Due)));
        assert_eq!(help(&mut pulse, &core), Some(Help::Begun));
    }
}
