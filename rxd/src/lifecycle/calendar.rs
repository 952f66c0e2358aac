//! Cron expressions in a time zone: which instants they mean.
//!
//! The expression is matched against the wall clock of the zone as if that had no changes of its
//! offset. What it finds is then placed on the time line:
//!
//! * A local time that a change of the clock skips is the first instant after the gap.
//! * A local time that comes twice is the first of the two.
//!
//! So each match is one instant, and matches that become the same instant are one run.
//!
//! The macros have a copy of the checks, with the same sentences.

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};
use std::cmp::Ordering;

/// The instants of a valid expression.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    cron: Cron,
    zone: TimeZone,
}

/// What is wrong with an expression or a zone: a sentence, and what to write instead.
pub(crate) type CalendarFault = (String, &'static str);

const EXPRESSION_HELP: &str =
    "write minute, hour, day of the month, month and day of the week: `\"0 3 * * *\"` is 03:00 each day";
const ZONE_HELP: &str = "write a name of the IANA time zone database, such as `\"Europe/Berlin\"`, or `\"UTC\"`";
const NEVER_HELP: &str = "write a day that the month has";

impl Calendar {
    /// # Errors
    ///
    /// If the expression or the zone is not one, or if no date fits the expression.
    pub(crate) fn new(expression: &str, zone: &str) -> Result<Self, CalendarFault> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| {
            let error = error.to_string();
            let error = error.trim_end_matches('.');
            (format!("`{expression}` is not a cron expression: {error}"), EXPRESSION_HELP)
        })?;
        let start = Local(DateTime::constant(2000, 1, 1, 0, 0, 0, 0));
        if cron.find_next_occurrence(&start, true).is_err() {
            return Err((format!("`{expression}` never runs: no date fits it"), NEVER_HELP));
        }
        let zone = TimeZone::get(zone).map_err(|_| (format!("`{zone}` is not a time zone"), ZONE_HELP))?;
        Ok(Calendar { cron, zone })
    }

    /// The first instant after this one; none if the calendar ends before it.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut local = Local(self.zone.to_datetime(after));
        loop {
            local = self.cron.find_next_occurrence(&local, false).ok()?;
            let instant = self.instant(local.0)?;
            // A time of the first pass through an hour that comes twice may have passed.
            if instant > after {
                return Some(instant);
            }
        }
    }

    /// The instant as text, in UTC and in the zone.
    pub(crate) fn text(&self, at: Timestamp) -> String {
        let utc = at.strftime("%Y-%m-%d %H:%M UTC");
        match self.zone.iana_name() {
            Some("UTC") | None => utc.to_string(),
            Some(name) => format!("{utc} ({} {name})", self.zone.to_datetime(at).strftime("%Y-%m-%d %H:%M")),
        }
    }

    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let is_gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        // Of a gap this is as long after its beginning as `local` is.
        let instant = if is_gap { ambiguous.later() } else { ambiguous.earlier() }.ok()?;
        if !is_gap {
            return Some(instant);
        }
        let just_after = instant.checked_add(Span::new().seconds(1)).ok()?;
        self.zone.preceding(just_after).next().map(|change| change.timestamp())
    }
}

