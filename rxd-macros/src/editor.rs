//! Hints for an editor: the words of an item's attributes once more, as paths to what they name.
//! With them, an editor completes half a word, also in an attribute that is not valid yet, and
//! explains the keys. They are in a macro call that is empty for the compiler.
//!
//! # How rust-analyzer completes a word
//!
//! 1. It expands the attribute as it is written.
//! 2. It expands the attribute with a made-up word at the cursor.
//! 3. It looks for the place of the made-up word of (2) in (1), and completes what is there.
//!
//! Both expansions must therefore be the same up to that place. So the hints come before all other
//! generated code, and depend only on the slots of a list ([`ArgSlot`]), which are the same for
//! half a word and a whole one. Whether a slot is an argument has no influence. Words that are known
//! follow them, in a macro call of their own.

use crate::code::{Code, call_site_ident};
use crate::runtime::RuntimePaths;
use crate::syntax::args::{Arg, ArgList, ArgSlot};
use crate::syntax::words::{
    ACTIONS, EFFECTS, FIRST, MISSED, MODES, ON_FAILURE, ON_STALE, READINESS, SIGNALS, STATES, WordSet,
};
use crate::watch::ast::WatchKeyword;
use proc_macro2::{Delimiter, Punct, Spacing, TokenTree};
use std::borrow::Cow;

/// The hints for one item.
pub(crate) struct EditorHints<'a> {
    rxd: &'a RuntimePaths,
    hints: Code<'a>,
    /// The words that are known: for each a type of `rxd`, and the variant of it.
    known: Vec<TokenTree>,
}

impl<'a> EditorHints<'a> {
    /// No hints yet.
    pub(crate) fn new(rxd: &'a RuntimePaths) -> Self {
        EditorHints { rxd, hints: Code::new(rxd), known: Vec::new() }
    }

    /// Adds the words of a watch.
    pub(crate) fn add_watch(&mut self, keyword: WatchKeyword, list: &ArgList) {
        for (i, slot) in list.slots.iter().enumerate() {
            let tokens = &slot.tokens;
            match i {
                0 if keyword == WatchKeyword::Watch => {
                    self.add_known("Mode", &MODES, tokens);
                    self.add_word("mode", &MODES, tokens);
                }
                1 if keyword == WatchKeyword::Watch => {
                    self.add_known("Action", &ACTIONS, tokens);
                    self.add_word("action", &ACTIONS, tokens);
                }
                2 if keyword == WatchKeyword::Watch => {
                    self.add_known("State", &STATES, tokens);
                    self.add_state(tokens);
                }
                _ if tokens.len() > 1 && !is_path(tokens) => self.add_entry("watch", slot),
                _ => self.add_type("watch", tokens),
            }
        }
    }

    /// Adds the entries of a list. A watch among them is skipped: see
    /// [`add_watch`](Self::add_watch).
    pub(crate) fn add_entries(&mut self, table: &str, list: &ArgList) {
        for slot in &list.slots {
            if !matches!(&slot.arg, Some(Arg::List { key, .. }) if WatchKeyword::of_word_before_service(key).is_some())
            {
                self.add_entry(table, slot);
            }
        }
    }

    /// Adds `key`, `key = value` or `key(..)`.
    fn add_entry(&mut self, table: &str, slot: &ArgSlot) {
        let written = slot.tokens.as_slice();
        if written.first().is_some_and(|first| !matches!(first, TokenTree::Ident(_))) {
            return;
        }
        self.add_key(table, &written[..written.len().min(1)]);
        match (written, list_at_end(slot)) {
            ([_, TokenTree::Punct(eq), value @ ..], _) if eq.as_char() == '=' => self.add_value(value),
            ([TokenTree::Ident(key), _], Some((_, list))) => self.add_inner(&key.to_string(), &list),
            _ => {}
        }
    }

