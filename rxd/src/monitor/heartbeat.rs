//! Which services let their heartbeat lapse, and what is done about it.
//!
//! One looker at a time calls [`Core::rescue`] or [`Core::say_lapsed`] at a fixed interval: the
//! [`Keeper`](crate::monitor::keeper::Keeper), or the thread that feeds systemd's watchdog. The admin route asks
//! in between, by [`Core::stale`]. Only services that declared a heartbeat are looked at.
//!
//! # Pauses
//!
//! SIGSTOP, a freezer, a debugger or the migration of a virtual machine stop the services and the
//! looker alike, while the clock goes on. No service can beat then, so that time must not count:
//!
//! 1. The looker passes how late its own look is.
//! 2. That time is taken off the silence of every service.
//! 3. A look that is late by more than a quarter of a service's period gives this service a whole
//!    period from now, once until it beats again. Only once: a machine on which every look is late
//!    still finds a service that is wedged.
//! 4. A service whose heartbeat had lapsed before the pause stays as it is.

use crate::board::Id;
use crate::core::{Core, ServiceCommand};
use crate::engine::STOP_LIMIT;
use crate::lifecycle::options::Options;
use crate::lifecycle::state::State;
use crate::monitor::keeper::OnStale;
use crate::panic::emit;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A look that is late by more than this share of a period may have kept a service from beating in time.
const EXCUSE: u32 = 4;

/// The services with a heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    on_stale: OnStale,
    services: Vec<Beating>,
    /// When the looker looked last, and how often it does.
    looked: Option<(Duration, Duration)>,
    /// Since when the admin route knows that the looker is late.
    doubted: Option<Duration>,
}

/// One look of the one who looks at a fixed interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The interval between two looks.
    pub(crate) every: Duration,
    /// How long after its time this look comes.
    pub(crate) late: Duration,
}

#[derive(Debug)]
struct Beating {
    id: Id,
    period: Duration,
    /// How long a restart may take to get the service out of Run.
    patience: Duration,
    rescue: Option<Rescue>,
    silence: Silence,
    /// That it has lapsed was said.
    said: bool,
}

/// A restart for want of a heartbeat.
#[derive(Clone, Copy, Debug)]
struct Rescue {
    /// Of which Run, by the number of the transition into it.
    run: u64,
    at: Duration,
    /// Until when the service may take to leave that Run.
    until: Duration,
}

