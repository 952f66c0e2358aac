//! Valid watches to tokens.

use super::ast::{WatchAttr, WatchKeyword, WatchSentence, WatchTarget};
use crate::code::Code;
use crate::runtime::RuntimePaths;
use crate::syntax::span::{call_at, outer_spans};
use proc_macro2::{Delimiter, Literal, Punct, Spacing, Span, TokenStream};
use quote::quote;
use syn::Type;
use syn::ext::IdentExt as _;

/// The constructor call of one watch, and a comma.
pub(crate) fn constructor(code: &mut Code<'_>, watch: &WatchAttr, rxd: &RuntimePaths) {
    let constructor = match (&watch.sentence, watch.keyword) {
        (Some(_), _) => rxd.edge_watch(),
        (None, WatchKeyword::Needs) => rxd.edge_needs(),
        (None, _) => rxd.edge_after(),
    };
    code.format(format_args!("{constructor}"));
    code.group(Delimiter::Parenthesis, |code| {
        // The words are no tokens of the user's here: they are for an editor in its hints.
        if let Some(WatchSentence { mode, action, state }) = &watch.sentence {
            let (modes, actions, states) = (rxd.mode(), rxd.action(), rxd.state());
            code.format(format_args!("{modes}::{mode}, {actions}::{action}, {states}::{state},"));
        }
        // The compiler promotes it to a `'static` slice, as what a constant borrows.
        code.text("&");
        code.group(Delimiter::Bracket, |code| watch.targets.iter().for_each(|written| target(code, written, rxd)));
    });
    if let Some(effect) = &watch.effect {
        let effects = rxd.effect();
        code.tokens(quote!(.then(#effects::#effect)));
    }
    if let Some(within) = &watch.within {
        // A block is not promoted, but an inline constant is.
        code.tokens(quote!(.within(const { #within })));
    }
    if let Some(lasts) = &watch.lasts {
        code.tokens(quote!(.lasts(const { #lasts })));
    }
    if let Some(stream) = &watch.stream {
        code.format(format_args!(".stream({:?})", stream.unraw().to_string()));
    }
    code.text(",");
}

/// One target, and a comma.
fn target(code: &mut Code<'_>, target: &WatchTarget, rxd: &RuntimePaths) {
    match target {
        WatchTarget::Name(name) => code.format(format_args!("{}({:?}),", rxd.target_name(), name.value())),
        WatchTarget::Type(ty) => {
            let (of_type, watched) = (rxd.target_of_type(), rxd.watched());
            let exact = has_arguments(ty).then(|| quote!(.exact()));
            code.tokens(quote!(#of_type(<#ty as #watched>::SERVICE_TYPE) #exact,));
        }
    }
}

/// Whether a type is written with arguments. The compiler then compares it with the daemon's fields
/// exactly; an alias of a generic type is refused.
pub(crate) fn has_arguments(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.iter().any(|segment| !segment.arguments.is_empty()),
        _ => false,
    }
}

/// The checks of the service as a whole, at `name`, and of each of its watches, at the words that they
/// are about. The daemon evaluates them.
pub(crate) fn graph_checks(code: &mut Code<'_>, watches: &[WatchAttr], name: (Span, Span), rxd: &RuntimePaths) {
    let service = format!("{}::<Self>", rxd.check_service());
    if !watches.is_empty() {
        // Short names for what all checks name: there are many of them.
        let (edge, target) = (rxd.check_edge(), rxd.check_target());
        code.format(format_args!("let edge = {edge}; let target = {target}; let fields ="));
    }
    code.call_at(name, &service, "__D::ANALYSIS");
    code.tree(Punct::new(';', Spacing::Alone));
    for (number, watch) in watches.iter().enumerate() {
        code.call_at(watch.list.outer_spans(), "edge", &format!("fields, {number}"));
        code.tree(Punct::new(';', Spacing::Alone));
        for (i, target) in watch.targets.iter().enumerate() {
            code.call_at(target.outer_spans(), "target", &format!("fields, {number}, {i}"));
            code.tree(Punct::new(';', Spacing::Alone));
        }
    }
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
