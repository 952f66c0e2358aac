//! A valid daemon as tokens.

use super::model::{DaemonModel, ServiceField};
use super::settings::{DaemonSetting, PrestartStage};
use crate::runtime::RuntimePaths;
use crate::syntax::span::{call_at, outer_spans, respan};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{ItemStruct, Meta};

/// The impls and the checks of a daemon.
pub(crate) fn expand(item: &ItemStruct, daemon: &DaemonModel, rxd: &RuntimePaths) -> TokenStream {
    let ident = &item.ident;
    let text = ident.unraw().to_string();
    let (graphed, analysis, index, graph) = (rxd.graphed(), rxd.analysis(), rxd.index(), rxd.graph());
    let places = field_positions(daemon);
    let count = places.last().cloned().unwrap_or_default();
    let services: Vec<TokenStream> =
        daemon.fields.iter().zip(&places).map(|(field, place)| checked_service(ident, field, place, rxd)).collect();
    let nodes = daemon.fields.iter().zip(&services).map(|(field, service)| graph_node(field, service, rxd));
    let ConstValues { new, graphed: consts, checks: const_checks, stages } = ConstValues::of(ident, daemon, rxd);
    let settings = daemon.settings.iter().map(|setting| builder_call(setting, &stages, rxd));
    let adds = daemon.fields.iter().zip(&services).map(|(field, service)| add_call(field, service));
    let checks =
        daemon.fields.iter().zip(&services).filter(|(field, _)| !field.name_is_taken).map(|(field, service)| {
            let cfgs = &field.cfgs;
            // At the field, where the compiler says which daemon it was checking.
            let ok = quote_spanned!(outer_spans(&field.ty.to_token_stream()).1=> ::OK);
            quote!(#(#cfgs)* const _: () = #service #ok;)
        });
    // Statements can be switched off, links of a chain cannot.
    let build = if daemon.has_cfgs() {
        let steps = daemon.fields.iter().zip(adds).map(|(field, add)| {
            let cfgs = &field.cfgs;
            quote!(#(#cfgs)* let daemon = daemon #add;)
        });
        quote! {
            let daemon = #new #(#settings)*;
            #(#steps)*
            daemon
        }
    } else {
        quote!(#new #(#settings)* #(#adds)*)
    };
    let value = quote!(#graph { daemon: #text, nodes: &[#(#nodes),*] });
    let methods = daemon_methods(&item.vis.to_token_stream(), &value, &build, rxd);
    quote! {
        #[automatically_derived]
        impl #graphed for #ident {
            const ANALYSIS: #analysis<'static> = {
                static GRAPH: #graph<'static> = #ident::GRAPH;
                static INDEX: #index<{ #count }> = #index::new(&GRAPH);
                INDEX.of(&GRAPH)
            };
            #consts
        }
        #[automatically_derived]
        #[allow(dead_code)]
        impl #ident {
            #methods
        }
        #(#checks)*
        #(#const_checks)*
    }
}

/// What comes of the values that only the compiler knows: each is written once, into a constant, and
/// looked at there, at its own place.
struct ConstValues<'a> {
    /// The builder that the settings are given to.
    new: TokenStream,
    /// `OPTIONS` and `STAGES` of `Graphed`, as far as there are any.
    graphed: TokenStream,
    checks: Vec<TokenStream>,
    /// The stages that are part of `STAGES`, in their order.
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
                // It may also be `None`.
                let (limit, get) = (rxd.blocking_threshold(), quote!(.duration_or_none()));
                let get = respan(get, outer_spans(value).1);
                quote!(#limit(#value) #get)
            });
            let given = limit.unwrap_or_else(|| value.clone());
            setters.push(quote!(.#setter_name(#given)));
            let args = quote!((&<#ident as #graphed>::OPTIONS, #key::#variant));
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
                let args = quote!((<#ident as #graphed>::STAGES, #i, #key::#variant));
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

fn call_site_ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// A constant that the compiler evaluates whether or not it is used.
fn free_constant(check: TokenStream) -> TokenStream {
    quote!(const _: () = { #check };)
}

/// What a daemon can do.
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
        /// If a service reached its restart limit or was abandoned.
        #vis async fn run(self) -> ::core::result::Result<(), #error> {
            self.into_daemon().run().await
        }

        /// Runs the daemon until it is stopped, prints its error, and returns its exit status. The process ends
        /// within 1 s, whatever its runtime still waits for.
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

/// The place of each field in the graph, and then how many there are. Fields that may be
/// configured away are counted by the compiler.
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

/// `<Health as Checked<EdgeAgent, 0>>`: everything about a field is asked of this one bound, at
/// the field's type, so that a type that is no service is one error.
fn checked_service(daemon: &Ident, field: &ServiceField, place: &TokenStream, rxd: &RuntimePaths) -> TokenStream {
    let (checked, as_field, ty) = (rxd.checked(), rxd.field(), &field.ty);
    let place = if field.cfgs.is_empty() && place.clone().into_iter().count() == 1 {
        place.clone()
    } else {
        quote!({ #place })
    };
    let (start, end) = outer_spans(&ty.to_token_stream());
    let open = respan(quote!(< <), start);
    let close = respan(quote!(as #as_field<#daemon, #place>>::Service as #checked<#daemon, #place>>), end);
    quote!(#open #ty #close)
}

fn graph_node(field: &ServiceField, service: &TokenStream, rxd: &RuntimePaths) -> TokenStream {
    let (node, cfgs) = (rxd.node(), &field.cfgs);
    let name = field.name.as_ref().map(|name| quote!(name: #name,));
    let optional = field.is_optional.then(|| quote!(optional: true,));
    if name.is_none() && optional.is_none() {
        return quote!(#(#cfgs)* #service::NODE);
    }
    quote!(#(#cfgs)* #node { #name #optional ..#service::NODE })
}

fn builder_call(setting: &DaemonSetting, consts: &[(&PrestartStage, TokenStream)], rxd: &RuntimePaths) -> TokenStream {
    match setting {
        DaemonSetting::Plain(name, value) => {
            let name = call_site_ident(name);
            quote!(.#name(#value))
        }
        // It is part of `OPTIONS`.
        DaemonSetting::Const(..) => TokenStream::new(),
        DaemonSetting::OnStale(variant) => {
            let on_stale = rxd.on_stale();
            quote!(.on_stale(#on_stale::#variant))
        }
        DaemonSetting::Admin(address) => quote!(.admin(#address)),
        DaemonSetting::Stage(stage) => {
            let (new, name, path) = (rxd.stage(), &stage.name, &stage.path);
            // At the path: that is where a function that is not asynchronous is an error.
            let (start, end) = outer_spans(path);
            let new = respan(new, start);
            let mut new = quote_spanned!(end=> #new::new(#name, #path));
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

/// `.add(..)` of one field.
fn add_call(field: &ServiceField, service: &TokenStream) -> TokenStream {
    let ident = &field.ident;
    let named = field.name.as_ref().map(|name| quote!(.named(#name)));
    let made = match field.is_optional {
        true => quote!(optional(self.#ident)),
        false => quote!(service(::core::option::Option::Some(self.#ident))),
    };
    quote!(.add(#service::#made #named))
}
