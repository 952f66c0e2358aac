//! `delegate`: the methods of a service are those of its only field.

use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::syntax::args::Arg;
use crate::syntax::item::{ItemShape, TypeItem};
use crate::syntax::span::outer_spans;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Field, Fields, ItemStruct, Member};

/// Takes the word out of the arguments. Reports one with a value, and a second one.
pub(crate) fn take(args: &mut Vec<Arg>, errors: &mut Errors) -> Option<Ident> {
    let mut found: Option<Ident> = None;
    args.retain(|arg| {
        let (word, value) = match arg {
            Arg::Value { key, value } => (key, Some(value.to_token_stream())),
            Arg::List { key, group, .. } => (key, Some(group.to_token_stream())),
            other => match other.as_ident() {
                Some(word) => (word, None),
                None => return true,
            },
        };
        if word != "delegate" {
            return true;
        }
        match value {
            Some(value) => errors.report_with_help(value, "`delegate` takes no value", "write `delegate`"),
            None if found.is_some() => {
                errors.report_with_help(word, "`delegate` is written twice", "remove one of them");
            }
            None => {}
        }
        found.get_or_insert_with(|| word.clone());
        false
    });
    found
}

/// `impl Runner` for the type, which calls the methods of its only field. What is not valid is
/// reported, at the word.
pub(crate) fn expand(word: &Ident, item: &TypeItem, rxd: &RuntimePaths, errors: &mut Errors) -> TokenStream {
    let name = item.written_name();
    let shape = match item.shape {
        ItemShape::Struct => None,
        ItemShape::Enum => Some("an enum"),
        ItemShape::Union => Some("a union"),
        ItemShape::Function(_) => Some("a function"),
    };
    let own = "implement `rxd::Runner` for it";
    if let Some(shape) = shape {
        let help = if shape == "a function" { "remove `delegate`: the service calls the function" } else { own };
        errors.report_with_help(word, format_args!("`delegate` is for structs, and `{name}` is {shape}"), help);
        return runner(item, None, rxd);
    }
    let Ok(parsed) = syn::parse2::<ItemStruct>(item.to_token_stream()) else { return TokenStream::new() };
    let fields: Vec<&Field> = parsed.fields.iter().collect();
    let [field] = fields[..] else {
        let count = match fields.len() {
            0 => "none".to_owned(),
            count => count.to_string(),
        };
        errors.report_with_help(
            word,
            format_args!("`delegate` calls the methods of the only field, and `{name}` has {count}"),
            format_args!("{own}, or write one field, such as `struct {name}(rxd::probe::Tcp);`"),
        );
        return runner(item, None, rxd);
    };
    let member = match (&parsed.fields, &field.ident) {
        (Fields::Named(_), Some(ident)) => Member::Named(ident.clone()),
        _ => Member::Unnamed(0.into()),
    };
    runner(item, Some((field, member)), rxd)
}

/// The impl; without a field, one that does nothing, so that a daemon with the type has no error.
fn runner(item: &TypeItem, field: Option<(&Field, Member)>, rxd: &RuntimePaths) -> TokenStream {
    if matches!(item.shape, ItemShape::Function(_)) {
        return TokenStream::new();
    }
    let (runner, context, result) = (rxd.runner(), rxd.context(), rxd.result());
    let ty = item.self_type();
    let mut generics = item.generics.clone();
    if !generics.params.is_empty() {
        let bounds = generics.make_where_clause();
        bounds.predicates.push(syn::parse_quote!(#ty: ::core::marker::Send + 'static));
        if let Some((Field { ty, .. }, _)) = &field {
            bounds.predicates.push(syn::parse_quote!(#ty: #runner));
        }
    }
    let (params, _, bounds) = generics.split_for_impl();
    let methods = match &field {
        None => quote! {
            async fn run(&mut self, _: &#context) -> #result { ::core::result::Result::Ok(()) }
        },
        Some((Field { ty, .. }, member)) => {
            // Spanned at the type of the field: the compiler reports one without methods there.
            let at = outer_spans(&ty.to_token_stream()).0;
            let methods = ["init", "idle", "run", "stop", "reload"].map(|method| {
                let method = Ident::new(method, at);
                // Not an `async fn`, so that the engine sees which methods the field overrides.
                let call = quote_spanned!(at=> <#ty as #runner>::#method(&mut self.#member, cx));
                quote! {
                    fn #method(
                        &mut self,
                        cx: &#context,
                    ) -> impl ::core::future::Future<Output = #result> + ::core::marker::Send {
                        #call
                    }
                }
            });
            quote!(#(#methods)*)
        }
    };
    quote! {
        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        #[allow(deprecated)]
        impl #params #runner for #ty #bounds {
            #methods
        }
    }
}
