//! `#[rxd::daemon]`.

pub(crate) mod attr;
pub(crate) mod expand;
pub(crate) mod fallback;
pub(crate) mod model;
mod settings;

use crate::editor::Hints;
use crate::errors::Errors;
use crate::runtime::Runtime;
use crate::syntax::item::{describe, keyword};
use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemStruct;

/// `#[rxd::daemon(args)] item`
pub(crate) fn expand(args: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let rxd = Runtime::in_arguments(args.clone());
    let mut item = match syn::parse2::<ItemStruct>(tokens.clone()) {
        Ok(item) => item,
        Err(error) => {
            match describe(&tokens) {
                "a struct" => errors.push(error),
                what => errors.help(
                    keyword(&tokens),
                    format_args!("`#[rxd::daemon]` is for structs, and this is {what}"),
                    "put it on a struct whose fields are the services",
                ),
            }
            let generated = fallback::expand(&tokens, &rxd);
            return quote!(#tokens #generated #errors);
        }
    };
    let hints = Hints::of_daemon(&rxd, &args, &item);
    let written = attr::read(args, &mut item, &mut errors);
    let daemon = model::check(written, &item, &mut errors);
    let generated = match daemon {
        Some(daemon) => expand::expand(&item, &daemon),
        None => fallback::expand(&tokens, &rxd),
    };
    quote!(#item #hints #generated #errors)
}
