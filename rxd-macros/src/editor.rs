//! Everything that was written in an item's attributes, once more, for an editor: it completes half a word,
//! also in an attribute that makes no sense yet, and explains the keys. The compiler drops it unread.
//!
//! To complete a word, rust-analyzer expands the attribute as it stands and with a made-up word at the
//! cursor, and looks at the place of the latter in the former. Therefore this comes before everything else
//! that is generated, and depends only on how the commas divide the arguments ([`ArgSlot`]), which half a
//! word and a whole one do not change. Whether an argument makes sense plays no part.

use crate::runtime::RuntimePaths;
use crate::syntax::args::{Arg, ArgList, ArgSlot};
use crate::syntax::words::{ACTIONS, EFFECTS, MODES, ON_FAILURE, ON_STALE, SIGNALS, STATES, WordSet};
use crate::watch::ast::WatchKeyword;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use std::borrow::Cow;

/// The words of one item's attributes.
pub(crate) struct EditorHints<'a> {
    rxd: &'a RuntimePaths,
    hints: TokenStream,
}

impl<'a> EditorHints<'a> {
    /// None yet.
    pub(crate) fn new(rxd: &'a RuntimePaths) -> Self {
        EditorHints { rxd, hints: TokenStream::new() }
    }

    /// What a watch names.
    pub(crate) fn add_watch(&mut self, keyword: WatchKeyword, list: &ArgList) {
        for (i, slot) in list.slots.iter().enumerate() {
            let tokens = &slot.tokens;
            match i {
                0 if keyword == WatchKeyword::Watch => self.add_word("mode", &MODES, tokens),
                1 if keyword == WatchKeyword::Watch => self.add_word("action", &ACTIONS, tokens),
                2 if keyword == WatchKeyword::Watch => self.add_state(tokens),
                _ if tokens.len() > 1 && !is_path(tokens) => self.add_entry("watch", slot),
                _ => self.add_type("watch", tokens),
            }
        }
    }

    /// What the entries of a table name; a watch among them is [added as one](Self::add_watch).
    pub(crate) fn add_entries(&mut self, table: &str, list: &ArgList) {
        for slot in &list.slots {
            if !matches!(&slot.arg, Some(Arg::List { key, .. }) if WatchKeyword::of_word_before_service(key).is_some())
            {
                self.add_entry(table, slot);
            }
        }
    }

    /// `key`, `key = value` or `key(..)`
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

    /// What stands in `key(..)`.
    fn add_inner(&mut self, key: &str, list: &ArgList) {
        let slots = list.slots.iter().map(|slot| slot.tokens.as_slice());
        let whole = || list.tokens.clone().into_iter().collect::<Vec<_>>();
        match key {
            "manager" => self.add_type("manager", &whole()),
            "then" => self.add_word("then", &EFFECTS, &whole()),
            "on_failure" => self.add_word("on_failure", &ON_FAILURE, &whole()),
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
                    match list_at_end(slot) {
                        Some((path, list)) => {
                            self.add_value(path);
                            self.add_entries("stage", &list);
                        }
                        None => self.add_value(&slot.tokens),
                    }
                }
            }
            _ => {}
        }
    }

    /// A word that an item of `rxd`'s explains.
    fn add_key(&mut self, table: &str, written: &[TokenTree]) {
        if !matches!(written, [TokenTree::Ident(word)] if word == "crate") {
            let (editor, table) = (self.rxd.editor(), Ident::new(table, Span::call_site()));
            let written = collect_tokens(written);
            self.hints.extend(quote!({ let _ = #editor::#table::#written; }));
        }
    }

    /// A word that is an item by itself, unless it is unknown.
    fn add_word(&mut self, table: &str, words: &WordSet, written: &[TokenTree]) {
        if !matches!(written, [TokenTree::Ident(word)] if words.find_variant(word).is_some()) {
            self.add_key(table, written);
        }
    }

    fn add_state(&mut self, written: &[TokenTree]) {
        match written {
            [TokenTree::Ident(word)] if STATES.find_variant(word).is_some() => {}
            [] | [TokenTree::Ident(_)] => {
                let (states, written) = (self.rxd.state(), collect_tokens(written));
                self.hints.extend(quote!({ let _ = #states::#written; }));
            }
            path => self.add_value(path),
        }
    }

    /// A constant, or a function.
    fn add_value(&mut self, written: &[TokenTree]) {
        if !matches!(written.first(), Some(TokenTree::Literal(_))) {
            let written = collect_tokens(written);
            self.hints.extend(quote!({ let _ = #written; }));
        }
    }

    /// A type, or one of the words that may stand there.
    fn add_type(&mut self, table: &str, written: &[TokenTree]) {
        if !matches!(written.first(), Some(TokenTree::Literal(_))) {
            let (editor, table) = (self.rxd.editor(), Ident::new(table, Span::call_site()));
            let written = collect_tokens(written);
            self.hints.extend(quote!({ use #editor::#table::*; let _: #written; }));
        }
    }
}

impl ToTokens for EditorHints<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        if self.hints.is_empty() {
            return;
        }
        // As a macro's tokens: a path that is still being typed is no Rust.
        let (show, hints) = (self.rxd.show(), &self.hints);
        tokens.extend(quote!(#show! { #hints }));
    }
}

/// The list that ends what is written between two commas, and what comes before it.
fn list_at_end(slot: &ArgSlot) -> Option<(&[TokenTree], Cow<'_, ArgList>)> {
    let (TokenTree::Group(group), before) = slot.tokens.split_last()? else { return None };
    let list = match &slot.arg {
        Some(Arg::List { list, .. } | Arg::Call { list, .. }) => Cow::Borrowed(list),
        // What comes before the list is still being typed, so nobody has read it.
        _ => Cow::Owned(ArgList::parse(group.stream())),
    };
    Some((before, list))
}

fn collect_tokens(written: &[TokenTree]) -> TokenStream {
    written.iter().cloned().collect()
}

/// Whether it goes on as a path does.
fn is_path(written: &[TokenTree]) -> bool {
    written.iter().take(2).any(|token| matches!(token, TokenTree::Punct(punct) if matches!(punct.as_char(), ':' | '<')))
}

#[cfg(test)]
mod tests {
    use crate::syntax::{tables, words};
    use std::collections::BTreeMap;

    /// Every key and every word has its line in `rxd`, and nothing else has one.
    #[test]
    fn each_word_is_explained() {
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
            ("stage", keys(tables::STAGE.keys)),
            ("watch", keys(tables::WATCH.keys)),
            ("mode", words(words::MODES)),
            ("action", words(words::ACTIONS)),
            ("then", words(words::EFFECTS)),
            ("on_failure", words(words::ON_FAILURE)),
            ("on_stale", words(words::ON_STALE)),
            ("signals", words(words::SIGNALS)),
        ];
        for (table, words) in expected {
            // `crate` is no name of an item, and needs no completion.
            let words: Vec<String> = words.into_iter().filter(|word| word != "crate").collect();
            assert_eq!(explained.remove(table).unwrap_or_default(), words, "{table}");
        }
        assert!(explained.is_empty(), "{explained:?}");
    }
}
