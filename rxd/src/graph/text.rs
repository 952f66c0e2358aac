//! A text that can be put together in a constant.

/// How long a message can get.
const CAPACITY: usize = 8192;

/// A text of limited length; what does not fit is cut off, between two characters, and replaced by `..`.
#[derive(Clone, Copy)]
pub(super) struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
    full: bool,
}

impl Text {
    pub(super) const fn new() -> Self {
        Text { bytes: [0; CAPACITY], len: 0, full: false }
    }

    pub(super) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            // Unreachable: only whole characters are ever pushed.
            Err(_) => "this message cannot be shown",
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn push(&mut self, text: &str) {
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

    /// The name in backticks; control characters, which could forge another line, are left out.
    pub(super) const fn quote(&mut self, name: &str) {
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

    pub(super) const fn number(&mut self, number: usize) {
        if number >= 10 {
            self.number(number / 10);
        }
        let digit = number % 10;
        self.push(slice("0123456789", digit, digit + 1));
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
pub(super) const fn char_at(text: &str, at: usize) -> &str {
    let bytes = text.as_bytes();
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] & 0xc0 == 0x80 {
        end += 1;
    }
    slice(text, at, end)
}
