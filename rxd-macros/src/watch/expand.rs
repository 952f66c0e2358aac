//! Valid watches to tokens.

use super::ast::{WatchAttr, WatchKeyword, WatchTarget};
use crate::runtime::RuntimePaths;
use crate::syntax::span::{call_at, outer_spans};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::Type;
use syn::ext::IdentExt as _;

/// The constructor call of one watch: `Edge::watch(..)`.
pub(crate) fn constructor(watch: &WatchAttr, rxd: &RuntimePaths) -> TokenStream {
    let (path, target) = (rxd.edge(), rxd.target());
    let targets = watch.targets.iter().map(|written| match written {
        WatchTarget::Name(name) => quote!(#target::name(#name)),
        WatchTarget::Type(ty) => {
            let watched = rxd.watched();
            let exact = has_arguments(ty).then(|| quote!(.exact()));
            quote!(#target::of_type(<#ty as #watched>::SERVICE_TYPE) #exact)
        }
    });
    // The compiler promotes it to a `'static` slice, as what a constant borrows.
    let targets = quote!(&[#(#targets),*]);
    let mut built = match (&watch.sentence, watch.keyword) {
        (Some(sentence), _) => {
            let (modes, actions, states) = (rxd.mode(), rxd.action(), rxd.state());
            let (mode, action, state) = (&sentence.mode, &sentence.action, &sentence.state);
            quote!(#path::watch(#modes::#mode, #actions::#action, #states::#state, #targets))
        }
        (None, WatchKeyword::Needs) => quote!(#path::needs(#targets)),
        (None, _) => quote!(#path::after(#targets)),
    };
    if let Some(effect) = &watch.effect {
        let effects = rxd.effect();
        built.extend(quote!(.then(#effects::#effect)));
    }
    if let Some(within) = &watch.within {
        // A block is not promoted, but an inline constant is.
        built.extend(quote!(.within(const { #within })));
    }
    if let Some(lasts) = &watch.lasts {
        built.extend(quote!(.lasts(const { #lasts })));
    }
    if let Some(stream) = &watch.stream {
        let name = stream.unraw().to_string();
        built.extend(quote!(.stream(#name)));
    }
    built
}

/// Whether a type is written with arguments. The compiler then compares it with the daemon's fields
/// exactly; an alias of a generic type is refused.
pub(crate) fn has_arguments(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.iter().any(|segment| !segment.arguments.is_empty()),
        _ => false,
    }
}

/// The graph checks of the watch with index `number`, each spanned at the words that it is about.
/// The daemon evaluates them, in the scope of [`check_names`].
pub(crate) fn graph_checks(watch: &WatchAttr, number: usize) -> TokenStream {
    let number = Literal::usize_unsuffixed(number);
    let mut checks = call_at(watch.list.outer_spans(), quote!(edge), quote!(fields, #number));
    for (i, target) in watch.targets.iter().enumerate() {
        let i = Literal::usize_unsuffixed(i);
        let check = call_at(target.outer_spans(), quote!(target), quote!(fields, #number, #i));
        checks.extend(quote!(; #check));
    }
    checks
}

/// The check of the service as a whole, and short names for what all [`graph_checks`] name: there are
/// many of them.
pub(crate) fn check_names(service: &TokenStream, rxd: &RuntimePaths) -> TokenStream {
    let (edge, target) = (rxd.check_edge(), rxd.check_target());
    quote!(let (fields, edge, target) = (#service, #edge, #target))
}

/// The checks of a `within` and a `lasts` that only the compiler can evaluate, each spanned at it.
pub(crate) fn time_checks(
    watch: &WatchAttr,
    number: usize,
    declaration: impl Fn() -> TokenStream,
    rxd: &RuntimePaths,
) -> Vec<TokenStream> {
    let times = [(&watch.within, rxd.check_within()), (&watch.lasts, rxd.check_lasts())];
    let mut checks = Vec::new();
    for (time, check) in times {
        let Some(time) = time.as_ref().filter(|time| time.is_constant_expression()) else { continue };
        let (number, declaration) = (Literal::usize_unsuffixed(number), declaration());
        let edges = quote!(#declaration.edges, #number);
        checks.push(call_at(outer_spans(time.expression()), check, edges));
    }
    checks
}
