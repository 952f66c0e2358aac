//! `rxd::manager!`: a transition table becomes a manager.

pub(crate) mod attr;
pub(crate) mod expand;
pub(crate) mod model;

use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

/// Expands `manager! { ($crate) pub FailFast { .. } }`. The first group is the path of `rxd`.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut tokens = tokens.into_iter();
    let root = match tokens.next() {
        Some(TokenTree::Group(root)) => root.stream(),
        _ => quote!(::rxd),
    };
    let written = attr::read_table(tokens.collect(), &mut errors);
    let generated = written.map(|written| {
        let table = model::check(&written, &mut errors);
        expand::expand(&written, &table, &RuntimePaths::new(root))
    });
    quote!(#generated #errors)
}
