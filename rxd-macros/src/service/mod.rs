//! `#[rxd::service]`.

pub(crate) mod attr;
pub(crate) mod expand;
pub(crate) mod model;
pub(crate) mod watch_before;

use crate::editor::Hints;
use crate::errors::Errors;
use crate::runtime::Runtime;
use crate::syntax::item::{Item, Shape, describe, keyword};
use proc_macro2::TokenStream;
use quote::quote;

/// `#[rxd::service(args)] item`
pub(crate) fn expand(args: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(mut item) = Item::parse(tokens.clone()) else {
        errors.help(
            keyword(&tokens),
            format_args!("`#[rxd::service]` is for structs and enums, and this is {}", describe(&tokens)),
            "put it on the type, and implement `rxd::Runner` for that",
        );
        return quote!(#tokens #errors);
    };
    if item.shape == Shape::Union {
        errors.help(
            &item.keyword,
            "`#[rxd::service]` is for structs and enums, and this is a union",
            format_args!("put the union into a struct, and make that the service"),
        );
    }
    if let Some(lifetime) = item.lifetime() {
        errors.help(
            lifetime,
            format_args!("service `{}` borrows, but a service lives as long as the daemon", item.ident),
            "own the value, or share it with an `Arc`",
        );
    }
    let rxd = Runtime::in_arguments(args.clone());
    let hints = Hints::of_service(&rxd, &args, &item.attrs);
    let written = attr::read(args, &mut item, &mut errors);
    let service = model::check(written, &item, &mut errors);
    let generated = expand::expand(&item, &service);
    quote!(#item #hints #generated #errors)
}
