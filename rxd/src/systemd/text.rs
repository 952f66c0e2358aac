//! Text on its way to the service manager.

/// As many characters of a status as `systemctl status` shows on a wide screen.
const LONGEST: usize = 400;

/// One line of text, whatever it is made of: a newline would begin another command.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(4 * LONGEST));
    for (at, char) in text.chars().enumerate() {
        if at == LONGEST {
            line.push('…');
            break;
        }
        line.push(if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') { ' ' } else { char });
    }
    line
}

/// The first few names, and how many more there are: `a, b, c and 4 more`.
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
    fn a_newline_injects_nothing() {
        assert_eq!(one_line("x\nSTOPPING=1\r\0\u{85}y"), "x STOPPING=1   y");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let line = one_line(&"ä".repeat(1000));
        assert_eq!(line.chars().count(), LONGEST + 1);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn a_few_names_stand_for_all() {
        assert_eq!(few(&["a".into(), "b".into()], 2), "a, b");
        assert_eq!(few(&["a".into(), "b".into()], 5), "a, b and 3 more");
    }
}
