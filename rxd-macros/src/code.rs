//! A writer of generated code.
//!
//! In a user's debug build the macros are not optimised, and each token that they make one by one
//! costs thousands of instructions. So generated code is text, which the compiler parses, and only
//! the tokens of the user and the parentheses with a span are made one by one.

use crate::runtime::RuntimePaths;
use crate::syntax::span::respan;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::fmt;

/// Code of a macro's: text, with tokens of the user's between it.
///
/// All words of the text have the span of the attribute. Tokens keep their spans.
pub(crate) struct Code<'a> {
    rxd: &'a RuntimePaths,
    /// What comes before `trees` and `text`.
    done: Vec<TokenStream>,
    /// What comes before `text`.
    trees: Vec<TokenTree>,
    /// Text with balanced brackets.
    text: String,
}

impl<'a> Code<'a> {
    /// No code yet. Paths of `rxd` in the text are written by [`ItemPath`](crate::runtime::ItemPath).
    pub(crate) fn new(rxd: &'a RuntimePaths) -> Self {
        Code { rxd, done: Vec::new(), trees: Vec::new(), text: String::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.done.is_empty() && self.trees.is_empty() && self.text.is_empty()
    }

    /// Adds text whose brackets are balanced.
    pub(crate) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(text);
        // A blank, so that the last word does not become one with the next.
        self.text.push(' ');
    }

    /// Adds formatted text whose brackets are balanced.
    pub(crate) fn format(&mut self, text: fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = fmt::Write::write_fmt(&mut self.text, text);
        self.text.push(' ');
    }

    /// Adds tokens, which keep their spans.
    pub(crate) fn tokens(&mut self, tokens: impl ToTokens) {
        let tokens = tokens.into_token_stream();
        if !tokens.is_empty() {
            self.flush();
            self.done.push(tokens);
        }
    }

    /// Adds other code.
    pub(crate) fn append(&mut self, other: Code<'_>) {
        if other.done.is_empty() && other.trees.is_empty() {
            self.text.push_str(&other.text);
            return;
        }
        self.flush();
        self.done.extend(other.done);
        self.trees = other.trees;
        self.text = other.text;
    }

    /// Adds one token, which keeps its span.
    pub(crate) fn tree(&mut self, tree: impl Into<TokenTree>) {
        if !self.text.is_empty() {
            self.flush();
        }
        self.trees.push(tree.into());
    }

    /// Adds what `write` writes, in brackets.
    pub(crate) fn group(&mut self, delimiter: Delimiter, write: impl FnOnce(&mut Code<'a>)) {
        let mut inner = Code::new(self.rxd);
        write(&mut inner);
        let (open, close) = match delimiter {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::None => ("", ""),
        };
        if inner.done.is_empty() && inner.trees.is_empty() {
            self.text.extend([open, &inner.text, close]);
        } else {
            self.tree(Group::new(delimiter, inner.into_token_stream()));
        }
    }

    /// Adds what `write` writes, in parentheses with this span.
    pub(crate) fn group_at(&mut self, span: Span, write: impl FnOnce(&mut Code<'a>)) {
        let mut inner = Code::new(self.rxd);
        write(&mut inner);
        let mut group = Group::new(Delimiter::Parenthesis, inner.into_token_stream());
        group.set_span(span);
        self.tree(group);
    }

    /// Adds the call `(path)(args)`, whose expression has these spans:
    /// see [`call_at`](crate::syntax::span::call_at).
    pub(crate) fn call_at(&mut self, (start, end): (Span, Span), path: &str, args: &str) {
        self.group_at(start, |code| code.text(path));
        self.group_at(end, |code| code.text(args));
    }

    /// Moves the text and the trees to what is done.
    fn flush(&mut self) {
        if !self.trees.is_empty() {
            self.done.push(std::mem::take(&mut self.trees).into_iter().collect());
        }
        if !self.text.is_empty() {
            self.done.push(self.parse(&self.text));
            self.text.clear();
        }
    }

    fn parse(&self, text: &str) -> TokenStream {
        // `proc_macro2` would parse it by itself first, in code that is not optimised.
        let tokens = if proc_macro::is_available() {
            text.parse::<proc_macro::TokenStream>().map(TokenStream::from).ok()
        } else {
            // In a test there is no attribute, and text has spans of its own.
            text.parse().map(|tokens| respan(tokens, Span::call_site())).ok()
        };
        // A fault of this macro, which its tests would find: the error is at the attribute then.
        let tokens = tokens.unwrap_or_else(|| quote::quote!(::core::compile_error! { "rxd: not Rust" }));
        self.rxd.with_root(tokens)
    }
}

impl ToTokens for Code<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.done.iter().cloned());
        tokens.extend(self.trees.iter().cloned());
        if !self.text.is_empty() {
            tokens.extend(self.parse(&self.text));
        }
    }

    fn into_token_stream(mut self) -> TokenStream {
        self.flush();
        self.done.into_iter().collect()
    }
}

/// An ident of generated code.
pub(crate) fn call_site_ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
