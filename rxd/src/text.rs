//! A text that a `const fn` can put together: what the compiler says about a graph or an option. And
//! the lists in texts that are made at run time, and their formatting.
//!
//! The checks of [`graph`](crate::graph) and of
//! [`options::check`](crate::lifecycle::options::check) write their messages into a [`Text`] and
//! panic with it; at run time the same messages become a `String`. It is not a general string type:
//! its capacity is fixed, and what does not fit is cut off.

use std::fmt;
use std::time::Duration;

/// As the standard library's, for what is `fmt::Write`. That one adds a hundred lines of LLVM
/// code to its caller, and there are hundreds of callers, which every user of rxd compiles.
macro_rules! write {
    ($to:expr, $($text:tt)*) => {{
        use $crate::text::PutText as _;
        $to.put_text(::core::format_args!($($text)*))
    }};
}

/// As the standard library's: see [`write!`].
macro_rules! format {
    ($($text:tt)*) => {
        $crate::text::formatted(::core::format_args!($($text)*))
    };
}

/// What [`write!`] writes to.
pub(crate) trait PutText {
    fn put_text(&mut self, text: fmt::Arguments<'_>) -> fmt::Result;
}

impl<W: fmt::Write + ?Sized> PutText for W {
    #[inline(never)]
    fn put_text(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        self.write_fmt(text)
    }
}

#[inline(never)]
pub(crate) fn formatted(text: fmt::Arguments<'_>) -> String {
    fmt::format(text)
}

/// Adds an item to a list: `a, b, c`.
pub(crate) fn add_item(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(item);
}

/// How many bytes a message can have.
const CAPACITY: usize = 8192;

/// A text of at most [`CAPACITY`] bytes; what does not fit is cut off, between two characters, and
/// replaced by `..`.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
    full: bool,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Text { bytes: [0; CAPACITY], len: 0, full: false }
    }

    pub(crate) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            // Unreachable: only whole characters are ever pushed.
            Err(_) => "this message cannot be shown",
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn push(&mut self, text: &str) {
        if self.full {
            return;
        }
        let from = text.as_bytes();
        let mut count = from.len();
        if count > CAPACITY - 2 - self.len {
            self.full = true;
            count = CAPACITY - 2 - self.len;
            while from[count] & 0xc0 == 0x80 {
                count -= 1;
            }
        }
        self.copy(from, count);
        if self.full {
            self.copy(b"..", 2);
        }
    }

    const fn copy(&mut self, from: &[u8], count: usize) {
        let mut i = 0;
        while i < count {
            self.bytes[self.len + i] = from[i];
            i += 1;
        }
        self.len += count;
    }

    /// The name in backticks. A `?` replaces each control character, which could forge another line.
    pub(crate) const fn quote(&mut self, name: &str) {
        self.push("`");
        let mut start = 0;
        let mut i = 0;
        let bytes = name.as_bytes();
        while i < bytes.len() {
            if bytes[i].is_ascii_control() {
                self.push(slice(name, start, i));
                self.push("?");
                start = i + 1;
            }
            i += 1;
        }
        self.push(slice(name, start, bytes.len()));
        self.push("`");
    }

    pub(crate) const fn number(&mut self, number: usize) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.digit(number % 10);
    }

    const fn digit(&mut self, digit: usize) {
        self.push(slice("0123456789", digit, digit + 1));
    }

    /// The number, with at most nine decimals; a very large or very small one with an exponent.
    pub(crate) const fn float(&mut self, number: f64) {
        if number.is_nan() {
            return self.push("NaN");
        }
        if number.is_sign_negative() && number != 0.0 {
            self.push("-");
        }
        let number = number.abs();
        if number.is_infinite() {
            return self.push("infinity");
        }
        let (mut mantissa, mut exponent) = (number, 0_usize);
        // Up to 2^53 every whole number is exact.
        let (large, small) = (number >= 9e15, number < 1e-6 && number != 0.0);
        while large && mantissa >= 10.0 {
            mantissa /= 10.0;
            exponent += 1;
        }
        while small && mantissa < 1.0 {
            mantissa *= 10.0;
            exponent += 1;
        }
        self.decimal(mantissa, exponent == 0);
        if exponent > 0 {
            self.push(if large { "e" } else { "e-" });
            self.number(exponent);
        }
    }

    /// A number below 2^53, with at most nine decimals. With `exact` it is the whole value, not the
    /// mantissa of one with an exponent.
    const fn decimal(&mut self, number: f64, exact: bool) {
        const DECIMALS: u64 = 1_000_000_000;
        let (mut whole, mut rest) = (number as u64, (number % 1.0 * DECIMALS as f64 + 0.5) as u64);
        if rest >= DECIMALS {
            (whole, rest) = (whole + 1, 0);
        }
        if exact && rest == 0 && whole as f64 != number {
            // Otherwise a value just outside its range would be shown as the limit itself.
            self.push("almost ");
        }
        self.number(whole as usize);
        self.fraction(rest as usize, DECIMALS as usize);
    }

    /// The decimals of `rest / of`, without zeros at the end. `of` is a power of ten.
    const fn fraction(&mut self, mut rest: usize, of: usize) {
        if rest == 0 {
            return;
        }
        self.push(".");
        let mut unit = of / 10;
        while rest > 0 {
            self.digit(rest / unit);
            rest %= unit;
            unit /= 10;
        }
    }

    /// The time in its longest unit, as `{:?}` prints it at run time: `90s`, `64.8s`, `250ms`.
    pub(crate) const fn duration(&mut self, time: Duration) {
        let (seconds, nanos) = (time.as_secs() as usize, time.subsec_nanos() as usize);
        let (whole, rest, of, unit) = match (seconds, nanos) {
            (1.., _) | (0, 0) => (seconds, nanos, 1_000_000_000, "s"),
            (0, 1_000_000..) => (nanos / 1_000_000, nanos % 1_000_000, 1_000_000, "ms"),
            (0, 1_000..) => (nanos / 1_000, nanos % 1_000, 1_000, "\u{b5}s"),
            (0, _) => (nanos, 0, 1, "ns"),
        };
        self.number(whole);
        self.fraction(rest, of);
        self.push(unit);
    }
}