    /// Adds the list in `key(..)`.
    fn add_inner(&mut self, key: &str, list: &ArgList) {
        let slots = list.slots.iter().map(|slot| slot.tokens.as_slice());
        let whole = || list.tokens.clone().into_iter().collect::<Vec<_>>();
        match key {
            "manager" => self.add_type("manager", &whole()),
            "then" => self.add_word("then", &EFFECTS, &whole()),
            "on_failure" => self.add_word("on_failure", &ON_FAILURE, &whole()),
            "readiness" => self.add_word("readiness", &READINESS, &whole()),
            "first" => self.add_word("first", &FIRST, &whole()),
            "missed" => self.add_word("missed", &MISSED, &whole()),
            "on_stale" => self.add_word("on_stale", &ON_STALE, &whole()),
            "signals" => slots.for_each(|word| self.add_word("signals", &SIGNALS, word)),
            "backoff" | "restarts" => self.add_entries(key, list),
            "delays" | "timeouts" => slots.for_each(|written| {
                let (state, value) = written.split_at(written.len().min(1));
                self.add_state(state);
                self.add_value(value.get(1..).unwrap_or_default());
            }),
            "prestart" => {
                for slot in &list.slots {
                    let is_key = |token: &TokenTree| matches!(token, TokenTree::Punct(eq) if eq.as_char() == '=');
                    match list_at_end(slot) {
                        Some((path, list)) => {
                            self.add_value(path);
                            self.add_entries("stage", &list);
                        }
                        None if slot.tokens.get(1).is_some_and(is_key) => self.add_entry("prestart", slot),
                        None => self.add_value(&slot.tokens),
                    }
                }
            }
            _ => {}
        }
    }

    /// Adds a word that an item of `rxd::__private::editor` explains.
    fn add_key(&mut self, table: &str, written: &[TokenTree]) {
        if !matches!(written, [TokenTree::Ident(word)] if word == "crate") {
            let editor = self.rxd.editor();
            self.add(written, |code| code.format(format_args!("let _ = {editor}::{table}::")));
        }
    }

    /// Adds a word of a set, if it is unknown. A known one is named in the generated code, or is one
    /// of [`known`](Self::add_known).
    fn add_word(&mut self, table: &str, words: &WordSet, written: &[TokenTree]) {
        if !matches!(written, [TokenTree::Ident(word)] if words.find_variant(word).is_some()) {
            self.add_key(table, written);
        }
    }

    /// Adds a word of a set, if it is known: a variant of `ty`. The generated code names it without the
    /// user's span.
    fn add_known(&mut self, ty: &str, words: &WordSet, written: &[TokenTree]) {
        if let [TokenTree::Ident(word)] = written {
            if let Some(variant) = words.find_variant(word) {
                self.known.extend([call_site_ident(ty).into(), variant.into()]);
            }
        }
    }

    /// Adds a state, if it is unknown.
    fn add_state(&mut self, written: &[TokenTree]) {
        match written {
            [TokenTree::Ident(word)] if STATES.find_variant(word).is_some() => {}
            [] | [TokenTree::Ident(_)] => {
                let states = self.rxd.state();
                self.add(written, |code| code.format(format_args!("let _ = {states}::")));
            }
            path => self.add_value(path),
        }
    }

    /// Adds a constant or a function.
    fn add_value(&mut self, written: &[TokenTree]) {
        if !matches!(written.first(), Some(TokenTree::Literal(_))) {
            self.add(written, |code| code.text("let _ ="));
        }
    }

    /// Adds a type, or a word of the table that may be in its place.
    fn add_type(&mut self, table: &str, written: &[TokenTree]) {
        if !matches!(written.first(), Some(TokenTree::Literal(_))) {
            let editor = self.rxd.editor();
            self.add(written, |code| code.format(format_args!("use {editor}::{table}::*; let _:")));
        }
    }

