//! `#[rxd::service]`: a type becomes a service.

pub(crate) mod attr;
pub(crate) mod expand;
pub(crate) mod model;
pub(crate) mod watch_before;

use crate::editor::EditorHints;
use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::syntax::args::ArgList;
use crate::syntax::item::{ItemShape, TypeItem, describe_item, item_keyword};
use proc_macro2::TokenStream;
use quote::quote;

/// Expands `#[rxd::service(args)] item`.
pub(crate) fn expand(args: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(mut item) = TypeItem::parse(tokens.clone()) else {
        errors.report_with_help(
            item_keyword(&tokens),
            format_args!("`#[rxd::service]` is for structs and enums, and this is {}", describe_item(&tokens)),
            "put it on the type, and implement `rxd::Runner` for that",
        );
        return quote!(#tokens #errors);
    };
    if item.shape == ItemShape::Union {
        errors.report_with_help(
            &item.keyword,
            "`#[rxd::service]` is for structs and enums, and this is a union",
            format_args!("put the union into a struct, and make that the service"),
        );
    }
    if let Some(lifetime) = item.first_lifetime() {
        errors.report_with_help(
            lifetime,
            format_args!(
                "service `{}` has a lifetime parameter, but a service lives as long as its daemon",
                item.ident
            ),
            "store an owned value or an `Arc`",
        );
    }
    let list = ArgList::parse(args);
    let rxd = RuntimePaths::from_arguments(&list);
    let mut hints = EditorHints::new(&rxd);
    let written = attr::read_attributes(&list, &mut item, &mut errors);
    hints.add_entries("service", &list);
    written.watches.iter().for_each(|watch| hints.add_watch(watch.keyword, &watch.list));
    let service = model::check(written, &item, &mut errors);
    let generated = expand::expand(&item, &service, &rxd);
    quote!(#item #hints #generated #errors)
}
