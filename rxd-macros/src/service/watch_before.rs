//! A watch before `#[rxd::service]`, or without it.
//!
//! The compiler expands attributes from the top. A watch before `#[rxd::service]` is therefore
//! expanded by itself. It moves into the arguments of `#[rxd::service]`, so the order of the
//! attributes has no meaning.

use crate::errors::Errors;
use crate::syntax::item::{TypeItem, describe_item, item_keyword, last_segment};
use crate::watch::ast::WatchKeyword;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Meta, parse_quote};

/// Expands `#[watch(args)] item`, where `#[watch]` is expanded by itself.
pub(crate) fn expand(keyword: WatchKeyword, args: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let word = Ident::new(keyword.word(), Span::call_site());
    let Some(mut item) = TypeItem::parse(tokens.clone()).filter(TypeItem::may_be_service) else {
        errors.report_with_help(
            item_keyword(&tokens),
            format_args!("`#[{word}]` is for services, and this is {}", describe_item(&tokens)),
            "put it on a struct, an enum or an async function, under `#[rxd::service]`",
        );
        return quote!(#tokens #errors);
    };
    if item.attrs.iter().any(|attr| last_segment(attr.path()).is_some_and(|word| word == "daemon")) {
        errors.report_with_help(
            Ident::new(keyword.word(), Span::call_site()),
            format_args!("a daemon watches nothing, so `#[{word}]` cannot stand on it"),
            "put it on the service that is to wait or to react",
        );
        return quote!(#item #errors);
    }
    let service = item.attrs.iter().position(|attr| last_segment(attr.path()).is_some_and(|word| word == "service"));
    let Some(service) = service else {
        let at = if args.is_empty() { item.written_name().to_token_stream() } else { args.clone() };
        errors.report_with_help(
            at,
            format_args!("`#[{word}]` without `#[rxd::service]`"),
            format_args!("write `#[rxd::service]` on `{}` too", item.written_name()),
        );
        item.attrs.insert(0, parse_quote!(#[#word(#args)]));
        // Expanded as if it were there: code that uses the type as a service is not an error, too.
        let service = crate::service::expand(TokenStream::new(), item.to_token_stream());
        return quote!(#service #errors);
    };
    move_into_service(keyword, args, &mut item.attrs[service]);
    quote!(#item)
}

/// Appends `__watch(args)` to the arguments of `#[rxd::service]`. Attributes before it are expanded
/// in the order of the source, so they are in that order there, before those that follow it.
fn move_into_service(keyword: WatchKeyword, args: TokenStream, service: &mut Attribute) {
    let word = Ident::new(keyword.word_before_service(), Span::call_site());
    let path = service.path();
    let meta = match &service.meta {
        Meta::List(list) => {
            let tokens = &list.tokens;
            let ends = tokens.clone().into_iter().last();
            // After a trailing comma, or in an empty list, no further comma is needed.
            let open = ends.is_none_or(|last| matches!(last, TokenTree::Punct(comma) if comma.as_char() == ','));
            let comma = (!open).then(|| quote!(,));
            quote!(#path(#tokens #comma #word(#args)))
        }
        _ => quote!(#path(#word(#args))),
    };
    if let Ok(meta) = syn::parse2::<Meta>(meta) {
        service.meta = meta;
    }
}
