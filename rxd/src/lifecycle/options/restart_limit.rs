//! Whether a service can ever reach its restart limit, given the delays before its restarts.
//!
//! A limit of `max` restarts within a window is reached by the failure after the last of `max`
//! restarts that all lie in the window. The delays between the first and the last of them take
//! time; if they take longer than the window, the service is restarted for ever. Before each restart
//! there is the longer one of its back-off and the delay before Init. Other delays do not count:
//! a service may fail before it comes to them.
//!
//! The compiler evaluates this, so a sum over four million delays must not take as many steps. A
//! sum over a growing back-off is added up by halves, in 32 steps at most; once the delays are at
//! their maximum, they are multiplied.

use super::{Backoff, Options, Restarts};
use std::time::Duration;

/// The shortest Run that resets the back-off, if `reset` is not declared.
const LEAST_RESET: f64 = 60.0;

/// A sum over fewer delays than this is added up one by one, which takes the fewest steps.
const FEW: u32 = 64;

/// A restart limit that is never reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnreachableLimit {
    pub(crate) max: u32,
    pub(crate) within: Duration,
    /// How long `max` restarts take at least, from the first to the last, in whole milliseconds.
    pub(crate) least: Duration,
    /// The largest `max` that a service reaches that fails at once, with delays of medium length.
    pub(crate) largest: u32,
    /// Whether the delay before Init is longer than the first delay of the back-off.
    pub(crate) is_delayed: bool,
}

/// What is wrong with the restart limit of these options, if it is never reached.
pub(crate) const fn unreachable_limit(options: &Options) -> Option<UnreachableLimit> {
    let Some(Restarts { max, within }) = options.restarts else { return None };
    let delays = Delays::of(options, 1.0 - options.backoff.jitter);
    // The sums are exact to some digits less than this, and a timer never fires early.
    let window = within.as_secs_f64() * (1.0 - 1e-12);
    // Without delays, or with one restart, there is nothing between the first and the last.
    let longest = if delays.floor > delays.max { delays.floor } else { delays.max };
    if max < 2 || longest * ((max - 1) as f64) < window {
        return None;
    }
    let least = delays.shortest(max, window);
    if least < window {
        return None;
    }
    let medium = Delays::of(options, 1.0);
    let (mut largest, mut too_many) = (1, max);
    while largest + 1 < too_many {
        let middle = largest + (too_many - largest) / 2;
        if medium.without_resets(middle) < window {
            largest = middle;
        } else {
            too_many = middle;
        }
    }
    let least = Duration::from_millis((least * 1e3) as u64);
    let is_delayed = options.delays[0].as_nanos() > options.backoff.base.as_nanos();
    Some(UnreachableLimit { max, within, least, largest, is_delayed })
}

/// The delays before restarts, in seconds.
struct Delays {
    base: f64,
    factor: f64,
    max: f64,
    reset: f64,
    /// No delay is shorter.
    floor: f64,
}

impl Delays {
    /// The delays with this share of each delay of the back-off.
    const fn of(options: &Options, share: f64) -> Delays {
        let Backoff { base, factor, max, reset, .. } = options.backoff;
        let reset = match reset {
            Some(reset) => reset.as_secs_f64(),
            None => LEAST_RESET,
        };
        let (base, max) = (base.as_secs_f64() * share, max.as_secs_f64() * share);
        Delays { base, factor, max, reset, floor: options.delays[0].as_secs_f64() }
    }

    /// The time from the first of `count` restarts to the last, if each Run fails at once.
    const fn without_resets(&self, count: u32) -> f64 {
        // The delay before the first one is outside.
        self.sum(count) - self.sum(1)
    }

    /// The shortest time from the first of `count` restarts to the last, or one that is not shorter
    /// than the window.
    ///
    /// A Run that lasts for `reset` makes the next delay the shortest again. That may take less
    /// time than the delays that it saves, so the number of such Runs is chosen that is best. The
    /// time is convex in it.
    const fn shortest(&self, count: u32, window: f64) -> f64 {
        // More of them do not fit into the window, or into the restarts.
        let mut most = count - 1;
        if self.reset * most as f64 >= window {
            most = (window / self.reset) as u32;
        }
        let mut fewest = 0;
        while fewest < most {
            let middle = fewest + (most - fewest) / 2;
            if self.with_resets(count, middle) <= self.with_resets(count, middle + 1) {
                most = middle;
            } else {
                fewest = middle + 1;
            }
        }
        self.with_resets(count, fewest)
    }

    /// The same for this number of Runs that reset the back-off, which divide the restarts into rows
    /// that are as equal as possible.
    const fn with_resets(&self, count: u32, resets: u32) -> f64 {
        let rows = resets + 1;
        let (length, longer) = (count / rows, count % rows);
        let delays = self.sum(length) * (rows - longer) as f64;
        let delays = if longer == 0 { delays } else { delays + self.sum(length + 1) * longer as f64 };
        delays - self.sum(1) + self.reset * resets as f64
    }

