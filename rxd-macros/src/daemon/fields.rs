//! What a daemon generates for each of its fields: there may be hundreds of them.

use super::model::{DaemonField, DaemonModel};
use crate::code::Code;
use crate::runtime::{ItemPath, RuntimePaths};
use crate::syntax::item::last_segment;
use proc_macro2::{Delimiter, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use std::collections::HashSet;
use syn::ext::IdentExt as _;
use syn::{LitStr, Type};

/// The position of each field in the graph, and at the end the number of fields. The compiler
/// counts the fields with a `#[cfg]`.
pub(super) fn field_positions(daemon: &DaemonModel) -> Vec<TokenStream> {
    let mut places = Vec::new();
    let mut fixed = 0_usize;
    let mut counted = TokenStream::new();
    for field in &daemon.fields {
        let place = Literal::usize_unsuffixed(fixed);
        places.push(quote!(#place #counted));
        if field.cfgs.is_empty() {
            fixed += 1;
        } else {
            let condition = field.condition();
            counted.extend(quote!(+ ::core::cfg!(#condition) as usize));
        }
    }
    let count = Literal::usize_unsuffixed(fixed);
    places.push(quote!(#count #counted));
    places
}

/// The position of a field as the argument of a parameter.
fn const_argument(field: &DaemonField, place: &TokenStream) -> TokenStream {
    if field.cfgs.is_empty() && place.clone().into_iter().count() == 1 { place.clone() } else { quote!({ #place }) }
}

/// `impl InDaemon` for the type of each field, once where two fields have one type. A type that is
/// written without arguments needs it, too: it may be an alias of a generic one.
pub(super) fn field_types(
    code: &mut Code<'_>,
    daemon: &Ident,
    model: &DaemonModel,
    places: &[TokenStream],
    rxd: &RuntimePaths,
) {
    let in_daemon = rxd.in_daemon();
    let mut known = HashSet::new();
    for (field, place) in model.fields.iter().zip(places) {
        let (ty, cfgs, place) = (&field.ty, &field.cfgs, const_argument(field, place));
        // A field with a `#[cfg]` may be off while another one of its type is on.
        let is_new = known.insert(ty.to_token_stream().to_string()) || !cfgs.is_empty();
        if is_new {
            cfgs.iter().for_each(|cfg| code.tokens(cfg));
            code.format(format_args!("#[doc(hidden)] impl {in_daemon}<{daemon}, {place}> for"));
            code.tokens(ty);
            code.text("{}");
        }
    }
}

/// What messages need to know of each field: its name, and whether it gives the service its name.
pub(super) fn field_table(code: &mut Code<'_>, daemon: &DaemonModel) {
    for field in &daemon.fields {
        field.cfgs.iter().for_each(|cfg| code.tokens(cfg));
        let (text, is_named) = (field.ident.unraw().to_string(), field.name.is_some());
        code.format(format_args!("({text:?}, {is_named}),"));
    }
}

/// The name and the type of each service that is configured out.
pub(super) fn configured_out(code: &mut Code<'_>, daemon: &DaemonModel) {
    for field in &daemon.fields {
        let Some(condition) = field.condition() else { continue };
        let name = field.name.as_ref().map_or_else(|| field.ident.unraw().to_string(), LitStr::value);
        let ty = match &field.ty {
            Type::Path(path) => last_segment(&path.path).map(ToString::to_string).unwrap_or_default(),
            _ => String::new(),
        };
        code.tokens(quote!(#[cfg(not(#condition))] (#name, #ty),));
    }
}

/// `<Health as Field<EdgeAgent>>`, spanned at the field's type. All code about a field uses this one
/// bound, so a type that is not a service is one error.
pub(super) struct AsField<'a> {
    pub(super) field: &'a DaemonField,
    daemon: &'a Ident,
    rxd: &'a RuntimePaths,
    /// The tokens of the field's type.
    ty: Vec<TokenTree>,
    /// The spans of the first and the last token of the field's type.
    pub(super) spans: (Span, Span),
}

impl<'a> AsField<'a> {
    pub(super) fn new(daemon: &'a Ident, field: &'a DaemonField, rxd: &'a RuntimePaths) -> Self {
        let ty: Vec<TokenTree> = field.ty.to_token_stream().into_iter().collect();
        let span = |token: Option<&TokenTree>| token.map_or_else(Span::call_site, TokenTree::span);
        let spans = (span(ty.first()), span(ty.last()));
        AsField { field, daemon, rxd, ty, spans }
    }

    /// `<Health as Field<EdgeAgent>>::Service`
    pub(super) fn service(&self) -> TokenStream {
        let mut code = Code::new(self.rxd);
        self.item(&mut code, "Service");
        code.into_token_stream()
    }

    /// `<Health as Field<EdgeAgent>>::item`
    fn item(&self, code: &mut Code<'_>, item: &str) {
        self.qualified(code, self.rxd.field(), item, |code| {
            self.ty.iter().for_each(|token| code.tree(token.clone()));
        });
    }

    /// An item of its service in the daemon: `<<Health as ..>::Service as Checked<EdgeAgent>>::item`.
    fn checked(&self, code: &mut Code<'_>, item: &str) {
        self.qualified(code, self.rxd.checked(), item, |code| self.item(code, "Service"));
    }

    /// `<ty as path<EdgeAgent>>::item`. An error about it is underlined from its first to its last
    /// token.
    fn qualified<'c>(&self, code: &mut Code<'c>, path: ItemPath<'_>, item: &str, ty: impl FnOnce(&mut Code<'c>)) {
        let (start, end) = self.spans;
        let mut open = Punct::new('<', Spacing::Alone);
        open.set_span(start);
        code.tree(open);
        ty(code);
        code.format(format_args!("as {path}<{}>>::", self.daemon));
        code.tree(Ident::new(item, end));
    }

    /// Its node in the graph, and a comma.
    pub(super) fn node(&self, code: &mut Code<'_>) {
        let DaemonField { name, stem, is_optional, cfgs, .. } = self.field;
        cfgs.iter().for_each(|cfg| code.tokens(cfg));
        if name.is_none() && !is_optional {
            self.item(code, "NODE");
        } else {
            code.format(format_args!("{}", self.rxd.node()));
            code.group(Delimiter::Brace, |code| {
                if let Some(name) = name {
                    code.text("name:");
                    code.tokens(name);
                    code.text(",");
                }
                if let Some(stem) = stem {
                    code.format(format_args!("family: ::core::option::Option::Some({:?}),", stem.value()));
                }
                code.text(if *is_optional { "optional: true, .." } else { ".." });
                self.item(code, "NODE");
            });
        }
        code.tree(Punct::new(',', Spacing::Alone));
    }

    /// The checks of the field and its service, as one constant.
    pub(super) fn checks(&self, code: &mut Code<'_>, model: &DaemonModel, place: &TokenStream) {
        // What can be mended only here is reported here, at the name that the field gives.
        let at = self.field.name.as_ref().map_or(self.spans, |name| (name.span(), name.span()));
        // With a configuration, `config_source` has the bound on what the service takes.
        let rxd = self.rxd;
        let check = if model.has_config { rxd.check_field() } else { rxd.check_field_without_config() };
        self.field.cfgs.iter().for_each(|cfg| code.tokens(cfg));
        code.text("const _: () =");
        code.group(Delimiter::Brace, |code| {
            let before = |code: &mut Code<'_>| code.format(format_args!("{check}::<"));
            self.call(code, at, before, ", _>", |code| code.tokens(place));
            code.tree(Punct::new(';', Spacing::Alone));
            // Spanned at the field: the compiler names it as the place where it evaluates the checks.
            self.checked(code, "OK");
        });
        code.text(";");
    }

    /// The call `.add(..)`, spanned at the type, as all code about a field.
    pub(super) fn add(&self, code: &mut Code<'_>) {
        let DaemonField { ident, name, stem, is_optional, .. } = self.field;
        if let (Some(name), Some(stem)) = (name, stem) {
            return self.add_family(code, &name.value(), &stem.value());
        }
        let of = if *is_optional { self.rxd.of_optional_field() } else { self.rxd.of_field() };
        code.text(".add");
        code.group(Delimiter::Parenthesis, |code| {
            let before = |code: &mut Code<'_>| {
                code.format(format_args!("{of}::<"));
                self.item(code, "Runner");
                code.text(",");
            };
            self.call(code, self.spans, before, ">", |code| {
                code.text("self.");
                code.tree(ident.clone());
            });
            if let Some(name) = name {
                code.format(format_args!(".named({:?})", name.value()));
            }
        });
    }

    /// The call `.family(..)`, spanned at the type.
    fn add_family(&self, code: &mut Code<'_>, name: &str, stem: &str) {
        let rxd = self.rxd;
        let (of, maker) = (rxd.of_family_field(), rxd.maker_of());
        code.text(".family");
        code.group(Delimiter::Parenthesis, |code| {
            let before = |code: &mut Code<'_>| {
                code.format(format_args!("{of}::<"));
                self.item(code, "Runner");
                code.text(",");
            };
            self.call(code, self.spans, before, ">", |code| {
                code.format(format_args!("({name:?}, {stem:?}), self."));
                code.tree(self.field.ident.clone());
                code.text(",");
                // The method is that of the first trait if the type is `FromIndex`, otherwise of the
                // second.
                code.group(Delimiter::Brace, |code| {
                    code.format(format_args!("use {} as _; use {} as _;", rxd.by_index(), rxd.by_nothing()));
                    code.group(Delimiter::Parenthesis, |code| {
                        code.format(format_args!("&{maker}::<"));
                        self.item(code, "Service");
                        code.text(">::new()");
                    });
                    code.text(".maker()");
                });
            });
        });
    }

    /// The call `(before <Health as Field<EdgeAgent>>::Service, EdgeAgent after)(args)`, at these spans.
    fn call<'c>(
        &self,
        code: &mut Code<'c>,
        (start, end): (Span, Span),
        before: impl FnOnce(&mut Code<'c>),
        after: &str,
        args: impl FnOnce(&mut Code<'c>),
    ) {
        code.group_at(start, |code| {
            before(code);
            self.item(code, "Service");
            code.format(format_args!(", {} {after}", self.daemon));
        });
        code.group_at(end, args);
    }
}