/// How long a service has been silent, without the time for which the process was paused.
#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    /// Its last heartbeat at the last look, or when it entered Run.
    sign: Duration,
    /// From when on the silence counts: `sign`, moved on by each pause.
    since: Duration,
    /// A pause since `sign` has given it a whole period.
    extended: bool,
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
            options.heartbeat.map(|period| Beating {
                id: id as Id,
                period,
                patience,
                rescue: None,
                silence: Silence::default(),
                said: false,
            })
        };
        Pulse { on_stale, services: options.enumerate().filter_map(beating).collect(), looked: None, doubted: None }
    }

    /// The shortest period, if there is one, and what is done about one that lapses.
    pub(crate) fn period(&self) -> Option<(Duration, OnStale)> {
        Some((self.services.iter().map(|service| service.period).min()?, self.on_stale))
    }

    /// Takes the time off that nobody was running.
    fn begin(&mut self, core: &Core, look: Look) {
        let now = core.uptime();
        let before = self.looked.map(|(at, _)| at);
        self.services.iter_mut().for_each(|service| service.pass_over(core, (before, now), look.late));
        self.looked = Some((now, look.every));
        self.doubted = None;
    }

    /// Those that have become stale, and for which nothing is to be done. Each is told once, until it beats again.
    fn lapsed(&mut self, core: &Core, look: Look) -> Vec<Stale> {
        self.begin(core, look);
        let (now, on_stale) = (core.uptime(), self.on_stale);
        let lapsed = self.services.iter_mut().filter_map(|service| {
            let stale = service.stale(core, now, on_stale, Duration::ZERO);
            let said = std::mem::replace(&mut service.said, stale.is_some());
            stale.filter(|_| !said)
        });
        lapsed.collect()
    }

    /// The worst of those that are stale at this moment.
    ///
    /// After a pause the admin route may ask before the looker looks: it waits for one period, no longer,
    /// since the looker may be a task behind a thread that is blocked.
    pub(crate) fn stale(&mut self, core: &Core) -> Option<Stale> {
        let now = core.uptime();
        let late = self.looked.map_or(Duration::ZERO, |(at, every)| now.saturating_sub(at.saturating_add(every)));
        let on_stale = self.on_stale;
        let doubted = &mut self.doubted;
        let stale = self.services.iter().filter_map(|service| {
            let late = late > service.period / EXCUSE;
            let from = if late { *doubted.get_or_insert(now) } else { Duration::ZERO };
            service.stale(core, now, on_stale, from)
        });
        stale.reduce(|worst, stale| if stale.help > worst.help { stale } else { worst })
    }

    /// As [`stale`](Pulse::stale), for the looker; one that is due to be restarted is noted to be.
    fn look(&mut self, core: &Core, look: Look) -> Option<Stale> {
        self.begin(core, look);
        let stale = self.stale(core)?;
        if stale.help == Help::Due {
            let service = self.services.iter_mut().find(|service| service.id == stale.id)?;
            let at = core.uptime();
            service.rescue = Some(Rescue { run: stale.run, at, until: at.saturating_add(service.patience) });
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

    /// Likewise, for the looker; has it restarted if that is what is to be done first.
    pub(crate) fn rescue(&self, look: Look) -> Option<Stale> {
        let stale = self.pulse().look(self, look)?;
        if stale.help == Help::Due {
            let service = &**self.name(stale.id);
            emit!(WARN, target: "rxd", service, "no heartbeat within {:?}: it is restarted", stale.period);
            drop(self.request(stale.id, ServiceCommand::Restart));
        }
        Some(stale)
    }

    /// Says which have lapsed, each time, where nothing else is done about it. For the looker.
    pub(crate) fn say_lapsed(&self, look: Look) {
        let lapsed = self.pulse().lapsed(self, look);
        for Stale { id, period, .. } in lapsed {
            let service = &**self.name(id);
            emit!(WARN, target: "rxd", service, "no heartbeat within {period:?}: it may be stuck, and is left alone");
        }
    }
}

impl Beating {
    /// Its last heartbeat, if there is one.
    fn beat(&self, core: &Core) -> Option<Duration> {
        let beat = core.board.service(self.id).beat.load(Ordering::Relaxed);
        (beat > 0).then(|| Duration::from_millis(beat - 1))
    }

    /// Which Run it is in, by the number of the transition into it, and its last sign of life there.
    fn sign(&self, core: &Core) -> Option<(u64, Duration)> {
        let status = core.board.status(self.id);
        let entered = Duration::from_nanos(status.at);
        status.is_in(State::Run).then(|| (status.seq, self.beat(core).unwrap_or_default().max(entered)))
    }

    /// A look comes late by this much.
    fn pass_over(&mut self, core: &Core, (before, now): (Option<Duration>, Duration), late: Duration) {
        if let Some(rescue) = &mut self.rescue {
            rescue.until = rescue.until.saturating_add(late);
        }
        let Some((_, sign)) = self.sign(core) else { return };
        if sign > self.silence.sign {
            self.silence = Silence { sign, since: sign, extended: false };
        }
        let (period, silence) = (self.period, &mut self.silence);
        if before.is_some_and(|before| before.saturating_sub(silence.since) > period) {
            // It had lapsed before. A pause must not have the watchdog fed again.
        } else if late > period / EXCUSE && !silence.extended {
            (silence.since, silence.extended) = (now, true);
        } else {
            silence.since = silence.since.saturating_add(late).min(now);
        }
    }

    /// Whether it has been silent for too long since then, or since its last sign of life.
    fn stale(&self, core: &Core, now: Duration, on_stale: OnStale, since: Duration) -> Option<Stale> {
        let (run, sign) = self.sign(core)?;
        let counts = if sign > self.silence.sign { sign } else { self.silence.since };
        if now.saturating_sub(counts.max(since)) <= self.period {
            return None;
        }
        // One that had a heartbeat since it was restarted is restarted again.
        let beat = self.beat(core);
        let help = match self.rescue.filter(|rescue| beat <= Some(rescue.at)) {
            _ if on_stale == OnStale::StopPinging => Help::None,
            None => Help::Due,
            Some(rescue) if rescue.run == run && now <= rescue.until => Help::Begun,
            Some(_) => Help::None,
        };
        Some(Stale { id: self.id, period: self.period, run, help })
    }
}

#[cfg(test)]
mod tests;
