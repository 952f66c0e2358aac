//! Durations: `"250ms"`, `"1m30s"`, or any constant expression.

use crate::errors::Errors;
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote};
use std::time::Duration;
use syn::{Expr, ExprLit, Lit, UnOp};

/// The units in nanoseconds, the longest first.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A second in nanoseconds.
const SECOND: u128 = 1_000_000_000;

/// Help: the form of a duration.
const FORM: &str = "write a number and a unit (ns, us, ms, s, m, h, d): `\"250ms\"`, `\"1m30s\"`";

/// The value of a key that takes a duration.
#[derive(Clone)]
pub(crate) enum DurationValue {
    /// A literal: the duration, and the literal.
    Known(Duration, Expr),
    /// Any other expression: only the compiler can evaluate it.
    Expression(Expr),
}

impl DurationValue {
    /// The duration, if it is a literal.
    pub(crate) fn known(&self) -> Option<Duration> {
        match self {
            DurationValue::Known(duration, _) => Some(*duration),
            DurationValue::Expression(_) => None,
        }
    }

    /// Whether only the compiler can evaluate it.
    pub(crate) fn is_constant_expression(&self) -> bool {
        matches!(self, DurationValue::Expression(_))
    }

    /// The expression that the user wrote.
    pub(crate) fn expression(&self) -> &Expr {
        match self {
            DurationValue::Known(_, written) | DurationValue::Expression(written) => written,
        }
    }
}

impl ToTokens for DurationValue {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self {
            DurationValue::Known(duration, _) => constructor_tokens(*duration),
            DurationValue::Expression(written) => quote!(#written),
        });
    }
}

/// `Duration::from_millis(250)`: the constructor with the longest unit that is exact.
fn constructor_tokens(duration: Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let time = quote!(::core::time::Duration);
    if nanos == 0 {
        let seconds = Literal::u64_unsuffixed(seconds);
        return quote!(#time::from_secs(#seconds));
    }
    let whole = duration.as_nanos();
    for (name, unit) in [("from_millis", 1_000_000), ("from_micros", 1_000), ("from_nanos", 1)] {
        if let (0, Ok(count)) = (whole % unit, u64::try_from(whole / unit)) {
            let (name, count) = (Ident::new(name, Span::call_site()), Literal::u64_unsuffixed(count));
            return quote!(#time::#name(#count));
        }
    }
    quote!(#time::new(#seconds, #nanos))
}

/// The duration in `value`; otherwise an error about `key`.
pub(crate) fn parse_duration(key: &str, value: &Expr, errors: &mut Errors) -> Option<DurationValue> {
    let wrong = |errors: &mut Errors, what: String, help: String| {
        errors.report_with_help(value, what, help);
        None
    };
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => match parse_text(&text.value()) {
            Ok(duration) => Some(DurationValue::Known(duration, value.clone())),
            Err((what, help)) => wrong(errors, what, help),
        },
        // The most common mistake: milliseconds or seconds as a number.
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
            let (digits, unit) = (number.base10_digits(), number.suffix());
            match parse_text(&format!("{digits}{unit}")) {
                // `1s`
                Ok(_) => wrong(errors, format!("`{key}` is not in quotes"), format!("write `\"{digits}{unit}\"`")),
                Err(_) => wrong(
                    errors,
                    format!("`{key}` is a number without a unit"),
                    format!("write `\"{digits}ms\"` or `\"{digits}s\"`"),
                ),
            }
        }
        Expr::Lit(_) => wrong(errors, format!("`{key}` takes a duration"), FORM.to_owned()),
        Expr::Unary(minus) if matches!(minus.op, UnOp::Neg(_)) => {
            wrong(errors, format!("`{key}` cannot be negative"), FORM.to_owned())
        }
        // The type and the value of any other expression are for the compiler to check.
        _ => Some(DurationValue::Expression(value.clone())),
    }
}

/// Like [`parse_duration`], but zero is an error.
pub(crate) fn parse_positive_duration(key: &str, value: &Expr, errors: &mut Errors) -> Option<DurationValue> {
    let time = parse_duration(key, value, errors)?;
    if time.known() == Some(Duration::ZERO) {
        errors.report_with_help(
            value,
            format_args!("`{key}` cannot be zero"),
            "write how long: `\"5s\"` or `Duration::from_secs(5)`",
        );
        return None;
    }
    Some(time)
}

/// The unit that was meant by an unknown one.
fn meant_unit(unit: &str) -> Option<&'static str> {
    match unit.to_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "min" | "mins" | "minute" | "minutes" => Some("m"),
        "hr" | "hrs" | "hour" | "hours" => Some("h"),
        "day" | "days" => Some("d"),
        "msec" | "millis" | "milliseconds" => Some("ms"),
        // The micro sign and the Greek letter look the same.
        "µs" | "μs" | "usec" | "micros" | "microseconds" => Some("us"),
        "nanos" | "nanoseconds" | "nsec" => Some("ns"),
        lower => UNITS.iter().map(|(name, _)| *name).find(|name| *name == lower),
    }
}

