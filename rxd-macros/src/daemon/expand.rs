//! A valid daemon as tokens.

use super::model::{Daemon, Field, Setting};
use crate::runtime::{Runtime, respan};
use crate::syntax::item::ends;
use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{ItemStruct, Meta};

/// The impls and the checks of a daemon.
pub(crate) fn expand(item: &ItemStruct, daemon: &Daemon) -> TokenStream {
    let rxd = &daemon.runtime;
    let (ident, name) = (&item.ident, &daemon.name);
    let text = ident.unraw().to_string();
    let (graphed, analysis, index, graph) = (rxd.graphed(), rxd.analysis(), rxd.index(), rxd.graph());
    let builder = rxd.daemon();
    let places = places(daemon);
    let count = places.last().cloned().unwrap_or_default();
    let services: Vec<TokenStream> =
        daemon.fields.iter().zip(&places).map(|(field, place)| as_service(ident, field, place, rxd)).collect();
    let nodes = daemon.fields.iter().zip(&services).map(|(field, service)| node(field, service, rxd));
    let settings = daemon.settings.iter().map(|setting| self::setting(setting, rxd));
    let adds = daemon.fields.iter().zip(&services).map(|(field, service)| add(field, service));
    let checks = daemon.fields.iter().zip(&services).filter(|(field, _)| !field.taken).map(|(field, service)| {
        let cfgs = &field.cfgs;
        // At the field, where the compiler says which daemon it was checking.
        let ok = quote_spanned!(ends(&field.ty.to_token_stream()).1=> ::OK);
        quote!(#(#cfgs)* const _: () = #service #ok;)
    });
    // Statements can be switched off, links of a chain cannot.
    let build = if daemon.configured() {
        let steps = daemon.fields.iter().zip(adds).map(|(field, add)| {
            let cfgs = &field.cfgs;
            quote!(#(#cfgs)* let daemon = daemon #add;)
        });
        quote! {
            let daemon = #builder::new(#name) #(#settings)*;
            #(#steps)*
            daemon
        }
    } else {
        quote!(#builder::new(#name) #(#settings)* #(#adds)*)
    };
    let value = quote!(#graph { daemon: #text, nodes: &[#(#nodes),*] });
    let methods = methods(&item.vis.to_token_stream(), &value, &build, rxd);
    quote! {
        #[automatically_derived]
        impl #graphed for #ident {
            const ANALYSIS: #analysis<'static> = {
                static GRAPH: #graph<'static> = #ident::GRAPH;
                static INDEX: #index<{ #count }> = #index::new(&GRAPH);
                INDEX.of(&GRAPH)
            };
        }
        #[automatically_derived]
        #[allow(dead_code)]
        impl #ident {
            #methods
        }
        #(#checks)*
    }
}

/// What a daemon can do.
pub(crate) fn methods(vis: &TokenStream, value: &TokenStream, build: &TokenStream, rxd: &Runtime) -> TokenStream {
    let (graph, builder, error, handle) = (rxd.graph(), rxd.daemon(), rxd.error(), rxd.handle());
    let (with_systemd, systemd) = (rxd.with_systemd(), rxd.systemd());
    quote! {
        /// The services and who watches whom, as the compiler has checked it.
        #vis const GRAPH: #graph<'static> = #value;

        /// The daemon as a builder, for what is known only at run time.
        #vis fn into_daemon(self) -> #builder {
            #build
        }

        #with_systemd! {
            /// The unit of systemd that agrees with what is declared.
            #vis fn unit(self) -> #systemd::Unit {
                self.into_daemon().unit()
            }
        }

        /// Runs the daemon until it is stopped.
        ///
        /// # Errors
        ///
        /// If a service gave up or had to be abandoned.
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
fn places(daemon: &Daemon) -> Vec<TokenStream> {
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
fn as_service(daemon: &proc_macro2::Ident, field: &Field, place: &TokenStream, rxd: &Runtime) -> TokenStream {
    let (checked, as_field, ty) = (rxd.checked(), rxd.field(), &field.ty);
    let place = if field.cfgs.is_empty() && place.clone().into_iter().count() == 1 {
        place.clone()
    } else {
        quote!({ #place })
    };
    let (start, end) = ends(&ty.to_token_stream());
    let open = respan(quote!(< <), start);
    let close = respan(quote!(as #as_field<#daemon, #place>>::Service as #checked<#daemon, #place>>), end);
    quote!(#open #ty #close)
}

fn node(field: &Field, service: &TokenStream, rxd: &Runtime) -> TokenStream {
    let (node, cfgs) = (rxd.node(), &field.cfgs);
    let name = field.name.as_ref().map(|name| quote!(name: #name,));
    let optional = field.optional.then(|| quote!(optional: true,));
    if name.is_none() && optional.is_none() {
        return quote!(#(#cfgs)* #service::NODE);
    }
    quote!(#(#cfgs)* #node { #name #optional ..#service::NODE })
}

fn setting(setting: &Setting, rxd: &Runtime) -> TokenStream {
    match setting {
        Setting::Time(name, time) => {
            let name = proc_macro2::Ident::new(name, proc_macro2::Span::call_site());
            quote!(.#name(#time))
        }
        Setting::Number(name, number) => {
            let (name, number) = (proc_macro2::Ident::new(name, proc_macro2::Span::call_site()), number.int());
            quote!(.#name(#number))
        }
        Setting::OnStale(variant) => {
            let on_stale = rxd.on_stale();
            quote!(.on_stale(#on_stale::#variant))
        }
        Setting::Admin(address) => quote!(.admin(#address)),
        Setting::Stage(stage) => {
            let (new, name, path) = (rxd.stage(), &stage.name, &stage.path);
            // At the path: that is where a function that is not asynchronous is an error.
            let (start, end) = ends(path);
            let new = respan(new, start);
            let new = quote_spanned!(end=> #new::new(#name, #path));
            let times = stage.times.iter().map(|(setter, time)| {
                let setter = proc_macro2::Ident::new(setter, proc_macro2::Span::call_site());
                quote!(.#setter(#time))
            });
            let attempts = stage.attempts.as_ref().map(|most| {
                let most = most.int();
                quote!(.attempts(#most))
            });
            quote!(.prestart(#new #(#times)* #attempts))
        }
        Setting::Signals(signals) => {
            let kind = rxd.signal();
            quote!(.signals([#(#kind::#signals),*]))
        }
    }
}

/// `.add(..)` of one field.
fn add(field: &Field, service: &TokenStream) -> TokenStream {
    let ident = &field.ident;
    let named = field.name.as_ref().map(|name| quote!(.named(#name)));
    let made = match field.optional {
        true => quote!(optional(self.#ident)),
        false => quote!(service(::core::option::Option::Some(self.#ident))),
    };
    quote!(.add(#service::#made #named))
}
