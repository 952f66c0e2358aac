//! Durations as text: the one parser and the two printers of the run time.
//!
//! Operators write durations in requests, traces hold them, and messages and systemd units print
//! them. The macros have another parser, for the literals in attributes.

use std::fmt;
use std::time::Duration;

/// Reads a duration of whole or decimal numbers with their units: `250ms`, `10s`, `1h30m`, `2d`.
///
/// Each number needs a unit right after it: `ms`, `s`, `m`, `h` or `d`. Spaces may stand around
/// the whole and after each unit. Zero is a duration; callers that need a longer one check that.
#[cfg(any(test, feature = "admin", feature = "test-util"))]
pub(crate) fn parse(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 5] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)];
    let mut left = text.trim();
    let mut seconds = 0.0;
    if left.is_empty() {
        return None;
    }
    while !left.is_empty() {
        // Digits and points only: what else `f64` can read, such as `inf` or `1e9`, is refused
        // here.
        let digits = left.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = left[..digits].parse().ok()?;
        left = &left[digits..];
        let end = left.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(left.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &left[..end])?;
        seconds += number * unit;
        left = left[end..].trim_start();
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// Prints a duration for a reader, in the unit that fits: `25 ms`, `3.1 s`, `2.5 min`, `4.5 h`.
pub(crate) struct ShortDuration(pub(crate) Duration);

impl fmt::Display for ShortDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match self.0.as_secs() {
            _ if seconds < 0.1 => write!(f, "{} ms", self.0.as_millis()),
            0..120 => write!(f, "{seconds:.1} s"),
            120..7200 => write!(f, "{:.1} min", seconds / 60.0),
            _ => write!(f, "{:.1} h", seconds / 3600.0),
        }
    }
}

/// Prints a declared duration exactly: `3 s`, `1.5 s`, `250 ms`.
pub(crate) struct ExactDuration(pub(crate) Duration);

impl fmt::Display for ExactDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:?}", self.0);
        let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        write!(f, "{} {}", &text[..unit], &text[unit..])
    }
}

/// Prints the time that is left until something, in its two largest units, rounded up: `350ms`,
/// `12s`, `4m12s`, `2d3h`.
pub(crate) struct Countdown(pub(crate) Duration);

impl fmt::Display for Countdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_nanos().div_ceil(1_000_000);
        if millis < 1_000 {
            return write!(f, "{millis}ms");
        }
        let seconds = millis.div_ceil(1_000);
        // Above an hour the seconds are not shown: they must not be lost, either.
        let seconds = match seconds {
            0..3_600 => seconds,
            3_600..86_400 => seconds.div_ceil(60) * 60,
            _ => seconds.div_ceil(3_600) * 3_600,
        };
        let parts =
            [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        let parts = parts.iter().skip_while(|(count, _)| *count == 0).take(2).filter(|(count, _)| *count > 0);
        parts.into_iter().try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

/// Prints a duration as systemd reads it, rounded up: `90s`, `1500ms`.
///
/// Up to ten seconds it is rounded to milliseconds, above that to seconds. More than systemd can
/// count is `infinity`.
#[cfg(any(test, feature = "systemd"))]
pub(crate) fn rounded_up(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        _ if micros >= u128::from(u64::MAX) => "infinity".into(),
        _ if micros % 1_000_000 == 0 => format!("{}s", micros / 1_000_000),
        _ if duration > Duration::from_secs(10) => format!("{}s", micros.div_ceil(1_000_000)),
        _ => format!("{}ms", micros.div_ceil(1_000)),
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_duration_with_units_is_read() {
        for (text, millis) in [
            ("0ms", 0),
            ("250ms", 250),
            ("10s", 10_000),
            ("1.5s", 1_500),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            (" 1h 10m ", 4_200_000),
            ("123456789ms", 123_456_789),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_duration_is_refused() {
        for text in
            ["", " ", "10", "m", "-1s", "1e9s", "1.5 s", "10 minutes", "1..5s", "99999999999999999999999d", "1s,", "٣s"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_short_duration_is_printed_in_the_unit_that_fits() {
        let short = |millis| ShortDuration(Duration::from_millis(millis)).to_string();
        let printed = [0, 25, 99, 100, 3_140, 119_900, 150_000, 7_199_000, 16_200_000].map(short);
        assert_eq!(printed, ["0 ms", "25 ms", "99 ms", "0.1 s", "3.1 s", "119.9 s", "2.5 min", "120.0 min", "4.5 h"]);
    }

    #[test]
    fn time_left_is_printed_in_two_units_and_rounded_up() {
        let left = |millis| Countdown(Duration::from_millis(millis)).to_string();
        let printed = [0, 350, 1_000, 12_001, 60_000, 252_000, 3_599_001, 7_201_000, 86_399_000, 183_600_000].map(left);
        assert_eq!(printed, ["0ms", "350ms", "1s", "13s", "1m", "4m12s", "1h", "2h1m", "1d", "2d3h"]);
    }

    #[test]
    fn a_duration_for_systemd_is_rounded_up() {
        assert_eq!(rounded_up(Duration::from_secs(90)), "90s");
        assert_eq!(rounded_up(Duration::from_micros(1_500_001)), "1501ms");
        assert_eq!(rounded_up(Duration::from_millis(30_001)), "31s");
        assert_eq!(rounded_up(Duration::ZERO), "0s");
        assert_eq!(rounded_up(Duration::MAX), "infinity");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([0-9.]{0,9}[a-zµ ]{0,3}){0,4}") {
            let _ = parse(&text);
        }

        /// `rounded_up` writes what `parse` reads, and is never shorter than what it was given.
        #[test]
        fn a_duration_rounded_up_is_read_back(millis in 0_u64..100_000_000) {
            let duration = Duration::from_millis(millis);
            let read = parse(&rounded_up(duration)).unwrap();
            prop_assert!(read >= duration && read - duration < Duration::from_secs(1));
        }
    }
}
