//! What was written, once more, where only an editor looks: it completes half a word, also in an attribute that makes no
//! sense yet, and explains the keys.
//!
//! To complete a word, rust-analyzer expands the attribute as it stands and with a made-up word at the cursor, and looks
//! at the place of the latter in the former. Therefore this comes before everything else that is generated, and
//! depends only on how the arguments are divided by commas. The compiler drops it unread.

use crate::runtime::Runtime;
use crate::syntax::item::last_word;
use crate::syntax::words::{ACTIONS, EFFECTS, MODES, ON_FAILURE, ON_STALE, SIGNALS, STATES, Words};
use crate::watch::ast::Keyword;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, ItemStruct, Meta};

/// The words of one item's attributes.
pub(crate) struct Hints<'a> {
    rxd: &'a Runtime,
    hints: TokenStream,
}

impl<'a> Hints<'a> {
    /// What `#[rxd::service(args)]`, and the watches beside it, name.
    pub(crate) fn of_service(rxd: &'a Runtime, args: &TokenStream, attrs: &[Attribute]) -> Self {
        let mut hints = Hints { rxd, hints: TokenStream::new() };
        for piece in pieces(args.clone()) {
            let above = [Keyword::Watch, Keyword::Needs, Keyword::After]
                .into_iter()
                .find(|keyword| word(&piece).is_some_and(|word| word == keyword.above()));
            match (above, piece.get(1)) {
                (Some(keyword), Some(TokenTree::Group(group))) => hints.watch(keyword, group.stream()),
                _ => hints.entry("service", &piece),
            }
        }
        for attr in attrs {
            if let (Some(keyword), Meta::List(list)) = (Keyword::of(attr), &attr.meta) {
                hints.watch(keyword, list.tokens.clone());
            }
        }
        hints
    }

    /// What `#[rxd::daemon(args)]` and the attributes of its fields name.
    pub(crate) fn of_daemon(rxd: &'a Runtime, args: &TokenStream, item: &ItemStruct) -> Self {
        let mut hints = Hints { rxd, hints: TokenStream::new() };
        hints.entries("daemon", args.clone());
        for attr in item.fields.iter().flat_map(|field| &field.attrs) {
            let service = last_word(attr.path()).is_some_and(|word| word == "service");
            if let (true, Meta::List(list)) = (service, &attr.meta) {
                hints.entries("field", list.tokens.clone());
            }
        }
        hints
    }

    fn watch(&mut self, keyword: Keyword, args: TokenStream) {
        for (i, piece) in pieces(args).iter().enumerate() {
            match i {
                0 if keyword == Keyword::Watch => self.one_of("mode", &MODES, piece),
                1 if keyword == Keyword::Watch => self.one_of("action", &ACTIONS, piece),
                2 if keyword == Keyword::Watch => self.state(piece),
                _ if piece.len() > 1 && !is_path(piece) => self.entry("watch", piece),
                _ => self.ty("watch", piece),
            }
        }
    }

    fn entries(&mut self, table: &str, args: TokenStream) {
        pieces(args).iter().for_each(|piece| self.entry(table, piece));
    }

    /// `key`, `key = value` or `key(..)`
    fn entry(&mut self, table: &str, piece: &[TokenTree]) {
        if piece.first().is_some_and(|first| !matches!(first, TokenTree::Ident(_))) {
            return;
        }
        self.key(table, &piece[..piece.len().min(1)]);
        match piece {
            [_, TokenTree::Punct(eq), value @ ..] if eq.as_char() == '=' => self.value(value),
            [TokenTree::Ident(key), TokenTree::Group(group)] => self.inside(&key.to_string(), group.stream()),
            _ => {}
        }
    }

