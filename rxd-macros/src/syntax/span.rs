//! Spans of generated code. The compiler underlines what is at the span of the code that it
//! reports.

use crate::runtime::RuntimePaths;
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

/// The spans of the first and the last token.
pub(crate) fn outer_spans(tokens: &impl ToTokens) -> (Span, Span) {
    let mut tokens = tokens.to_token_stream().into_iter();
    let first = tokens.next();
    let last = tokens.last().or_else(|| first.clone());
    let span = |token: Option<TokenTree>| token.map_or_else(Span::call_site, |token| token.span());
    (span(first), span(last))
}

/// The same tokens, all of them at `span`.
///
/// An editor takes a word with a span of the user's for what the user's own word means. So such code
/// goes through [`compiled`], except for names that the user has written.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            if let TokenTree::Group(group) = &token {
                let mut inner = Group::new(group.delimiter(), respan(group.stream(), span));
                inner.set_span(span);
                return TokenTree::Group(inner);
            }
            token.set_span(span);
            token
        })
        .collect()
}

/// One expression or item for the compiler, and another one for an editor.
pub(crate) fn compiled(compiled: TokenStream, in_editor: TokenStream, rxd: &RuntimePaths) -> TokenStream {
    let choose = rxd.choose();
    quote!(#choose! { { #compiled } { #in_editor } })
}

/// The call `(path)(args)`, whose expression spans from `start` to `end`: the compiler underlines
/// what is there when it panics.
///
/// Only the two pairs of parentheses have a span of the user's. An editor would take words with such
/// a span for what the user's word means.
pub(crate) fn call_at((start, end): (Span, Span), path: impl ToTokens, args: TokenStream) -> TokenStream {
    let parenthesized = |tokens: TokenStream, span| {
        let mut group = Group::new(Delimiter::Parenthesis, tokens);
        group.set_span(span);
        group
    };
    let (path, args) = (parenthesized(path.into_token_stream(), start), parenthesized(args, end));
    TokenStream::from_iter([TokenTree::from(path), args.into()])
}