/// Parses `1m30s`. An error is a message and its help.
pub(crate) fn parse_text(text: &str) -> Result<Duration, (String, String)> {
    let fail = |what: String| Err((what, FORM.to_owned()));
    if text.trim().is_empty() {
        return fail("a duration cannot be empty".to_owned());
    }
    if text.trim_start().starts_with('-') {
        return fail("a duration cannot be negative".to_owned());
    }
    let mut rest = text.trim();
    let mut nanos: u128 = 0;
    // The first unit that may still be used. Units must become shorter, so each is used at most
    // once.
    let mut first_allowed = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit = unit.trim();
        if number.is_empty() {
            return fail(format!("`{text}` is not a duration"));
        }
        if unit.is_empty() {
            let help = if rest == text.trim() {
                format!("write `\"{number}ms\"` or `\"{number}s\"`")
            } else {
                FORM.to_owned()
            };
            return Err((format!("`{number}` has no unit"), help));
        }
        if unit == "." || unit == "," {
            return Err((
                format!("`{text}` is not a whole number"),
                "write it in a smaller unit: `\"1500ms\"` or `\"1s500ms\"`".to_owned(),
            ));
        }
        let Some(position) = UNITS.iter().position(|(name, _)| *name == unit) else {
            let is_whole_text = rest == text.trim() && tail.is_empty();
            let help = meant_unit(unit).map_or(FORM.to_owned(), |meant| match is_whole_text {
                true => format!("write `\"{number}{meant}\"`"),
                false => format!("write `{number}{meant}`"),
            });
            return Err((format!("`{unit}` is not a unit of time"), help));
        };
        if position < first_allowed {
            return Err((
                format!("`{unit}` comes after a shorter unit, or twice"),
                "write the longest unit first, and each once: `\"1m30s\"`".to_owned(),
            ));
        }
        first_allowed = position + 1;
        // A number with too many digits cannot be parsed, and is too long as well.
        let part = number.parse::<u128>().ok().and_then(|number| number.checked_mul(UNITS[position].1));
        match part.and_then(|part| nanos.checked_add(part)) {
            Some(sum) if sum <= Duration::MAX.as_nanos() => nanos = sum,
            _ => return fail(format!("`{text}` is longer than a `Duration` can be")),
        }
        rest = tail.trim_start();
    }
    let (seconds, nanos) = (nanos / SECOND, nanos % SECOND);
    // Both casts are in range: the sum is at most `Duration::MAX`.
    Ok(Duration::new(seconds as u64, nanos as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_duration_is_parsed() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1m30s", 90_000_000_000),
            ("1m 30s", 90_000_000_000),
            ("2h", 7_200_000_000_000),
            ("1d", 86_400_000_000_000),
            ("5us", 5_000),
            ("7ns", 7),
            ("0s", 0),
            ("1 s", 1_000_000_000),
            ("18446744073709551615s999ms999us999ns", Duration::MAX.as_nanos()),
        ] {
            assert_eq!(parse_text(text).map(|d| d.as_nanos()), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_duration_is_an_error() {
        for (text, says) in [
            ("", "empty"),
            ("100", "no unit"),
            ("-5s", "negative"),
            ("1.5s", "whole number"),
            ("5 secs", "not a unit"),
            ("5S", "not a unit"),
            ("30s1m", "after a shorter"),
            ("1s1s", "twice"),
            ("s", "not a duration"),
            ("1s5", "`5` has no unit"),
            ("99999999999999999999999999999999999999999d", "longer than"),
            ("213503982334602d", "longer than"),
        ] {
            let (what, _) = parse_text(text).expect_err(text);
            assert!(what.contains(says), "{text}: {what}");
        }
        assert_eq!(parse_text("5 secs").expect_err("unit").1, "write `\"5s\"`");
        assert_eq!(parse_text("100").expect_err("unit").1, "write `\"100ms\"` or `\"100s\"`");
    }

    #[test]
    fn constructor_has_the_longest_exact_unit() {
        assert_eq!(
            constructor_tokens(Duration::from_secs(90)).to_string(),
            quote!(::core::time::Duration::from_secs(90)).to_string()
        );
        assert_eq!(
            constructor_tokens(Duration::from_millis(5)).to_string(),
            quote!(::core::time::Duration::from_millis(5)).to_string()
        );
    }
}