    /// The sum of the first `count` delays of a row.
    const fn sum(&self, count: u32) -> f64 {
        if self.floor == 0.0 {
            return self.sum_of_backoff(count);
        }
        // The delays of the back-off grow: the first ones are below the floor.
        let below = if self.base == 0.0 || self.max <= self.floor { count } else { self.growing(count, self.floor) };
        self.floor * below as f64 + self.sum_of_backoff(count) - self.sum_of_backoff(below)
    }

    /// The same without the floor.
    const fn sum_of_backoff(&self, count: u32) -> f64 {
        if self.base == 0.0 {
            return 0.0;
        }
        if self.factor == 1.0 || self.base >= self.max {
            return count as f64 * if self.base < self.max { self.base } else { self.max };
        }
        let (mut growing, mut sum, mut next) = (0, 0.0, self.base);
        while growing < count && growing < FEW && next < self.max {
            sum += next;
            next *= self.factor;
            growing += 1;
        }
        if growing == FEW {
            growing = self.growing(count, self.max);
            sum = self.base * geometric(self.factor, growing).0;
        }
        sum + (count - growing) as f64 * self.max
    }

    /// How many of the first `count` delays of a growing back-off are below this one.
    const fn growing(&self, count: u32, limit: f64) -> u32 {
        let (mut least, mut most) = (0, count);
        while least < most {
            let middle = least + (most - least) / 2;
            if self.base * geometric(self.factor, middle).1 < limit {
                least = middle + 1;
            } else {
                most = middle;
            }
        }
        least
    }
}