/// A time of a wall clock without changes.
#[derive(Clone)]
struct Local(DateTime);

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let local = self.0;
        let part = |number: i8| u32::from(number.unsigned_abs());
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(local.year().into(), part(local.month()), part(local.day())),
            CivilTime::from_parts_unchecked(part(local.hour()), part(local.minute()), part(local.second())),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        match self.0.weekday() {
            jiff::civil::Weekday::Sunday => Weekday::Sunday,
            jiff::civil::Weekday::Monday => Weekday::Monday,
            jiff::civil::Weekday::Tuesday => Weekday::Tuesday,
            jiff::civil::Weekday::Wednesday => Weekday::Wednesday,
            jiff::civil::Weekday::Thursday => Weekday::Thursday,
            jiff::civil::Weekday::Friday => Weekday::Friday,
            jiff::civil::Weekday::Saturday => Weekday::Saturday,
        }
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |number: u32| i8::try_from(number).map_err(|_| CronError::InvalidDate);
        let (date, time) = (civil.date(), civil.time());
        let year = i16::try_from(date.year()).map_err(|_| CronError::InvalidDate)?;
        let (month, day) = (part(date.month())?, part(date.day())?);
        let (hour, minute, second) = (part(time.hour())?, part(time.minute())?, part(time.second())?);
        let local = DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| CronError::InvalidDate)?;
        Ok(Resolution::Single(Local(local)))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(Span::new().try_seconds(seconds).ok()?).ok().map(Local)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;

    /// The first runs after this instant, in UTC.
    fn runs(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let calendar = Calendar::new(expression, zone).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        (0..count)
            .map(|_| {
                at = calendar.next(at).unwrap();
                at.to_string()
            })
            .collect()
    }

    #[test]
    fn expression_in_a_zone_means_its_local_times() {
        assert_eq!(
            runs("0 3 * * *", "UTC", "2026-01-01T02:59:59Z", 2),
            ["2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"]
        );
        assert_eq!(runs("0 3 * * *", "Europe/Berlin", "2026-01-01T00:00:00Z", 1), ["2026-01-01T02:00:00Z"]);
        assert_eq!(runs("0 3 * * *", "Europe/Berlin", "2026-07-01T00:00:00Z", 1), ["2026-07-01T01:00:00Z"]);
        assert_eq!(runs("0 9 * * MON", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-01-05T09:00:00Z"]);
        assert_eq!(runs("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00:00Z"]);
        assert_eq!(runs("@daily", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-01-02T00:00:00Z"]);
    }

    #[test]
    fn skipped_local_time_runs_once_at_the_first_instant_after_the_gap() {
        // On 29 March 2026, 02:00 is followed by 03:00, at 01:00 UTC.
        let before = "2026-03-28T12:00:00Z";
        assert_eq!(runs("30 2 * * *", "Europe/Berlin", before, 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        assert_eq!(
            runs("*/20 2,3 * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", 4),
            ["2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z", "2026-03-29T01:40:00Z", "2026-03-30T00:00:00Z"],
            "all skipped times, and the one at the end of the gap, are one run"
        );
    }

    #[test]
    fn repeated_local_time_runs_in_its_first_pass_only() {
        // On 25 October 2026, 03:00 is followed by 02:00, at 01:00 UTC.
        let before = "2026-10-24T12:00:00Z";
        assert_eq!(runs("30 2 * * *", "Europe/Berlin", before, 2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        assert_eq!(
            runs("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
            ["2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"]
        );
    }

    #[test]
    fn zone_without_a_day_runs_after_it() {
        // Apia skipped 30 December 2011.
        let after = "2011-12-29T22:30:00Z";
        assert_eq!(runs("0 12 * * *", "Pacific/Apia", after, 2), ["2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]);
    }

    #[test]
    fn what_is_not_valid_is_a_fault() {
        let fault = |expression, zone| Calendar::new(expression, zone).unwrap_err().0;
        assert!(fault("0 25 * * *", "UTC").starts_with("`0 25 * * *` is not a cron expression: "));
        for expression in ["", "0 3 * *", "0 0 3 * * *", "a b c d e", "@sometimes"] {
            assert!(fault(expression, "UTC").contains("is not a cron expression"), "{expression}");
        }
        assert_eq!(fault("0 0 31 2 *", "UTC"), "`0 0 31 2 *` never runs: no date fits it");
        assert_eq!(fault("0 3 * * *", "Europe/Berln"), "`Europe/Berln` is not a time zone");
    }

    #[test]
    fn instant_is_shown_in_utc_and_in_the_zone() {
        let text = |zone| Calendar::new("0 3 * * *", zone).unwrap().text("2026-01-01T02:00:00Z".parse().unwrap());
        assert_eq!(text("UTC"), "2026-01-01 02:00 UTC");
        assert_eq!(text("Europe/Berlin"), "2026-01-01 02:00 UTC (2026-01-01 03:00 Europe/Berlin)");
    }
}
