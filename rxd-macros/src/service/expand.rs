//! A valid service to tokens.

use super::model::{ManagerChoice, OptionSetter, ServiceModel, UncheckedOption};
use crate::runtime::RuntimePaths;
use crate::syntax::item::TypeItem;
use crate::syntax::span::{call_at, compiled, respan};
use crate::watch::ast::WatchTarget;
use crate::watch::expand::{constructor, graph_checks, has_arguments, within_check};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{GenericParam, Generics, parse_quote};

/// All impls of a service.
pub(crate) fn expand(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> TokenStream {
    let declared = declared(item, service, rxd);
    let values = value_checks(item, service, rxd);
    let checked = checked(item, service, &values, rxd);
    let into_service = into_service(item, rxd);
    let watches_in = watches_in(item, service, rxd);
    let streams = streams(item, service, rxd);
    // A constant of its own for each value: all faults are reported at once, and without a daemon.
    let consts = if has_parameters(item) { Vec::new() } else { values };
    quote! {
        #declared
        #checked
        #into_service
        #watches_in
        #streams
        #(#[allow(deprecated)] const _: () = #consts;)*
    }
}

/// `impl Declared`: the name, the manager, the options and the watches.
fn declared(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> TokenStream {
    let (declared, service_type, declaration) = (rxd.declared(), rxd.service_type(), rxd.declaration());
    let (ty, name) = (item.self_type(), &service.name);
    let is_generic = has_parameters(item);
    let generics = declared_generics(item);
    let (params, _, bounds) = generics.split_for_impl();
    let text = item.ident.unraw().to_string();
    let manager = service.manager.as_ref().map(|manager| {
        let manager = match manager {
            ManagerChoice::BuiltIn(word) => rxd.manager(word),
            ManagerChoice::Path(path) => quote!(#path),
        };
        quote!(.manager::<#manager>())
    });
    let options = (!service.options.is_empty()).then(|| {
        let options = rxd.options();
        let setters = service.options.iter().map(|setter| self::setter(setter, rxd));
        // In an inline constant, since a reference to the result of a call is not `'static`
        // otherwise.
        quote!(.options(const { &#options::DEFAULT #(#setters)* }))
    });
    let edges = (!service.watches.valid.is_empty()).then(|| {
        let edges = service.watches.valid.iter().map(|watch| constructor(watch, rxd));
        quote!(.edges(const { &[#(#edges),*] }))
    });
    let path = format!("::{text}");
    // Spanned at the name: messages of the graph give this place as the declaration of the service.
    let args = quote!(::core::concat!(::core::module_path!(), #path), #text);
    let of = call_at(&service.name_at, quote!(#service_type::of::<Self>), args);
    let generic = is_generic.then(|| quote!(.generic()));
    quote! {
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl #params #declared for #ty #bounds {
            const SERVICE_TYPE: #service_type = #of #generic;
            const DECLARATION: #declaration = #declaration::new(#name) #manager #options #edges;
        }
    }
}

/// `impl WatchesIn`: the generic types that the service watches, as bounds that each daemon with it
/// has to satisfy.
fn watches_in(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> TokenStream {
    let (watches_in, in_daemon, field_index) = (rxd.watches_in(), rxd.in_daemon(), rxd.field_index());
    let targets = service.watches.valid.iter().flat_map(|watch| &watch.targets);
    let generic = targets.filter_map(|target| match target {
        WatchTarget::Type(ty) if has_arguments(ty) => Some(ty),
        _ => None,
    });
    let mut generics = declared_generics(item);
    generics.params.push(parse_quote!(__D));
    let mut list = quote!(());
    for (i, ty) in generic.enumerate() {
        let index = format_ident!("__N{i}");
        generics.params.push(parse_quote!(const #index: usize));
        generics.make_where_clause().predicates.push(parse_quote!(#ty: #in_daemon<__D, #index>));
        list = quote!((#field_index<#index>, #list));
    }
    let (params, _, bounds) = generics.split_for_impl();
    let ty = item.self_type();
    quote! {
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl #params #watches_in<__D, #list> for #ty #bounds {}
    }
}

/// The parameters of a generic service, with what `Declared` requires of them.
fn declared_generics(item: &TypeItem) -> Generics {
    let mut generics = item.generics.clone();
    if has_parameters(item) {
        let ty = item.self_type();
        generics.make_where_clause().predicates.push(parse_quote!(#ty: 'static));
    }
    generics
}

/// The call of one setter of `Options`.
fn setter(setter: &OptionSetter, rxd: &RuntimePaths) -> TokenStream {
    let ident = |name: &str| Ident::new(name, Span::call_site());
    match setter {
        OptionSetter::Time(name, time) => {
            let name = ident(name);
            quote!(.#name(#time))
        }
        OptionSetter::TimeOf(name, state, time) => {
            let (name, states) = (ident(name), rxd.state());
            quote!(.#name(#states::#state, #time))
        }
        OptionSetter::Backoff(setters) => {
            let backoff = rxd.backoff();
            let setters = setters.iter().map(|(name, value)| {
                let name = ident(name);
                quote!(.#name(#value))
            });
            quote!(.backoff(#backoff::DEFAULT #(#setters)*))
        }
        OptionSetter::Restarts(max, within) => {
            let max = max.integer_tokens();
            quote!(.restarts(#max, #within))
        }
        OptionSetter::OnFailure(variant) => {
            let on_failure = rxd.on_failure();
            quote!(.on_failure(#on_failure::#variant))
        }
    }
}

fn has_parameters(item: &TypeItem) -> bool {
    !item.generics.params.is_empty()
}

/// The checks of the values that only the compiler can evaluate, each spanned at its value.
fn value_checks(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> Vec<TokenStream> {
    let declaration = declaration_of(item, rxd);
    let options = service.unchecked.iter().filter(|unchecked| !unchecked.is_relation());
    let options = options.map(|unchecked| check_option(unchecked, &declaration, rxd));
    let watches = service.watches.valid.iter().enumerate();
    options.chain(watches.filter_map(|(i, watch)| within_check(watch, i, &declaration, rxd))).collect()
}

/// The checks of valid values that cannot act together. They are of a service in a daemon: one that
/// is in none may be half-written.
fn relation_checks(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> Vec<TokenStream> {
    let declaration = declaration_of(item, rxd);
    let relations = service.unchecked.iter().filter(|unchecked| unchecked.is_relation());
    let relations = relations.map(|unchecked| check_option(unchecked, &declaration, rxd));
    let on_failure = service.on_failure.as_ref().map(|word| {
        let args = quote!(&#declaration);
        call_at(&word.to_token_stream(), rxd.check_on_failure(), args)
    });
    relations.chain(on_failure).collect()
}

fn declaration_of(item: &TypeItem, rxd: &RuntimePaths) -> TokenStream {
    let (declared, ty) = (rxd.declared(), item.self_type());
    quote!(<#ty as #declared>::DECLARATION)
}

/// The graph checks of the service. Each daemon with this service evaluates them.
fn checked(item: &TypeItem, service: &ServiceModel, values: &[TokenStream], rxd: &RuntimePaths) -> TokenStream {
    let (checked, graphed, is_in_crate_of) = (rxd.checked(), rxd.graphed(), rxd.is_in_crate_of());
    let mut generics = declared_generics(item);
    // With underscores, the names differ from the parameters of the user's type.
    let daemon: [GenericParam; 2] = [parse_quote!(__D: #graphed), parse_quote!(const __ME: usize)];
    generics.params.extend(daemon);
    let (params, _, bounds) = generics.split_for_impl();
    let ty = item.self_type();
    let whole = call_at(&service.name_at, rxd.check_service(), quote!(__D::ANALYSIS, __ME));
    let edges = service.watches.valid.iter().enumerate().map(|(i, watch)| graph_checks(watch, i, rxd));
    let relations = relation_checks(item, service, rxd);
    // A free constant cannot name the parameters of a generic type.
    let values = if has_parameters(item) { values } else { &[] };
    quote! {
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl #params #checked<__D, __ME> for #ty #bounds {
            type Itself = Self;
            const MODULE: &'static str = ::core::module_path!();
            const OK: () = {
                #(#values;)*
                #(#relations;)*
                if #is_in_crate_of(__D::ANALYSIS, ::core::module_path!()) {
                    #whole;
                    #(#edges)*
                }
            };
        }
    }
}

/// `impl IntoService`: how a daemon adds the service.
fn into_service(item: &TypeItem, rxd: &RuntimePaths) -> TokenStream {
    let (into_service, service, field) = (rxd.service_value(), rxd.service(), rxd.service_of());
    let mut generics = item.generics.clone();
    let ty = item.self_type();
    if has_parameters(item) {
        // A generic type is a runner only for some of its parameters.
        let runner = rxd.runner();
        generics.make_where_clause().predicates.push(parse_quote!(#ty: #runner));
    }
    let (params, _, bounds) = generics.split_for_impl();
    // Spanned at the type's name: the compiler reports a type without methods there.
    let forward = quote_spanned!(item.ident.span()=> #field::<Self>);
    quote! {
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl #params #into_service for #ty #bounds {
            type Itself = Self;

            fn service(this: ::core::option::Option<Self>) -> #service {
                #forward(this)
            }
        }
    }
}

/// The check of an option that only the compiler can evaluate, spanned at its value.
fn check_option(
    UncheckedOption { option, state, value }: &UncheckedOption,
    declaration: &TokenStream,
    rxd: &RuntimePaths,
) -> TokenStream {
    let (key, option) = (rxd.option_key(), Ident::new(option, Span::call_site()));
    let state = state.as_ref().map(|state| {
        let states = rxd.state();
        quote!((#states::#state))
    });
    call_at(value, rxd.check_option(), quote!(#declaration.options, #key::#option #state))
}

/// `fn ident(cx: &Context) -> Watch` for each `stream(ident)`.
fn streams(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> TokenStream {
    let (context, watch, stream, edge, declared) =
        (rxd.context(), rxd.watch(), rxd.stream(), rxd.edge(), rxd.declared());
    let valid = service.watches.valid.iter().enumerate().filter_map(|(i, watch)| {
        let i = Literal::usize_unsuffixed(i);
        Some((watch.stream.as_ref()?, quote!(&<Self as #declared>::DECLARATION.edges[#i])))
    });
    // For a watch that is not valid, the function exists and has an empty watch: code that calls it
    // is not an error, too.
    let unresolved = service.watches.unresolved.iter().map(|name| (name, quote!(const { &#edge::needs(&[]) })));
    let functions: Vec<TokenStream> = valid
        .chain(unresolved)
        .map(|(name, edge)| {
            let doc = format!("The watch that `stream({name})` declares.");
            let function = quote! {
                #[doc = #doc]
                fn #name(cx: &#context) -> #watch {
                    #stream(cx, #edge)
                }
            };
            // Spanned at the name: the compiler reports a second function of the same name there.
            compiled(respan(function.clone(), name.span()), function, rxd)
        })
        .collect();
    if functions.is_empty() {
        return TokenStream::new();
    }
    let generics = declared_generics(item);
    let (params, _, bounds) = generics.split_for_impl();
    let ty = item.self_type();
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #params #ty #bounds {
            #(#functions)*
        }
    }
}
