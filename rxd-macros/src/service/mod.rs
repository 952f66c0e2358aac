//! `#[rxd::service]`: a type or a function becomes a service.

pub(crate) mod attr;
pub(crate) mod calendar;
pub(crate) mod delegate;
pub(crate) mod expand;
pub(crate) mod function;
pub(crate) mod kind;
pub(crate) mod model;
pub(crate) mod recurrence;
pub(crate) mod watch_before;

use crate::code::Code;
use crate::editor::EditorHints;
use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::service::function::FunctionService;
use crate::syntax::args::ArgList;
use crate::syntax::item::{ItemShape, TypeItem, describe_item, item_keyword};
use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::Generics;

/// Expands `#[rxd::service(args)] item`.
pub(crate) fn expand(args: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(mut item) = TypeItem::parse(tokens.clone()) else {
        errors.report_with_help(
            item_keyword(&tokens),
            format_args!(
                "`#[rxd::service]` is for structs, enums and async functions, and this is {}",
                describe_item(&tokens)
            ),
            "put it on the type, and implement `rxd::Runner` for that",
        );
        return quote!(#tokens #errors);
    };
    if matches!(item.shape, ItemShape::Union) {
        errors.report_with_help(
            &item.keyword,
            "`#[rxd::service]` is for structs, enums and async functions, and this is a union",
            format_args!("put the union into a struct, and make that the service"),
        );
    }
    let shape = item.shape.clone();
    let function = match &shape {
        ItemShape::Function(signature) => Some(FunctionService::check(signature, &mut errors)),
        _ => None,
    };
    if function.as_ref().is_some_and(|function| !function.can_declare()) {
        return quote!(#item #errors);
    }
    if function.as_ref().is_some_and(|function| !function.is_valid()) {
        // The type that stands for it has none of its parameters.
        item.generics = Generics::default();
    } else if let Some(lifetime) = item.first_lifetime() {
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
    let delegated = written.delegate.clone();
    let mut service = model::check(written, &item, &mut errors);
    if function.is_some() {
        kind::check_function(&mut service.kind, &item, &mut errors);
    }
    let delegated = delegated.map(|word| {
        kind::check_delegate(&mut service.kind, &word, &mut errors);
        delegate::expand(&word, &item, &rxd, &mut errors)
    });
    let function = function.map(|function| function.expand(&item, &service.kind, &rxd));
    let generated = expand::expand(&item, &service, &rxd);
    // clippy would have a borrowed argument be one that nothing can own.
    let allowed = function.as_ref().map(|_| quote!(#[allow(clippy::ptr_arg)]));
    let mut code = Code::new(&rxd);
    code.tokens(allowed);
    code.tokens(&item);
    hints.write(&mut code);
    code.tokens(function);
    code.tokens(delegated);
    code.append(generated);
    code.tokens(errors);
    code.into_token_stream()
}