    /// What stands in `key(..)`.
    fn inside(&mut self, key: &str, args: TokenStream) {
        let list: Vec<TokenTree> = args.clone().into_iter().collect();
        match key {
            "manager" => self.ty("manager", &list),
            "then" => self.one_of("then", &EFFECTS, &list),
            "on_failure" => self.one_of("on_failure", &ON_FAILURE, &list),
            "on_stale" => self.one_of("on_stale", &ON_STALE, &list),
            "signals" => pieces(args).iter().for_each(|piece| self.one_of("signals", &SIGNALS, piece)),
            "backoff" | "restarts" => self.entries(key, args),
            "delays" | "timeouts" => {
                for piece in pieces(args) {
                    let (state, value) = piece.split_at(piece.len().min(1));
                    self.state(state);
                    self.value(value.get(1..).unwrap_or_default());
                }
            }
            "prestart" => {
                for piece in pieces(args) {
                    match piece.split_last() {
                        Some((TokenTree::Group(group), path)) => {
                            self.value(path);
                            self.entries("stage", group.stream());
                        }
                        _ => self.value(&piece),
                    }
                }
            }
            _ => {}
        }
    }

    /// A word that an item of `rxd`'s explains.
    fn key(&mut self, table: &str, written: &[TokenTree]) {
        if !matches!(written, [TokenTree::Ident(word)] if word == "crate") {
            let (editor, table) = (self.rxd.editor(), Ident::new(table, Span::call_site()));
            let written = tokens(written);
            self.hints.extend(quote!({ let _ = #editor::#table::#written; }));
        }
    }

    /// A word that is an item by itself, unless it is unknown.
    fn one_of(&mut self, table: &str, words: &Words, written: &[TokenTree]) {
        if !matches!(written, [TokenTree::Ident(word)] if words.get(word).is_some()) {
            self.key(table, written);
        }
    }

    fn state(&mut self, written: &[TokenTree]) {
        match written {
            [TokenTree::Ident(word)] if STATES.get(word).is_some() => {}
            [] | [TokenTree::Ident(_)] => {
                let (states, written) = (self.rxd.state(), tokens(written));
                self.hints.extend(quote!({ let _ = #states::#written; }));
            }
            path => self.value(path),
        }
    }

    /// A constant, or a function.
    fn value(&mut self, written: &[TokenTree]) {
        if !matches!(written.first(), Some(TokenTree::Literal(_))) {
            let written = tokens(written);
            self.hints.extend(quote!({ let _ = #written; }));
        }
    }

    /// A type, or one of the words that may stand there.
    fn ty(&mut self, table: &str, written: &[TokenTree]) {
        if !matches!(written.first(), Some(TokenTree::Literal(_))) {
            let (editor, table) = (self.rxd.editor(), Ident::new(table, Span::call_site()));
            let written = tokens(written);
            self.hints.extend(quote!({ use #editor::#table::*; let _: #written; }));
        }
    }
}

impl ToTokens for Hints<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        if self.hints.is_empty() {
            return;
        }
        // As a macro's tokens: a path that is still being typed is no Rust.
        let (show, hints) = (self.rxd.show(), &self.hints);
        tokens.extend(quote!(#show! { #hints }));
    }
}

/// What stands between the commas that are in no brackets; nothing, if there is nothing.
fn pieces(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut pieces = Vec::new();
    let (mut piece, mut depth) = (Vec::new(), 0_usize);
    for token in tokens {
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    pieces.push(std::mem::take(&mut piece));
                    continue;
                }
                _ => {}
            }
        }
        piece.push(token);
    }
    if !piece.is_empty() || !pieces.is_empty() {
        pieces.push(piece);
    }
    pieces
}

fn tokens(written: &[TokenTree]) -> TokenStream {
    written.iter().cloned().collect()
}

fn word(piece: &[TokenTree]) -> Option<&Ident> {
    match piece.first() {
        Some(TokenTree::Ident(word)) => Some(word),
        _ => None,
    }
}

/// Whether it goes on as a path does.
fn is_path(piece: &[TokenTree]) -> bool {
    piece.iter().take(2).any(|token| matches!(token, TokenTree::Punct(punct) if matches!(punct.as_char(), ':' | '<')))
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
        let keys = |keys: &[crate::syntax::keys::Key]| keys.iter().map(|key| key.name.to_owned()).collect::<Vec<_>>();
        let words = |words: words::Words| words.names().into_iter().map(str::to_owned).collect::<Vec<_>>();
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
