//! Escapes of foreign text: names and messages as they stand in JSON, DOT, XML and log lines.
//!
//! Names come from users, messages from anywhere. Whatever rxd writes them into must stay what it
//! is: no text ends a string, adds a line, or is taken for markup. One function for each format;
//! each returns what `write!` takes, and allocates nothing. What is structured, not written by
//! hand, goes through `serde_json` instead.

use std::fmt::{self, Write};

/// As a JSON string, quotes included.
pub(crate) fn json(text: &str) -> impl fmt::Display {
    escaped("\"", text, |c, f| match c {
        '"' | '\\' => write!(f, "\\{c}"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        // The last two end a line in JavaScript.
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => write!(f, "\\u{:04x}", u32::from(c)),
        c => f.write_char(c),
    })
}

/// As a string of the DOT language, quotes included.
pub(crate) fn dot(text: &str) -> impl fmt::Display {
    escaped("\"", text, |c, f| match c {
        '"' | '\\' => write!(f, "\\{c}"),
        '\n' => f.write_str("\\n"),
        // DOT has no escapes for control characters.
        c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
        c => f.write_char(c),
    })
}

/// Within a quoted label of Mermaid: all that could end it, or be taken for markup, as an entity.
pub(crate) fn mermaid(text: &str) -> impl fmt::Display {
    escaped("", text, |c, f| match c {
        c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
        c if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ':' | '?' | ',') => f.write_char(c),
        c => write!(f, "#{};", u32::from(c)),
    })
}

/// In XML, also within its quotes.
pub(crate) fn xml(text: &str) -> impl fmt::Display {
    escaped("", text, |c, f| match c {
        '&' => f.write_str("&amp;"),
        '<' => f.write_str("&lt;"),
        '>' => f.write_str("&gt;"),
        '"' => f.write_str("&quot;"),
        '\'' => f.write_str("&#39;"),
        // XML allows none of these, not even escaped.
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char(char::REPLACEMENT_CHARACTER),
        c => f.write_char(c),
    })
}

/// As the value of a label in the Prometheus text format, within its quotes.
#[cfg(any(test, feature = "admin"))]
pub(crate) fn metric_label(text: &str) -> impl fmt::Display {
    escaped("", text, |c, f| match c {
        '\\' => f.write_str("\\\\"),
        '"' => f.write_str("\\\""),
        '\n' => f.write_str("\\n"),
        c => f.write_char(c),
    })
}

/// The text between two quotes, each character as `write` writes it.
fn escaped<'a, F>(quote: &'static str, text: &'a str, write: F) -> Escaped<'a, F>
where
    F: Fn(char, &mut fmt::Formatter<'_>) -> fmt::Result,
{
    Escaped { quote, text, write }
}

struct Escaped<'a, F> {
    quote: &'static str,
    text: &'a str,
    write: F,
}

impl<F: Fn(char, &mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Escaped<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.quote)?;
        self.text.chars().try_for_each(|c| (self.write)(c, f))?;
        f.write_str(self.quote)
    }
}

/// Cuts a text that is longer than `max` bytes, and says how much is missing.
pub(crate) fn cut(text: &mut String, max: usize) {
    if text.len() > max {
        let mut end = max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let missing = text.len() - end;
        text.truncate(end);
        let _ = write!(text, ".. ({missing} more bytes)");
    }
}

/// On one line: the lines of a message, with `; ` between them.
pub(crate) fn one_line(text: &str) -> String {
    let mut one = String::with_capacity(text.len());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        one.push_str(if one.is_empty() { "" } else { "; " });
        one.push_str(line);
    }
    one
}

/// As an error of several lines, where no line after the first begins as a record of a log does.
pub(crate) fn error_lines(text: &str) -> impl fmt::Display {
    struct ErrorLines<'a>(&'a str);
    impl fmt::Display for ErrorLines<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (number, line) in self.0.lines().enumerate() {
                let is_indented = number == 0 || line.starts_with(' ') || line.starts_with("help: ");
                f.write_str(if number == 0 { "" } else { "\n" })?;
                f.write_str(if is_indented { "" } else { "  " })?;
                LineWriter(&mut *f).write_str(line)?;
            }
            Ok(())
        }
    }
    ErrorLines(text)
}

