//! `#[rxd::daemon]`: the fields of a struct become the services of a daemon.

pub(crate) mod attr;
pub(crate) mod expand;
pub(crate) mod fallback;
mod family;
mod fields;
pub(crate) mod model;
mod settings;
mod unix_only;

use crate::code::Code;
use crate::editor::EditorHints;
use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::syntax::args::ArgList;
use crate::syntax::item::{describe_item, item_keyword};
use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::ItemStruct;

/// Expands `#[rxd::daemon(args)] item`.
pub(crate) fn expand(args: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let list = ArgList::parse(args);
    let rxd = RuntimePaths::from_arguments(&list);
    let mut item = match syn::parse2::<ItemStruct>(tokens.clone()) {
        Ok(item) => item,
        Err(error) => {
            match describe_item(&tokens) {
                "a struct" => errors.push(error),
                what => errors.report_with_help(
                    item_keyword(&tokens),
                    format_args!("`#[rxd::daemon]` is for structs, and this is {what}"),
                    "put it on a struct whose fields are the services",
                ),
            }
            let generated = fallback::expand(&tokens, &rxd);
            return quote!(#tokens #generated #errors);
        }
    };
    let written = attr::read_attributes(&list, &mut item, &mut errors);
    let mut hints = EditorHints::new(&rxd);
    hints.add_entries("daemon", &list);
    written.fields.iter().for_each(|field| hints.add_entries("field", &field.list));
    let daemon = model::check(written, &item, &mut errors);
    let mut code = Code::new(&rxd);
    code.tokens(&item);
    hints.write(&mut code);
    match daemon {
        Some(daemon) => code.append(expand::expand(&item, &daemon, &rxd)),
        None => code.tokens(fallback::expand(&tokens, &rxd)),
    }
    code.tokens(errors);
    code.into_token_stream()
}
