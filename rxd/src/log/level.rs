//! Log levels, by the names that syslog, systemd and `tracing` use.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;

/// A log level: records of this severity and every higher one are logged.
///
/// `tracing` knows five levels. The eight names of syslog are accepted too, in either case, and
/// stand for the nearest of the five:
///
/// | name | level |
/// |---|---|
/// | `emergency`, `emerg`, `alert`, `critical`, `crit`, `error`, `err` | [`Error`](Level::Error) |
/// | `warning`, `warn` | [`Warn`](Level::Warn) |
/// | `notice`, `info`, `informational` | [`Info`](Level::Info) |
/// | `debug` | [`Debug`](Level::Debug) |
/// | `trace` | [`Trace`](Level::Trace) |
/// | `off`, `none` | [`Off`](Level::Off) |
///
/// ```
/// use rxd::log::Level;
///
/// assert_eq!("notice".parse::<Level>().unwrap(), Level::Info);
/// assert!(Level::Debug > Level::Warn, "the higher, the more is logged");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Nothing at all.
    Off = 0,
    /// Failures.
    Error = 1,
    /// Trouble that may lead to a failure.
    Warn = 2,
    /// Events that an operator wants to know of.
    Info = 3,
    /// Details that a developer wants to know.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

impl Level {
    /// Every level, from nothing to everything.
    pub const ALL: [Level; 6] = [Level::Off, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];

    /// Every name that is accepted, with its level.
    pub const NAMES: [(&'static str, Level); 16] = [
        ("off", Level::Off),
        ("none", Level::Off),
        ("emergency", Level::Error),
        ("emerg", Level::Error),
        ("alert", Level::Error),
        ("critical", Level::Error),
        ("crit", Level::Error),
        ("error", Level::Error),
        ("err", Level::Error),
        ("warning", Level::Warn),
        ("warn", Level::Warn),
        ("notice", Level::Info),
        ("info", Level::Info),
        ("informational", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];

    /// The level's name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }

    /// The level with this number; the highest for any higher one.
    pub(crate) const fn of(number: u8) -> Level {
        Level::ALL[if number > 5 { 5 } else { number as usize }]
    }

    /// The level of a record.
    pub(crate) const fn of_record(level: tracing::Level) -> Level {
        match level {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            tracing::Level::DEBUG => Level::Debug,
            tracing::Level::TRACE => Level::Trace,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Level::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, level)| *level).ok_or_else(|| {
            let mut shown = String::new();
            text.chars().take(40).for_each(|char| shown.extend(char.escape_debug()));
            Error::msg(format_args!("no level is called `{shown}`\nhelp: use one of {}", names()))
        })
    }
}

/// The priority that syslog gives a severity: 0 for `emergency`, 7 for `debug`.
pub(super) fn syslog_priority(severity: &str) -> Option<u8> {
    const NAMES: [&[&str]; 8] = [
        &["emergency", "emerg"],
        &["alert"],
        &["critical", "crit"],
        &["error", "err"],
        &["warning", "warn"],
        &["notice"],
        &["informational", "info"],
        &["debug"],
    ];
    let is_named = |names: &&[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(severity));
    NAMES.iter().position(is_named).map(|priority| priority as u8)
}

/// The names that an error suggests: `` `off`, `error`, .. ``.
pub(crate) fn names() -> String {
    let mut names = String::new();
    for level in &Level::ALL {
        names = names + "`" + level.as_str() + "`, ";
    }
    names + "or a syslog name from `emergency` to `debug`"
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => LevelFilter::OFF,
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        }
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        Level::of_record(level)
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn level_by_each_name_of_syslog_is_the_nearest_of_tracing() {
        let levels = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];
        let levels: Vec<Level> = levels.iter().map(|name| name.parse().unwrap()).collect();
        let [error, warn, info, debug] = [Level::Error, Level::Warn, Level::Info, Level::Debug];
        assert_eq!(levels, [error, error, error, error, warn, info, info, debug]);
    }

    #[test]
    fn level_in_either_case_is_read_and_any_other_text_refused() {
        assert_eq!("Warning".parse::<Level>().unwrap(), Level::Warn);
        let text = "loud\n".parse::<Level>().unwrap_err().to_string();
        assert!(text.contains("`loud\\n`") && text.contains("`debug`"), "{text}");
    }

    #[test]
    fn level_printed_is_read_back() {
        for level in Level::ALL {
            assert_eq!(level.as_str().parse::<Level>().unwrap(), level);
            assert_eq!(Level::of(level as u8), level);
        }
    }
}