    /// Adds what was written, after what `before` writes, as a statement in a block.
    fn add(&mut self, written: &[TokenTree], before: impl FnOnce(&mut Code<'a>)) {
        self.hints.group(Delimiter::Brace, |code| {
            before(code);
            written.iter().for_each(|token| code.tree(token.clone()));
            code.tree(Punct::new(';', Spacing::Alone));
        });
    }

    /// Writes them.
    pub(crate) fn write(self, code: &mut Code<'a>) {
        if !self.hints.is_empty() {
            // As tokens of a macro call: a half-written path cannot be parsed as Rust.
            code.format(format_args!("{}!", self.rxd.show()));
            code.group(Delimiter::Brace, |code| code.append(self.hints));
        }
        // After the hints: see the module.
        if !self.known.is_empty() {
            code.format(format_args!("{}!", self.rxd.show_known()));
            code.group(Delimiter::Brace, |code| self.known.into_iter().for_each(|token| code.tree(token)));
        }
    }
}

/// The list at the end of a slot, and the tokens before it.
fn list_at_end(slot: &ArgSlot) -> Option<(&[TokenTree], Cow<'_, ArgList>)> {
    let (TokenTree::Group(group), before) = slot.tokens.split_last()? else { return None };
    let list = match &slot.arg {
        Some(Arg::List { list, .. } | Arg::Call { list, .. }) => Cow::Borrowed(list),
        // The tokens before the list are half-written, so it was not parsed.
        _ => Cow::Owned(ArgList::parse(group.stream())),
    };
    Some((before, list))
}

/// Whether the first two tokens are the beginning of a path with segments or generics.
fn is_path(written: &[TokenTree]) -> bool {
    written.iter().take(2).any(|token| matches!(token, TokenTree::Punct(punct) if matches!(punct.as_char(), ':' | '<')))
}

#[cfg(test)]
mod tests {
    use crate::syntax::{tables, words};
    use std::collections::BTreeMap;

    /// Every key and every word has its line in `rxd/src/editor.rs`, and nothing else has one.
    #[test]
    fn word_of_an_attribute_has_an_explanation() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../rxd/src/editor.rs");
        let text = std::fs::read_to_string(path).expect("the words of rxd");
        let mut explained: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut table = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("words!(") {
                table = name.trim_end_matches(" {").to_owned();
            } else if let Some((word, _)) = line.split_once(" = \"") {
                explained.entry(table.clone()).or_default().push(word.to_owned());
            }
        }
        let keys =
            |keys: &[crate::syntax::keys::AttributeKey]| keys.iter().map(|key| key.name.to_owned()).collect::<Vec<_>>();
        let words = |words: words::WordSet| words.words().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let expected = [
            ("service", keys(tables::SERVICE_KEYS)),
            ("backoff", keys(tables::BACKOFF.keys)),
            ("restarts", keys(tables::RESTARTS.keys)),
            ("daemon", keys(tables::DAEMON_KEYS)),
            ("field", keys(tables::FIELD.keys)),
            ("prestart", keys(tables::PRESTART_KEYS.keys)),
            ("stage", keys(tables::STAGE.keys)),
            ("watch", [keys(&tables::NEEDS.keys[1..]), keys(tables::WATCH.keys)].concat()),
            ("mode", words(words::MODES)),
            ("action", words(words::ACTIONS)),
            ("then", words(words::EFFECTS)),
            ("on_failure", words(words::ON_FAILURE)),
            ("readiness", words(words::READINESS)),
            ("first", words(words::FIRST)),
            ("missed", words(words::MISSED)),
            ("on_stale", words(words::ON_STALE)),
            ("signals", words(words::SIGNALS)),
        ];
        for (table, words) in expected {
            // `crate` cannot be the name of an item.
            let words: Vec<String> = words.into_iter().filter(|word| word != "crate").collect();
            assert_eq!(explained.remove(table).unwrap_or_default(), words, "{table}");
        }
        assert!(explained.is_empty(), "{explained:?}");
    }
}
