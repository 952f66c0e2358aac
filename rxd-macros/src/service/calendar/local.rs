//! A date and time that croner can search over; a copy of that in rxd.

use croner::errors::CronError;
use croner::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::Span;
use jiff::civil::DateTime;
use std::cmp::Ordering;

/// A time of a wall clock without changes.
#[derive(Clone)]
pub(super) struct SearchTime(DateTime);

impl SearchTime {
    pub(super) const START: SearchTime = SearchTime(DateTime::constant(2000, 1, 1, 0, 0, 0, 0));
}

impl CronDateTime for SearchTime {
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
        Ok(Resolution::Single(SearchTime(local)))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(Span::new().try_seconds(seconds).ok()?).ok().map(SearchTime)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