/// Whether a character could make a line of text look like something else: it ends the line, moves
/// the cursor, or changes the direction in which the rest is read.
pub(crate) fn is_forging(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes to `W`, with an escape such as `\n` or `\u{1b}` in place of each [forging](is_forging)
/// character.
pub(crate) struct LineWriter<W>(pub(crate) W);

impl<W: Write> Write for LineWriter<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_in_line(&mut self.0, text)
    }
}

fn write_in_line(to: &mut dyn Write, text: &str) -> fmt::Result {
    // The common case: plain ASCII is passed on whole.
    if text.bytes().all(|byte| matches!(byte, 0x20..0x7f)) {
        return to.write_str(text);
    }
    let mut from = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| is_forging(*c)) {
        to.write_str(&text[from..at])?;
        from = at + c.len_utf8();
        match c {
            '\n' => to.write_str("\\n")?,
            '\r' => to.write_str("\\r")?,
            '\t' => to.write_str("\\t")?,
            c => write!(to, "\\u{{{:x}}}", u32::from(c))?,
        }
    }
    to.write_str(&text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that any of the formats gives a meaning.
    const HOSTILE: &str = "a\"\\'<&>\n\r\t\u{1b}\u{2028}\u{202e}\u{fffe}#;\u{e9}";

    #[test]
    fn hostile_text_is_escaped_as_each_format_asks() {
        assert_eq!(json(HOSTILE).to_string(), "\"a\\\"\\\\'<&>\\n\\r\\t\\u001b\\u2028\u{202e}\u{fffe}#;\u{e9}\"");
        assert_eq!(
            dot(HOSTILE).to_string(),
            "\"a\\\"\\\\'<&>\\n\u{fffd}\u{fffd}\u{fffd}\u{2028}\u{202e}\u{fffe}#;\u{e9}\""
        );
        assert_eq!(
            mermaid(HOSTILE).to_string(),
            "a#34;#92;#39;#60;#38;#62;\u{fffd}\u{fffd}\u{fffd}\u{fffd}#8232;#8238;#65534;#35;#59;\u{e9}"
        );
        assert_eq!(
            xml(HOSTILE).to_string(),
            "a&quot;\\&#39;&lt;&amp;&gt;\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{2028}\u{202e}\u{fffd}#;\u{e9}"
        );
        assert_eq!(metric_label(HOSTILE).to_string(), "a\\\"\\\\'<&>\\n\r\t\u{1b}\u{2028}\u{202e}\u{fffe}#;\u{e9}");
    }

    #[test]
    fn g58_long_text_is_cut_between_two_characters() {
        let mut text = "ää".to_owned();
        cut(&mut text, 4);
        assert_eq!(text, "ää");
        cut(&mut text, 3);
        assert_eq!(text, "ä.. (2 more bytes)");
    }

    #[test]
    fn e_g58_error_of_several_lines_has_none_that_begins_as_a_record() {
        let text = "failed\n  service `a`: bad\n2026-11-30 INFO \u{1b}[2Jforged\nhelp: write `b`";
        let shown = error_lines(text).to_string();
        assert_eq!(shown, "failed\n  service `a`: bad\n  2026-11-30 INFO \\u{1b}[2Jforged\nhelp: write `b`");
        assert_eq!(one_line("failed\n  service `a`: bad\n"), "failed; service `a`: bad");
    }

    #[test]
    fn hostile_text_stays_in_its_line() {
        let mut line = LineWriter(String::new());
        assert_eq!(line.write_str(HOSTILE), Ok(()));
        assert_eq!(line.0, "a\"\\'<&>\\n\\r\\t\\u{1b}\\u{2028}\\u{202e}\u{fffe}#;\u{e9}");
        assert_eq!(line.write_str(" plain"), Ok(()));
        assert!(line.0.ends_with(" plain"));
    }
}
