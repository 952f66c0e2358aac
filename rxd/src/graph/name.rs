//! What a name of a service or of a daemon may be, and what is said of any other.
//!
//! The macros say the same of a literal, in a copy of these words (`rxd-macros/src/syntax/name.rs`).

use crate::text::{Text, char_at};

/// The longest name, in bytes: names stand in every log line and metric.
const LONGEST: usize = 64;

/// The prefix of the names that rxd keeps for itself.
const RESERVED: &str = "_rxd";

/// What a name may be, for messages.
const RULE: &str = "a name is made of ASCII letters, digits, `-`, `_` and `.`";

/// Why a text cannot be a name.
#[derive(Clone, Copy)]
enum Wrong {
    Empty,
    /// What stands at this byte.
    Letter(usize),
    Reserved,
    Long,
}

/// Whether a service can have this name: it has to survive as a part of a path and of a filter.
pub(super) const fn is_name(name: &str) -> bool {
    wrong(name).is_none()
}

/// What keeps a text from being a name, and a line `help: ..`; none if it can be one.
pub(crate) fn fault(name: &str) -> Option<String> {
    if is_name(name) {
        return None;
    }
    let mut text = Text::new();
    write(&mut text, name);
    Some(text.as_str().to_owned())
}

/// What [`fault`] says; nothing of a text that can be a name.
pub(super) const fn write(text: &mut Text, name: &str) {
    match wrong(name) {
        None => {}
        Some(Wrong::Empty) => {
            text.push("a name cannot be empty\nhelp: ");
            text.push(RULE);
        }
        Some(Wrong::Letter(at)) => {
            if name.as_bytes()[at] == b' ' {
                text.push("a space");
            } else if name.as_bytes()[at].is_ascii_control() {
                text.push("a control character");
            } else {
                text.quote(char_at(name, at));
            }
            text.push(" cannot stand in a name\nhelp: ");
            text.push(RULE);
            suggest(text, name);
        }
        Some(Wrong::Reserved) => {
            text.quote(name);
            text.push(" is reserved\nhelp: names that begin with `");
            text.push(RESERVED);
            text.push("` are rxd's own");
        }
        Some(Wrong::Long) => {
            text.push("this name is ");
            text.number(name.len());
            text.push(" bytes long\nhelp: a name is at most ");
            text.number(LONGEST);
            text.push(" bytes long");
        }
    }
}

const fn wrong(name: &str) -> Option<Wrong> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Some(Wrong::Empty);
    }
    let mut i = 0;
    while i < bytes.len() {
        if !may_stand(bytes[i]) {
            return Some(Wrong::Letter(i));
        }
        i += 1;
    }
    if is_reserved(bytes) {
        return Some(Wrong::Reserved);
    }
    if bytes.len() > LONGEST { Some(Wrong::Long) } else { None }
}

const fn may_stand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

const fn is_reserved(name: &[u8]) -> bool {
    matches!(name, [b'_', b'r', b'x', b'd', ..])
}

/// The name with everything that cannot stand in it turned into dashes, if that can be one.
const fn suggest(text: &mut Text, name: &str) {
    let bytes = name.as_bytes();
    let mut better = [0_u8; LONGEST];
    let (mut len, mut i, mut gap) = (0, 0, false);
    while i < bytes.len() {
        if may_stand(bytes[i]) {
            let dash = gap && len > 0;
            if len + 1 + dash as usize > LONGEST {
                return;
            }
            if dash {
                better[len] = b'-';
                len += 1;
            }
            better[len] = bytes[i];
            len += 1;
            gap = false;
        } else {
            gap = true;
        }
        i += 1;
    }
    let better = better.split_at(len).0;
    if better.is_empty() || is_reserved(better) {
        return;
    }
    if let Ok(better) = core::str::from_utf8(better) {
        text.push(": write `\"");
        text.push(better);
        text.push("\"`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g60_a_name_that_cannot_be_one_is_described_in_the_words_of_the_macros() {
        let rule = "a name is made of ASCII letters, digits, `-`, `_` and `.`";
        for (name, says) in [
            ("", format!("a name cannot be empty\nhelp: {rule}")),
            ("the poller", format!("a space cannot stand in a name\nhelp: {rule}: write `\"the-poller\"`")),
            ("/edge//x/", format!("`/` cannot stand in a name\nhelp: {rule}: write `\"edge-x\"`")),
            ("db\u{7}", format!("a control character cannot stand in a name\nhelp: {rule}: write `\"db\"`")),
            ("\u{f6}", format!("`\u{f6}` cannot stand in a name\nhelp: {rule}")),
            ("_rxd x", format!("a space cannot stand in a name\nhelp: {rule}")),
            (&format!("{} x", "x".repeat(63)), format!("a space cannot stand in a name\nhelp: {rule}")),
            ("_rxd.poller", "`_rxd.poller` is reserved\nhelp: names that begin with `_rxd` are rxd's own".to_owned()),
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
