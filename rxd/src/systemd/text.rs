//! Texts as they go into a status: one line, bounded.

/// The most characters of a status. `systemctl status` shows no more on a wide screen.
const MAX_STATUS_CHARS: usize = 400;

/// One line of text: a newline in it would begin another assignment of the protocol.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(4 * MAX_STATUS_CHARS));
    for (at, char) in text.chars().enumerate() {
        if at == MAX_STATUS_CHARS {
            line.push('…');
            break;
        }
        line.push(if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') { ' ' } else { char });
    }
    line
}

/// `names`, and how many more there are of `all`: `a, b, c and 4 more`.
pub(crate) fn few(names: &[String], all: usize) -> String {
    let more = all - names.len();
    match more {
        0 => names.join(", "),
        _ => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newline_in_a_text_becomes_a_space() {
        assert_eq!(one_line("x\nSTOPPING=1\r\0\u{85}y"), "x STOPPING=1   y");
    }

    #[test]
    fn text_that_is_too_long_is_cut_between_characters() {
        let line = one_line(&"ä".repeat(1000));
        assert_eq!(line.chars().count(), MAX_STATUS_CHARS + 1);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn names_beyond_the_first_few_are_counted() {
        assert_eq!(few(&["a".into(), "b".into()], 2), "a, b");
        assert_eq!(few(&["a".into(), "b".into()], 5), "a, b and 3 more");
    }
}
