//! A watch above `#[rxd::service]`, or without it.
//!
//! Attributes are expanded from the top. One that stands above `#[rxd::service]` is handed the
//! item first; it moves below, where the service macro reads it, so that order does not matter.

use super::attr::Keyword;
use crate::errors::Errors;
use crate::syntax::item::{Item, describe, keyword as keyword_of, last_word};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Attribute, parse_quote};

/// `#[watch(args)] item`, where `#[watch]` was expanded by itself.
pub(crate) fn expand(keyword: Keyword, args: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let word = Ident::new(keyword.word(), Span::call_site());
    let Some(mut item) = Item::parse(tokens.clone()) else {
        errors.help(
            keyword_of(&tokens),
            format_args!("`#[{word}]` is for services, and this is {}", describe(&tokens)),
            "put it on a struct or an enum, under `#[rxd::service]`",
        );
        return quote!(#tokens #errors);
    };
    let service = item.attrs.iter().position(|attr| last_word(attr.path()).is_some_and(|word| word == "service"));
    let Some(service) = service else {
        item.attrs.retain(|attr| Keyword::of(attr).is_none());
        errors.help(
            Ident::new(&word.to_string(), Span::call_site()),
            format_args!("`#[{word}]` without `#[rxd::service]`"),
            format_args!("write `#[rxd::service]` on `{}` too", item.ident),
        );
        return quote!(#item #errors);
    };
    // All that stand above go below together, which keeps them in order.
    let mut moved: Vec<Attribute> = vec![parse_quote!(#[#word(#args)])];
    let mut kept = Vec::new();
    let mut below = Vec::new();
    for (i, attr) in item.attrs.drain(..).enumerate() {
        match i {
            _ if i > service => below.push(attr),
            _ if Keyword::of(&attr).is_some() => moved.push(attr),
            _ => kept.push(attr),
        }
    }
    item.attrs = kept;
    item.attrs.extend(moved);
    item.attrs.extend(below);
    quote!(#item)
}