/// `1 + factor + .. + factor^(count - 1)`, and `factor^count`.
///
/// By halves, and without a difference of two numbers that are nearly equal, as
/// `(factor^count - 1) / (factor - 1)` would have for a factor near 1.
const fn geometric(factor: f64, count: u32) -> (f64, f64) {
    let (mut sum, mut power) = (0.0, 1.0);
    let mut bit = u32::BITS;
    while bit > 0 {
        bit -= 1;
        sum += power * sum;
        power *= power;
        if count >> bit & 1 == 1 {
            sum += power;
            power *= factor;
        }
    }
    (sum, power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::state::State;

    const SECOND: Duration = Duration::from_secs(1);

    /// The shortest time, by trying for each restart whether a Run resets the back-off before it.
    fn slow_shortest(options: &Options, count: u32) -> f64 {
        let (backoff, floor) = (&options.backoff, options.delays[0].as_secs_f64());
        let delay = |n: u32| {
            let grown = backoff.base.as_secs_f64() * backoff.factor.powi(n as i32 - 1);
            (grown.min(backoff.max.as_secs_f64()) * (1.0 - backoff.jitter)).max(floor)
        };
        let reset = backoff.reset.map_or(60.0, |reset| reset.as_secs_f64());
        // By how many restarts in a row there are; at the first one, any number is possible, and one
        // is best.
        let mut times = vec![f64::INFINITY; count as usize + 2];
        times[1] = 0.0;
        for _ in 1..count {
            let mut next = vec![f64::INFINITY; times.len()];
            for (row, time) in times.iter().enumerate().filter(|(_, time)| time.is_finite()) {
                next[row + 1] = next[row + 1].min(time + delay(row as u32 + 1));
                next[1] = next[1].min(time + reset + delay(1));
            }
            times = next;
        }
        times.into_iter().fold(f64::INFINITY, f64::min)
    }

    fn limit(backoff: Backoff, max: u32, within: Duration) -> Option<(u32, Duration)> {
        let found = unreachable_limit(&Options::DEFAULT.backoff(backoff).restarts(max, within))?;
        Some((found.largest, found.least))
    }

    #[test]
    fn shortest_time_is_that_of_the_best_of_all_ways() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..3000 {
            let base = Duration::from_millis(rng.u64(0..3000));
            let factor = [1.0, 1.000_1, 1.05, 1.5, 2.0, 10.0][rng.usize(0..6)];
            let backoff = Backoff::DEFAULT.base(base).factor(factor).jitter([0.0, 0.2, 0.9][rng.usize(0..3)]);
            let backoff = backoff.max(base + Duration::from_millis(rng.u64(0..20_000)));
            let backoff = if rng.bool() { backoff.reset(Duration::from_millis(rng.u64(1..9000))) } else { backoff };
            let count = rng.u32(2..90);
            let options = Options::DEFAULT.backoff(backoff);
            let options = match rng.u8(..3) {
                0 => options.delay_of(State::Init, Duration::from_millis(rng.u64(0..20_000))),
                _ => options,
            };
            let quick = Delays::of(&options, 1.0 - backoff.jitter).shortest(count, f64::MAX);
            let slow = slow_shortest(&options, count);
            assert!((quick - slow).abs() <= 1e-9 * slow, "{quick} {slow}: {count} of {options:?}");
        }
    }

    #[test]
    fn limit_is_unreachable_from_the_window_on() {
        let minute = 60 * SECOND;
        assert_eq!(limit(Backoff::DEFAULT, 9, minute), None);
        assert_eq!(limit(Backoff::DEFAULT, 10, minute), Some((9, Duration::from_millis(64_800))));
        // 0.2 + .. + 25.6 + 30 s without jitter, 64.8 s with the most of it.
        let exact = Backoff::DEFAULT.jitter(0.0).reset(60 * minute);
        assert_eq!(limit(exact, 10, 81 * SECOND), Some((9, 81 * SECOND)));
        assert_eq!(limit(exact, 10, 81 * SECOND + Duration::from_millis(1)), None);
        assert_eq!(limit(Backoff::DEFAULT, 10, 65 * SECOND), None);
        // A restart is forgotten at the end of the window.
        assert_eq!(limit(Backoff::fixed(SECOND), 11, 10 * SECOND), Some((10, 10 * SECOND)));
        assert_eq!(limit(Backoff::fixed(SECOND), 10, 10 * SECOND), None);
        // One restart is always enough for a limit of one or none.
        assert_eq!([0, 1].map(|max| limit(Backoff::fixed(minute), max, SECOND)), [None; 2]);
        assert_eq!(limit(Backoff::fixed(minute), 2, SECOND), Some((1, minute)));
    }

    #[test]
    fn delay_before_init_counts_where_it_is_longer_than_the_back_off() {
        let limit = |options: Options, max, within| {
            let found = unreachable_limit(&options.restarts(max, within))?;
            Some((found.largest, found.least, found.is_delayed))
        };
        let delayed = Options::DEFAULT.backoff(Backoff::NONE).delay_of(State::Init, 10 * SECOND);
        assert_eq!(limit(delayed, 4, 30 * SECOND), Some((3, 30 * SECOND, true)));
        assert_eq!(limit(delayed, 4, 31 * SECOND), None);
        // 1 + 1 + 2 + 4 s, of which the first one is outside.
        let exact = Backoff::DEFAULT.base(SECOND / 2).jitter(0.0);
        let options = Options::DEFAULT.backoff(exact).delay_of(State::Init, SECOND);
        assert_eq!(limit(options, 4, 7 * SECOND), Some((3, 7 * SECOND, true)));
        assert_eq!(limit(options, 4, 7 * SECOND + Duration::from_millis(1)), None);
        // A service may fail in its Init.
        assert_eq!(limit(Options::DEFAULT.delay_of(State::Run, 60 * SECOND), 4, 30 * SECOND), None);
    }

    #[test]
    fn limit_that_short_runs_can_reach_is_reachable() {
        // Ten restarts take 81 s in a row, but 10 s if each Run lasts for the reset of one second.
        let backoff = Backoff::DEFAULT.jitter(0.0).reset(SECOND);
        assert_eq!(limit(backoff, 10, 10 * SECOND), None);
        assert_eq!(
            limit(backoff.reset(30 * SECOND), 10, 10 * SECOND),
            Some((6, Duration::from_millis(51_000 + 30_000)))
        );
    }

    #[test]
    fn limits_of_any_size_are_decided() {
        let short = Duration::from_nanos(1);
        for (factor, jitter) in
            [(1.0, 0.0), (1.0 + 1e-9, 0.2), (1.000_001, 0.0), (2.0, 0.5), (f64::MAX, 0.0), (3.0, 1.0)]
        {
            for base in [Duration::ZERO, short, SECOND, Duration::MAX] {
                let backoff = Backoff::DEFAULT.base(base).max(Duration::MAX).factor(factor).jitter(jitter);
                for max in [2, 65, 4_000_000, u32::MAX] {
                    for within in [short, 60 * SECOND, Duration::MAX] {
                        let found = limit(backoff.reset(Duration::MAX), max, within);
                        assert!(found.is_none_or(|(largest, _)| (1..max).contains(&largest)));
                        assert!(found.is_none() || !base.is_zero() && jitter < 1.0);
                        assert!(limit(backoff.reset(short), max, within).is_none() || found.is_some());
                    }
                }
            }
        }
        assert_eq!(limit(Backoff::fixed(SECOND), u32::MAX, 60 * SECOND).map(|found| found.0), Some(60));
    }

    /// The compiler refuses a constant that takes too many steps, with `long_running_const_eval`.
    #[test]
    fn limits_of_any_size_are_decided_by_the_compiler() {
        const SLOW: Backoff = Backoff::DEFAULT.factor(1.000_000_1).reset(Duration::from_nanos(1)).jitter(0.0);
        const OPTIONS: Options = Options::DEFAULT.backoff(SLOW).restarts(u32::MAX, Duration::from_secs(60));
        const FOUND: Option<UnreachableLimit> = unreachable_limit(&OPTIONS);
        assert!(FOUND.is_some_and(|found| found.largest > 590 && found.largest < 610), "{FOUND:?}");
    }
}
