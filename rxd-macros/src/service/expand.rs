//! A valid service to tokens.

use super::kind::ServiceKind;
use super::model::{ManagerChoice, OptionSetter, ServiceModel, UncheckedOption};
use crate::code::Code;
use crate::runtime::RuntimePaths;
use crate::syntax::item::TypeItem;
use crate::syntax::span::{call_at, compiled, outer_spans, respan};
use crate::watch::ast::{WatchAttr, WatchTarget};
use crate::watch::expand::{constructor, graph_checks, has_arguments, time_checks};
use proc_macro2::{Delimiter, Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{GenericParam, Generics, Type, parse_quote};

/// All impls of a service.
pub(crate) fn expand<'a>(item: &TypeItem, service: &ServiceModel, rxd: &'a RuntimePaths) -> Code<'a> {
    let mut code = Code::new(rxd);
    declared(&mut code, item, service, rxd);
    let values = value_checks(item, service, rxd);
    checked(&mut code, item, service, &values, rxd);
    let rare = [
        watches_in(item, service, rxd),
        provides(item, service, rxd),
        config(item, service, rxd),
        functions(item, service, rxd),
    ];
    rare.into_iter().flatten().for_each(|rare| code.tokens(rare));
    // A constant of its own for each value: all faults are reported at once, and without a daemon.
    for value in values.iter().filter(|_| !has_parameters(item)) {
        code.tokens(quote!(#[allow(deprecated)] const _: () = #value;));
    }
    code
}

/// `impl Declared`: the name, the manager, the options and the watches.
fn declared(code: &mut Code<'_>, item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) {
    let generics = declared_generics(item);
    let (params, _, bounds) = generics.split_for_impl();
    code.text("#[doc(hidden)] #[allow(deprecated)] impl");
    if has_parameters(item) {
        code.tokens(params);
    }
    code.format(format_args!("{} for", rxd.declared()));
    if has_parameters(item) {
        code.tokens(item.self_type());
    } else {
        code.format(format_args!("{}", item.ident));
    }
    if bounds.is_some() {
        code.tokens(bounds);
    }
    code.group(Delimiter::Brace, |code| {
        let kind = match &service.kind {
            ServiceKind::Task if service.config.is_some() => rxd.configured_kind(),
            ServiceKind::Task => rxd.task_kind(),
            ServiceKind::Thread => rxd.local_kind(),
            ServiceKind::Blocking(_) => rxd.blocking_kind(),
        };
        let itself_if = |is_some: bool| if is_some { "Self," } else { "" };
        let configured = itself_if(service.config.is_some());
        let generic_targets = itself_if(generic_targets(service).next().is_some());
        code.format(format_args!(
            "type Kind = {kind}<{configured} {generic_targets}>; const SERVICE_TYPE: {} =",
            rxd.service_type()
        ));
        // Spanned at the name: messages of the graph give this place as the declaration of the service.
        let of = format!("{}::<Self>", rxd.service_type_of());
        let args = format!("::core::module_path!(), {:?}", item.ident.unraw().to_string());
        code.call_at((service.name_at, service.name_at), &of, &args);
        code.text(if has_parameters(item) { ".generic();" } else { ";" });
        code.format(format_args!(
            "const DECLARATION: {} = {}({:?})",
            rxd.declaration(),
            rxd.declaration_of(),
            service.name
        ));
        declaration_setters(code, service, rxd);
        code.text(";");
    });
}

/// The calls that set what the attributes say.
fn declaration_setters(code: &mut Code<'_>, service: &ServiceModel, rxd: &RuntimePaths) {
    if let Some(manager) = &service.manager {
        let manager = match manager {
            ManagerChoice::BuiltIn(word) => rxd.manager(word),
            ManagerChoice::Path(path) => path.to_token_stream(),
        };
        code.tokens(quote!(.manager::<#manager>()));
    }
    if !service.options.is_empty() {
        let options = rxd.options();
        let setters = service.options.iter().map(|setter| self::setter(setter, rxd));
        // In an inline constant, since a reference to the result of a call is not `'static`
        // otherwise.
        code.tokens(quote!(.options(const { &#options::DEFAULT #(#setters)* })));
    }
    if let Some(group) = &service.group {
        code.tokens(quote!(.group(#group)));
    }
    if let Some(recurrence) = &service.recurrence {
        let recurrence = recurrence.constructor(rxd);
        code.tokens(quote!(.recurrence(const { &#recurrence })));
    }
    if !service.watches.valid.is_empty() {
        code.text(".edges");
        code.group(Delimiter::Parenthesis, |code| {
            code.text("&");
            code.group(Delimiter::Bracket, |code| {
                service.watches.valid.iter().for_each(|watch| constructor(code, watch, rxd));
            });
        });
    }
}

/// The generic types that the service watches.
fn generic_targets(service: &ServiceModel) -> impl Iterator<Item = &Type> {
    let targets = service.watches.valid.iter().flat_map(|watch| &watch.targets);
    targets.filter_map(|target| match target {
        WatchTarget::Type(ty) if has_arguments(ty) => Some(&**ty),
        _ => None,
    })
}

/// `impl WatchesIn`: the generic types that the service watches, as bounds that each daemon with it
/// has to satisfy.
fn watches_in(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> Option<TokenStream> {
    generic_targets(service).next()?;
    let (watches_in, in_daemon, field_index) = (rxd.watches_in(), rxd.in_daemon(), rxd.field_index());
    let mut generics = declared_generics(item);
    generics.params.push(parse_quote!(__D));
    let mut list = quote!(());
    for (i, ty) in generic_targets(service).enumerate() {
        let index = format_ident!("__N{i}");
        generics.params.push(parse_quote!(const #index: usize));
        generics.make_where_clause().predicates.push(parse_quote!(#ty: #in_daemon<__D, #index>));
        list = quote!((#field_index<#index>, #list));
    }
    let (params, _, bounds) = generics.split_for_impl();
    let ty = item.self_type();
    Some(quote! {
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl #params #watches_in<__D, #list> for #ty #bounds {}
    })
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
        OptionSetter::Readiness(variant) => {
            let readiness = rxd.readiness();
            quote!(.readiness(#readiness::#variant))
        }
        OptionSetter::Autostart(value) => quote!(.autostart(#value)),
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
    let options = service.unchecked.iter().filter(|unchecked| !unchecked.is_relation());
    let options = options.map(|unchecked| check_option(unchecked, item, rxd));
    let watches = service.watches.valid.iter().enumerate();
    let declaration = || declaration_of(item, rxd);
    let unchecked = service.recurrence.iter().flat_map(|recurrence| &recurrence.unchecked);
    let runs = unchecked.map(|(key, value)| check_recurrence(key, value, item, rxd));
    options.chain(runs).chain(watches.flat_map(|(i, watch)| time_checks(watch, i, declaration, rxd))).collect()
}

/// The checks of valid values that cannot act together. They are of a service in a daemon: one that
/// is in none may be half-written.
fn relation_checks(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> Vec<TokenStream> {
    let relations = service.unchecked.iter().filter(|unchecked| unchecked.is_relation());
    let relations = relations.map(|unchecked| check_option(unchecked, item, rxd));
    let on_failure = service.on_failure.as_ref().map(|word| {
        let declaration = declaration_of(item, rxd);
        let args = quote!(&#declaration);
        call_at(outer_spans(word), rxd.check_on_failure(), args)
    });
    // Without a manager it is the one that fits.
    let fits = service.recurrence.as_ref().filter(|_| service.manager.is_some());
    let fits = fits.map(|recurrence| check_recurrence("Manager", &recurrence.written(), item, rxd));
    relations.chain(on_failure).chain(fits).collect()
}

/// The check of one value of `every` and its companions, spanned at the value.
fn check_recurrence(key: &str, value: &TokenStream, item: &TypeItem, rxd: &RuntimePaths) -> TokenStream {
    let (declaration, keys, key) =
        (declaration_of(item, rxd), rxd.recurrence_key(), Ident::new(key, Span::call_site()));
    call_at(outer_spans(value), rxd.check_recurrence(), quote!(&#declaration, #keys::#key))
}

fn declaration_of(item: &TypeItem, rxd: &RuntimePaths) -> TokenStream {
    let (declared, ty) = (rxd.declared(), item.self_type());
    quote!(<#ty as #declared>::DECLARATION)
}

/// The graph checks of the service. Each daemon with this service evaluates them.
fn checked(code: &mut Code<'_>, item: &TypeItem, service: &ServiceModel, values: &[TokenStream], rxd: &RuntimePaths) {
    let is_generic = has_parameters(item);
    let mut generics = declared_generics(item);
    let params = params_before(&mut generics);
    let (_, _, bounds) = generics.split_for_impl();
    code.text("#[doc(hidden)] #[allow(deprecated)] impl<");
    if is_generic {
        code.tokens(params);
    }
    // With underscores, the name differs from the parameters of the user's type.
    code.format(format_args!("__D: {}> {}<__D> for", rxd.graphed(), rxd.checked()));
    if is_generic {
        code.tokens(item.self_type());
    } else {
        // The user's token: an editor takes `Self` below for what is written here.
        code.tree(item.ident.clone());
    }
    if bounds.is_some() {
        code.tokens(bounds);
    }
    code.group(Delimiter::Brace, |code| {
        // Spanned at the type's name: the compiler reports a type without methods there.
        let itself = Ident::new("Self", item.ident.span());
        let of_thread = match &service.kind {
            ServiceKind::Task => None,
            ServiceKind::Thread => Some((rxd.of_generic_local(), rxd.local_service())),
            ServiceKind::Blocking(_) => Some((rxd.of_generic_blocking(), rxd.blocking_service())),
        };
        code.text("type Runner =");
        match &of_thread {
            None if service.config.is_some() => code.format(format_args!("{}<Self>", rxd.of_configured())),
            None if is_generic => code.format(format_args!("{}<Self>", rxd.of_generic_type())),
            None => code.tree(itself.clone()),
            Some((of_generic, _)) if is_generic => code.format(format_args!("{of_generic}<Self>")),
            Some(_) => code.format(format_args!("{}<Self>", rxd.on_thread())),
        }
        code.text(";");
        if let Some((_, make)) = of_thread.filter(|_| !is_generic) {
            let service_type = rxd.service();
            code.tokens(quote! {
                const ON_THREAD: ::core::option::Option<fn(::core::option::Option<Self>) -> #service_type> =
                    ::core::option::Option::Some(#make::<#itself>);
            });
        }
        code.text("const OK: () =");
        code.group(Delimiter::Brace, |code| {
            // A free constant cannot name the parameters of a generic type.
            let values = if is_generic { values } else { &[] };
            for value in values.iter().chain(&relation_checks(item, service, rxd)) {
                code.tokens(quote!(#value;));
            }
            graph_checks(code, &service.watches.valid, (service.name_at, service.name_at), rxd);
        });
        code.text(";");
    });
}

/// The parameters as they stand in an impl before others; taken out of `generics`.
fn params_before(generics: &mut Generics) -> TokenStream {
    let mut params = TokenStream::new();
    for mut param in std::mem::take(&mut generics.params) {
        match &mut param {
            GenericParam::Type(param) => param.default = None,
            GenericParam::Const(param) => param.default = None,
            GenericParam::Lifetime(_) => {}
        }
        params.extend(quote!(#param,));
    }
    params
}

/// The check of an option that only the compiler can evaluate, spanned at its value.
fn check_option(
    UncheckedOption { option, state, value }: &UncheckedOption,
    item: &TypeItem,
    rxd: &RuntimePaths,
) -> TokenStream {
    let declaration = declaration_of(item, rxd);
    let (key, option) = (rxd.option_key(), Ident::new(option, Span::call_site()));
    let state = state.as_ref().map(|state| {
        let states = rxd.state();
        quote!((#states::#state))
    });
    call_at(outer_spans(value), rxd.check_option(), quote!(#declaration.options, #key::#option #state))
}

/// `impl Provides`, for `provides(Type)`.
fn provides(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> Option<TokenStream> {
    let (value, provides, ty) = (service.provides.as_ref()?, rxd.provides(), item.self_type());
    let (params, _, bounds) = item.generics.split_for_impl();
    Some(quote! {
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl #params #provides for #ty #bounds {
            type Value = #value;
        }
    })
}

/// The impls for `config = Type`: how the service is made, and what it takes.
fn config(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> Option<TokenStream> {
    let (config, ty) = (service.config.as_ref()?, item.self_type());
    let (declared_config, takes_from, builder) = (rxd.declared_config(), rxd.takes_from(), rxd.service());
    let (configured, daemon_config, add_part) = (rxd.configured_service(), rxd.daemon_config(), rxd.add_part());
    let mut generics = declared_generics(item);
    if has_parameters(item) {
        let configure = rxd.configure();
        generics.make_where_clause().predicates.push(parse_quote!(#ty: #configure<#config>));
    }
    let (params, _, bounds) = generics.split_for_impl();
    let mut of_daemon = declared_generics(item);
    let part = rxd.config_part();
    of_daemon.make_where_clause().predicates.push(parse_quote!(#config: #part<__C>));
    let params_of_daemon = params_before(&mut of_daemon);
    let (_, _, bounds_of_daemon) = of_daemon.split_for_impl();
    // Spanned at the type's name: the compiler reports a service without `Configure` there.
    let itself = quote_spanned!(item.ident.span()=> Self);
    let make = quote!(#configured::<#itself, #config>(this));
    Some(quote! {
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl #params #declared_config for #ty #bounds {
            fn into_configured(this: ::core::option::Option<Self>) -> #builder {
                #make
            }
        }
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl<#params_of_daemon __C: 'static> #takes_from<__C> for #ty #bounds_of_daemon {
            fn add_part(config: &mut #daemon_config) {
                #add_part::<#config, __C>(config)
            }
        }
    })
}

/// The functions of the service that its watches declare.
fn functions(item: &TypeItem, service: &ServiceModel, rxd: &RuntimePaths) -> Option<TokenStream> {
    let mut functions = streams(service, rxd);
    let watches = service.watches.valid.iter().chain(&service.watches.unresolved_values);
    functions.extend(watches.filter_map(|watch| value(watch, rxd)));
    if functions.is_empty() {
        return None;
    }
    let generics = declared_generics(item);
    let (params, _, bounds) = generics.split_for_impl();
    let ty = item.self_type();
    Some(quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #params #ty #bounds {
            #(#functions)*
        }
    })
}

/// `fn ident(cx: &Context) -> Watch` for each `stream(ident)`.
fn streams(service: &ServiceModel, rxd: &RuntimePaths) -> Vec<TokenStream> {
    let (context, watch, stream, edge, declared) =
        (rxd.context(), rxd.watch(), rxd.stream(), rxd.edge(), rxd.declared());
    let valid = service.watches.valid.iter().enumerate().filter_map(|(i, watch)| {
        let i = Literal::usize_unsuffixed(i);
        Some((watch.stream.as_ref()?, quote!(&<Self as #declared>::DECLARATION.edges[#i])))
    });
    // For a watch that is not valid, the function exists and has an empty watch: code that calls it
    // is not an error, too.
    let unresolved = service.watches.unresolved.iter().map(|name| (name, quote!(const { &#edge::needs(&[]) })));
    valid
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
        .collect()
}

/// `fn ident(cx: &Context) -> Result<Value, Error>`, for `value(ident)`.
fn value(watch: &WatchAttr, rxd: &RuntimePaths) -> Option<TokenStream> {
    let (name, ty) = watch.value.as_ref()?;
    let (context, error, provides) = (rxd.context(), rxd.error(), rxd.provides());
    let (provided, args) = match watch.targets.as_slice() {
        [WatchTarget::Name(target)] => (rxd.provided_by(), quote!(cx, #target)),
        _ => (rxd.provided(), quote!(cx)),
    };
    let doc = format!("A clone of what `{}` provides: see `value({name})`.", watch.targets[0].display_text());
    let spans = outer_spans(ty);
    let function = |at: Span, (start, end): (Span, Span)| {
        // Spanned at the type: the compiler reports a service that provides nothing there.
        let open = quote_spanned!(start=> ::core::result::Result<<);
        let close = quote_spanned!(end=> as #provides>::Value, #error>);
        let call = call_at((start, end), quote_spanned!(start=> #provided::<#ty>), args.clone());
        quote_spanned! {at=>
            #[doc = #doc]
            fn #name(cx: &#context) -> #open #ty #close {
                #call
            }
        }
    };
    // As for a stream.
    let here = Span::call_site();
    Some(compiled(function(name.span(), spans), function(here, (here, here)), rxd))
}
