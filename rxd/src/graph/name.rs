//! Which names a service or a daemon may have, and the message about any other.
//!
//! The macros check a literal by a copy of this (`rxd-macros/src/syntax/name.rs`), in the same
//! words; `ui-tests/tests/agree` compares the two.

use crate::text::{Text, char_at};

/// The most bytes of a name: every log line and metric contains one.
const MAX_NAME_BYTES: usize = 64;

/// The prefix of the names that rxd keeps for itself.
const RESERVED: &str = "_rxd";

/// What a name is made of, for messages.
const ALLOWED: &str = "a name is made of ASCII letters, digits, `-`, `_` and `.`";

/// Why a text is not a name.
#[derive(Clone, Copy)]
enum InvalidName {
    Empty,
    /// The character at this byte is not allowed.
    Character(usize),
    Reserved,
    TooLong,
}

/// Whether a service can have this name. It has to work as a part of a path and of a log filter.
pub(super) const fn is_name(name: &str) -> bool {
    invalid(name).is_none()
}

/// Panics, in the compiler, with what is wrong with the name of a daemon.
#[track_caller]
pub const fn check_name(name: &str) {
    if !is_name(name) {
        let mut text = Text::new();
        write(&mut text, name);
        panic!("{}", text.as_str())
    }
}

/// What is wrong with a name, and a line `help: ..`; `None` if it is valid.
pub(crate) fn fault(name: &str) -> Option<String> {
    if is_name(name) {
        return None;
    }
    let mut text = Text::new();
    write(&mut text, name);
    Some(text.as_str().to_owned())
}

/// Writes what [`fault`] says; nothing about a valid name.
pub(super) const fn write(text: &mut Text, name: &str) {
    match invalid(name) {
        None => {}
        Some(InvalidName::Empty) => {
            text.push("a name cannot be empty\nhelp: ");
            text.push(ALLOWED);
        }
        Some(InvalidName::Character(at)) => {
            text.push("a name cannot contain ");
            if name.as_bytes()[at] == b' ' {
                text.push("a space");
            } else if name.as_bytes()[at].is_ascii_control() {
                text.push("a control character");
            } else {
                text.quote(char_at(name, at));
            }
            text.push("\nhelp: ");
            text.push(ALLOWED);
            push_suggestion(text, name);
        }
        Some(InvalidName::Reserved) => {
            text.quote(name);
            text.push(" is reserved\nhelp: write a name that does not begin with `");
            text.push(RESERVED);
            text.push("`");
        }
        Some(InvalidName::TooLong) => {
            text.push("this name is ");
            text.number(name.len());
            text.push(" bytes long\nhelp: a name is at most ");
            text.number(MAX_NAME_BYTES);
            text.push(" bytes long");
        }
    }
}

const fn invalid(name: &str) -> Option<InvalidName> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Some(InvalidName::Empty);
    }
    let mut i = 0;
    while i < bytes.len() {
        if !is_allowed(bytes[i]) {
            return Some(InvalidName::Character(i));
        }
        i += 1;
    }
    if is_reserved(bytes) {
        return Some(InvalidName::Reserved);
    }
    if bytes.len() > MAX_NAME_BYTES { Some(InvalidName::TooLong) } else { None }
}

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

const fn is_reserved(name: &[u8]) -> bool {
    matches!(name, [b'_', b'r', b'x', b'd', ..])
}

/// Proposes the name with every run of characters that are not allowed replaced by a dash, if that
/// is a valid name.
const fn push_suggestion(text: &mut Text, name: &str) {
    let bytes = name.as_bytes();
    let mut suggestion = [0_u8; MAX_NAME_BYTES];
    let (mut len, mut i, mut gap) = (0, 0, false);
    while i < bytes.len() {
        if is_allowed(bytes[i]) {
            let dash = gap && len > 0;
            if len + 1 + dash as usize > MAX_NAME_BYTES {
                return;
            }
            if dash {
                suggestion[len] = b'-';
                len += 1;
            }
            suggestion[len] = bytes[i];
            len += 1;
            gap = false;
        } else {
            gap = true;
        }
        i += 1;
    }
    let suggestion = suggestion.split_at(len).0;
    if suggestion.is_empty() || is_reserved(suggestion) {
        return;
    }
    if let Ok(suggestion) = core::str::from_utf8(suggestion) {
        text.push(": write `\"");
        text.push(suggestion);
        text.push("\"`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g60_invalid_name_has_the_message_of_the_macros() {
        let rule = "a name is made of ASCII letters, digits, `-`, `_` and `.`";
        for (name, says) in [
            ("", format!("a name cannot be empty\nhelp: {rule}")),
            ("the poller", format!("a name cannot contain a space\nhelp: {rule}: write `\"the-poller\"`")),
            ("/edge//x/", format!("a name cannot contain `/`\nhelp: {rule}: write `\"edge-x\"`")),
            ("db\u{7}", format!("a name cannot contain a control character\nhelp: {rule}: write `\"db\"`")),
            ("\u{f6}", format!("a name cannot contain `\u{f6}`\nhelp: {rule}")),
            ("_rxd x", format!("a name cannot contain a space\nhelp: {rule}")),
            (&format!("{} x", "x".repeat(63)), format!("a name cannot contain a space\nhelp: {rule}")),
            ("_rxd.poller", "`_rxd.poller` is reserved\nhelp: write a name that does not begin with `_rxd`".to_owned()),
            (&"x".repeat(65), "this name is 65 bytes long\nhelp: a name is at most 64 bytes long".to_owned()),
        ] {
            assert_eq!(fault(name), Some(says), "{name:?}");
        }
        for name in ["a", "api", "worker-2", "a_b", "v1.2", "_x", "_rx", &"x".repeat(64)] {
            assert_eq!(fault(name), None);
        }
        let long = format!("{} x", "x".repeat(62));
        assert!(fault(&long).unwrap().ends_with(&format!("write `\"{}-x\"`", "x".repeat(62))), "64 bytes");
    }
}