/// The part of a text between two ends of characters.
const fn slice(text: &str, from: usize, to: usize) -> &str {
    match core::str::from_utf8(text.as_bytes().split_at(to).0.split_at(from).1) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// The first character of `text` from byte `at` on.
pub(crate) const fn char_at(text: &str, at: usize) -> &str {
    let bytes = text.as_bytes();
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] & 0xc0 == 0x80 {
        end += 1;
    }
    slice(text, at, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_beyond_its_capacity_ends_with_a_whole_character() {
        // Before the cut there are one, two and three bytes too many of a character of four.
        for before in ["", "x", "xx", "xxx"] {
            let mut text = Text::new();
            text.push(before);
            for _ in 0..3000 {
                text.push("\u{1f980}");
            }
            let crabs = (8190 - before.len()) / 4;
            assert_eq!(text.as_str(), format!("{before}{}..", "\u{1f980}".repeat(crabs)));
            assert_eq!(text.len(), before.len() + crabs * 4 + 2);
        }
        let mut text = Text::new();
        text.push(&"x".repeat(8190));
        assert_eq!(text.len(), 8190);
        text.push("y");
        text.push("z");
        assert_eq!(text.as_str(), format!("{}..", "x".repeat(8190)));
    }

    #[test]
    fn duration_is_one_number_as_debug_prints_it() {
        let seconds = [0.0, 64.8, 1.0, 0.25, 0.000_5, 0.001_5, 1e-9, 0.000_000_25, 1.000_000_001, 86_400.0];
        let times = seconds.iter().map(|&seconds| Duration::from_secs_f64(seconds));
        for time in times.chain([Duration::MAX, Duration::from_nanos(999_999_999)]) {
            let mut text = Text::new();
            text.duration(time);
            // Zero is `0ns` for `Debug`.
            let expected = if time.is_zero() { "0s".to_owned() } else { format!("{time:?}") };
            assert_eq!(text.as_str(), expected);
        }
    }
}
