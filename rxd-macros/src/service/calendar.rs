//! Whether a `schedule` and its `zone` are valid, in the words of `rxd/src/lifecycle/calendar.rs`.

#[cfg(feature = "cron")]
mod local;

use crate::errors::Errors;
use syn::LitStr;

/// Reports what is wrong with them, at the literal. Returns whether nothing is.
#[cfg(feature = "cron")]
pub(crate) fn check(expression: &LitStr, zone: Option<&LitStr>, errors: &mut Errors) -> bool {
    let before = errors.len();
    let text = expression.value();
    if let Some((what, help)) = expression_fault(&text) {
        errors.report_with_help(expression, what, help);
    }
    if let Some(zone) = zone {
        let name = zone.value();
        if jiff::tz::TimeZone::get(&name).is_err() {
            errors.report_with_help(
                zone,
                format_args!("`{name}` is not a time zone"),
                "write a name of the IANA time zone database, such as `\"Europe/Berlin\"`, or `\"UTC\"`",
            );
        }
    }
    errors.len() == before
}

/// Reports that rxd cannot run services at set times.
#[cfg(not(feature = "cron"))]
pub(crate) fn check(expression: &LitStr, _zone: Option<&LitStr>, errors: &mut Errors) -> bool {
    errors.report_with_help(
        expression,
        "`schedule` needs the feature `cron` of rxd",
        "write `rxd = { version = \"..\", features = [\"cron\"] }` in Cargo.toml",
    );
    false
}

/// What is wrong with an expression, and what to write instead.
#[cfg(feature = "cron")]
fn expression_fault(expression: &str) -> Option<(String, &'static str)> {
    use croner::parser::{CronParser, Seconds, Year};
    use local::SearchTime;

    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    match parser.parse(expression) {
        Err(error) => {
            let error = error.to_string();
            let error = error.trim_end_matches('.');
            Some((
                format!("`{expression}` is not a cron expression: {error}"),
                "write minute, hour, day of the month, month and day of the week: `\"0 3 * * *\"` is 03:00 each day",
            ))
        }
        Ok(cron) if cron.find_next_occurrence(&SearchTime::START, true).is_err() => {
            Some((format!("`{expression}` never runs: no date fits it"), "write a day that the month has"))
        }
        Ok(_) => None,
    }
}
