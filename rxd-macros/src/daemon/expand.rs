//! A valid daemon to tokens.

use super::model::{DaemonField, DaemonModel};
use super::settings::{DaemonSetting, PrestartStage};
use crate::runtime::RuntimePaths;
use crate::syntax::span::{call_at, compiled, outer_spans, respan};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use std::collections::HashSet;
use syn::ext::IdentExt as _;
use syn::{ItemStruct, Meta};

/// All impls and checks of a daemon.
pub(crate) fn expand(item: &ItemStruct, daemon: &DaemonModel, rxd: &RuntimePaths) -> TokenStream {
    let ident = &item.ident;
    let text = ident.unraw().to_string();
    let (graphed, analysis, index, graph) = (rxd.graphed(), rxd.analysis(), rxd.index(), rxd.graph());
    let check_types = rxd.check_types();
    let places = field_positions(daemon);
    let count = places.last().cloned().unwrap_or_default();
    let services: Vec<TokenStream> =
        daemon.fields.iter().zip(&places).map(|(field, place)| checked_service(ident, field, place, rxd)).collect();
    let nodes = daemon.fields.iter().zip(&services).map(|(field, service)| graph_node(field, service, rxd));
    let ConstValues { new, graphed: consts, checks: const_checks, stages } = ConstValues::of(ident, daemon, rxd);
    let settings = daemon.settings.iter().map(|setting| builder_call(setting, &stages, rxd));
    let adds = daemon.fields.iter().zip(&services).map(|(field, service)| add_call(field, service));
    let checked = daemon.fields.iter().zip(&services).zip(&places).filter(|((field, _), _)| !field.name_is_taken);
    let checks = checked.map(|((field, service), place)| {
        let cfgs = &field.cfgs;
        // Spanned at the field: the compiler names it as the place where it evaluates the
        // checks.
        let ok = quote_spanned!(outer_spans(&field.ty.to_token_stream()).1=> ::OK);
        let ty = &field.ty;
        let checked = field_service(ident, field, place, rxd);
        let path = quote!(#check_types::<#checked, #ident, _>);
        let types = call_at(&ty.to_token_stream(), path, TokenStream::new());
        let ok = compiled(quote!({ #types; #service #ok }), quote!(()), rxd);
        quote!(#(#cfgs)* #[allow(deprecated)] const _: () = #ok;)
    });
    let in_daemon = rxd.in_daemon();
    let mut known = HashSet::new();
    let types = daemon.fields.iter().zip(&places).filter_map(|(field, place)| {
        let (ty, cfgs) = (&field.ty, &field.cfgs);
        // A field with a `#[cfg]` may be off while another one of its type is on.
        let is_new = known.insert(ty.to_token_stream().to_string()) || !cfgs.is_empty();
        let place = place_argument(field, place);
        is_new.then(|| quote!(#(#cfgs)* impl #in_daemon<#ident, #place> for #ty {}))
    });
    // `#[cfg]` can switch off a statement, but not a call in a chain.
    let build = if daemon.has_cfgs() {
        let steps = daemon.fields.iter().zip(adds).map(|(field, add)| {
            let cfgs = &field.cfgs;
            quote!(#(#cfgs)* let daemon = daemon #add;)
        });
        quote! {{
            let daemon = #new #(#settings)*;
            #(#steps)*
            daemon
        }}
    } else {
        quote!(#new #(#settings)* #(#adds)*)
    };
    let nowhere = quote!(::core::unimplemented!());
    let build = compiled(build, nowhere.clone(), rxd);
    let value = compiled(quote!(#graph { daemon: #text, nodes: &[#(#nodes),*] }), nowhere, rxd);
    let methods = daemon_methods(&item.vis.to_token_stream(), &value, &build, rxd);
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #graphed for #ident {
            const ANALYSIS: #analysis<'static> = {
                static GRAPH: #graph<'static> = #ident::GRAPH;
                static INDEX: #index<{ #count }> = #index::new(&GRAPH);
                INDEX.of(&GRAPH)
            };
            #consts
        }
        #[automatically_derived]
        #[allow(dead_code, deprecated)]
        impl #ident {
            #methods
        }
        #(#[automatically_derived] #[allow(deprecated)] #types)*
        #(#checks)*
        #(#const_checks)*
    }
}

/// The values that only the compiler can evaluate. Each is written into one constant, and checked
/// there by a call that is spanned at the value.
struct ConstValues<'a> {
    /// The builder, with these values set.
    new: TokenStream,
    /// The constants `OPTIONS` and `STAGES` of `Graphed`, if there are such values.
    graphed: TokenStream,
    checks: Vec<TokenStream>,
    /// The stages with a row in `STAGES`, and the path of the row.
    stages: Vec<(&'a PrestartStage, TokenStream)>,
}

impl<'a> ConstValues<'a> {
    fn of(ident: &Ident, daemon: &'a DaemonModel, rxd: &RuntimePaths) -> Self {
        let name = &daemon.name;
        let (graphed, options, key) = (rxd.graphed(), rxd.daemon_options(), rxd.daemon_key());
        let mut checks = Vec::new();
        let mut setters = Vec::new();
        for setting in &daemon.settings {
            let DaemonSetting::Const(setter, variant, value) = setting else { continue };
            let (setter_name, variant) = (call_site_ident(setter), call_site_ident(variant));
            let limit = (*setter == "blocking_threshold").then(|| {
                // The value may be a duration or `None`: `BlockingThreshold` takes both. The method
                // is spanned at the value, so a value of another type is an error there.
                let (limit, get) = (rxd.blocking_threshold(), quote!(.duration_or_none()));
                let get = respan(get, outer_spans(value).1);
                quote!(#limit(#value) #get)
            });
            let given = limit.unwrap_or_else(|| value.clone());
            setters.push(quote!(.#setter_name(#given)));
            let args = quote!(&<#ident as #graphed>::OPTIONS, #key::#variant);
            checks.push(free_constant(call_at(value, rxd.check_daemon(), args)));
        }
        let (mut consts, mut new) = (TokenStream::new(), rxd.daemon());
        new.extend(quote!(::new(#name)));
        if !setters.is_empty() {
            consts.extend(quote!(const OPTIONS: #options = #options::DEFAULT #(#setters)*;));
            let daemon = rxd.daemon_of();
            new = quote!(#daemon(#name, <Self as #graphed>::OPTIONS));
        }
        let (mut stages, mut rows) = (Vec::new(), Vec::new());
        let (options, key) = (rxd.stage_options(), rxd.stage_key());
        for setting in &daemon.settings {
            let DaemonSetting::Stage(stage) = setting else { continue };
            // A stage without such values has no row: its setters are called on the builder.
            if stage.consts.is_empty() {
                continue;
            }
            let i = Literal::usize_unsuffixed(rows.len());
            let setters = stage.consts.iter().map(|(setter, _, value)| {
                let setter = call_site_ident(setter);
                quote!(.#setter(#value))
            });
            rows.push(quote!(#options::DEFAULT #(#setters)*));
            for (_, variant, value) in &stage.consts {
                let variant = call_site_ident(variant);
                let args = quote!(<#ident as #graphed>::STAGES, #i, #key::#variant);
                checks.push(free_constant(call_at(value, rxd.check_stage(), args)));
            }
            stages.push((stage, quote!(<Self as #graphed>::STAGES[#i])));
        }
        if !rows.is_empty() {
            consts.extend(quote!(const STAGES: &'static [#options] = &[#(#rows),*];));
        }
        ConstValues { new, graphed: consts, checks, stages }
    }
}

/// An ident of generated code.
fn call_site_ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// A free constant: the compiler evaluates it whether or not it is used.
fn free_constant(check: TokenStream) -> TokenStream {
    quote!(const _: () = #check;)
}

/// The constant and the methods of a daemon.
pub(crate) fn daemon_methods(
    vis: &TokenStream,
    value: &TokenStream,
    build: &TokenStream,
    rxd: &RuntimePaths,
) -> TokenStream {
    let (graph, builder, error, handle) = (rxd.graph(), rxd.daemon(), rxd.error(), rxd.handle());
    let (with_systemd, systemd) = (rxd.with_systemd(), rxd.systemd());
    quote! {
        /// The services and their watches, as the compiler has checked them.
        #vis const GRAPH: #graph<'static> = #value;

        /// The daemon as a builder, for what is known only at run time.
        #vis fn into_daemon(self) -> #builder {
            #build
        }

        #with_systemd! {
            /// The systemd unit that matches this declaration.
            #vis fn unit(self) -> #systemd::Unit {
                self.into_daemon().unit()
            }
        }

        /// Runs the daemon until it is stopped.
        ///
        /// # Errors
        ///
        /// If it could not start, if a service failed for good, or if one was abandoned.
        #vis async fn run(self) -> ::core::result::Result<(), #error> {
            self.into_daemon().run().await
        }

        /// Runs the daemon until it is stopped, prints its error, and returns its exit status. The
        /// process ends within 1 s, whatever its runtime still waits for.
        #vis async fn main(self) -> ::std::process::ExitCode {
            self.into_daemon().main().await
        }

        /// Starts the daemon, and returns at once.
        ///
        /// # Errors
        ///
        /// If it cannot start.
        #vis async fn start(self) -> ::core::result::Result<#handle, #error> {
            self.into_daemon().start().await
        }
    }
}

/// The position of each field in the graph, and at the end the number of fields. The compiler
/// counts the fields with a `#[cfg]`.
fn field_positions(daemon: &DaemonModel) -> Vec<TokenStream> {
    let mut places = Vec::new();
    let mut fixed = 0_usize;
    let mut counted = TokenStream::new();
    for field in &daemon.fields {
        let place = Literal::usize_unsuffixed(fixed);
        places.push(quote!(#place #counted));
        if field.cfgs.is_empty() {
            fixed += 1;
        } else {
            let predicates = field.cfgs.iter().filter_map(|cfg| match &cfg.meta {
                Meta::List(list) => Some(&list.tokens),
                _ => None,
            });
            counted.extend(quote!(+ ::core::cfg!(all(#(#predicates),*)) as usize));
        }
    }
    let count = Literal::usize_unsuffixed(fixed);
    places.push(quote!(#count #counted));
    places
}

/// `<Health as Checked<EdgeAgent, 0>>`, spanned at the field's type.
fn checked_service(daemon: &Ident, field: &DaemonField, place: &TokenStream, rxd: &RuntimePaths) -> TokenStream {
    let (start, end) = outer_spans(&field.ty.to_token_stream());
    let (checked, place, service) =
        (rxd.checked(), place_argument(field, place), field_service(daemon, field, place, rxd));
    let (open, close) = (respan(quote!(<), start), respan(quote!(as #checked<#daemon, #place>>), end));
    quote!(#open #service #close)
}

/// `<Health as Field<EdgeAgent, 0>>::Service`, spanned at the field's type. All code about a field
/// uses this one bound, so a type that is not a service is one error.
fn field_service(daemon: &Ident, field: &DaemonField, place: &TokenStream, rxd: &RuntimePaths) -> TokenStream {
    let (as_field, place, ty) = (rxd.field(), place_argument(field, place), &field.ty);
    let (start, end) = outer_spans(&ty.to_token_stream());
    let open = respan(quote!(<), start);
    let close = respan(quote!(as #as_field<#daemon, #place>>::Service), end);
    quote!(#open #ty #close)
}

/// The position of a field as a generic argument.
fn place_argument(field: &DaemonField, place: &TokenStream) -> TokenStream {
    if field.cfgs.is_empty() && place.clone().into_iter().count() == 1 { place.clone() } else { quote!({ #place }) }
}

/// The node of one field in the graph.
fn graph_node(field: &DaemonField, service: &TokenStream, rxd: &RuntimePaths) -> TokenStream {
    let (node, cfgs) = (rxd.node(), &field.cfgs);
    let name = field.name.as_ref().map(|name| quote!(name: #name,));
    let optional = field.is_optional.then(|| quote!(optional: true,));
    if name.is_none() && optional.is_none() {
        return quote!(#(#cfgs)* #service::NODE);
    }
    quote!(#(#cfgs)* #node { #name #optional ..#service::NODE })
}

/// The call of the builder for one setting.
fn builder_call(setting: &DaemonSetting, consts: &[(&PrestartStage, TokenStream)], rxd: &RuntimePaths) -> TokenStream {
    match setting {
        DaemonSetting::Plain(name, value) => {
            let name = call_site_ident(name);
            quote!(.#name(#value))
        }
        // Part of `OPTIONS`.
        DaemonSetting::Const(..) => TokenStream::new(),
        DaemonSetting::OnStale(variant) => {
            let on_stale = rxd.on_stale();
            quote!(.on_stale(#on_stale::#variant))
        }
        DaemonSetting::Admin(address) => quote!(.admin(#address)),
        DaemonSetting::Stage(stage) => {
            let (new, name, path) = (rxd.stage(), &stage.name, &stage.path);
            // Spanned at the path: the compiler reports a function that is not async there.
            let (start, end) = outer_spans(path);
            let new = respan(new, start);
            let mut new = quote_spanned!(end=> #new::new(#name, #path));
            // Two stages may be equal, so their addresses identify them.
            if let Some((_, options)) = consts.iter().find(|(other, _)| std::ptr::eq(*other, stage)) {
                let with = rxd.stage_of();
                new = quote!(#with(#new, #options));
            }
            let plain = stage.plain.iter().map(|(setter, value)| {
                let setter = call_site_ident(setter);
                quote!(.#setter(#value))
            });
            quote!(.prestart(#new #(#plain)*))
        }
        DaemonSetting::Signals(signals) => {
            let kind = rxd.signal();
            quote!(.signals([#(#kind::#signals),*]))
        }
    }
}

/// The call `.add(..)` for one field.
fn add_call(field: &DaemonField, service: &TokenStream) -> TokenStream {
    let ident = &field.ident;
    let named = field.name.as_ref().map(|name| quote!(.named(#name)));
    let made = match field.is_optional {
        true => quote!(optional(self.#ident)),
        false => quote!(service(::core::option::Option::Some(self.#ident))),
    };
    quote!(.add(#service::#made #named))
}
