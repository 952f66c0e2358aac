//! A function as a service: the type that stands for it, and the [`Runner`] that calls it.
//!
//! The type owns the arguments. Each incarnation borrows those that the function takes by
//! reference, and gets a clone of those that it takes by value.
//!
//! [`Runner`]: https://docs.rs/rxd/latest/rxd/trait.Runner.html

use super::kind::ServiceKind;
use crate::errors::Errors;
use crate::runtime::{ItemPath, RuntimePaths};
use crate::syntax::item::{TypeItem, last_segment};
use crate::syntax::name::pascal_case;
use crate::syntax::span::outer_spans;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{
    Attribute, FnArg, GenericArgument, Generics, Pat, PathArguments, ReturnType, Safety, Signature, Type,
    TypeParamBound, TypeReference, parse_quote,
};

/// The arguments of a function that is a service.
pub(crate) struct FunctionService<'a> {
    signature: &'a Signature,
    /// `None` if the signature has a fault.
    arguments: Option<Vec<Argument>>,
    /// The type of an argument has the name of the type that the function declares.
    is_name_taken: bool,
}

/// An argument beside the context.
struct Argument {
    name: Ident,
    /// The type that the service owns.
    owned: Type,
    passing: Passing,
}

/// How the function takes an argument.
enum Passing {
    Exclusive,
    Shared,
    Cloned,
}

impl<'a> FunctionService<'a> {
    /// Checks the signature.
    pub(crate) fn check(signature: &'a Signature, errors: &mut Errors) -> Self {
        let before = errors.len();
        check_head(signature, errors);
        let mut inputs = signature.inputs.iter();
        match inputs.next() {
            Some(FnArg::Receiver(receiver)) => {
                errors.report_with_help(
                    receiver,
                    format_args!("`{}` is a method, and a service is a free function", signature.ident),
                    "move it out of the `impl`, or put `#[rxd::service]` on the type and implement `rxd::Runner` for it",
                );
                return FunctionService { signature, arguments: None, is_name_taken: false };
            }
            Some(FnArg::Typed(first)) => check_context(&first.ty, errors),
            None => errors.report_with_help(
                &signature.ident,
                "a service takes its context as the first argument, and this function has none",
                format_args!("write `async fn {}(cx: &rxd::Context) -> rxd::Result`", signature.ident),
            ),
        }
        check_lifetimes(signature, errors);
        if signature.generics.lifetimes().next().is_some() {
            return FunctionService { signature, arguments: None, is_name_taken: false };
        }
        let arguments: Vec<Argument> = inputs.filter_map(|input| Argument::check(input, errors)).collect();
        let declared = pascal_case(&signature.ident.to_string());
        let is_name_taken = arguments.iter().any(|argument| shown(&argument.owned) == declared);
        if is_name_taken {
            errors.report_with_help(
                &signature.ident,
                format_args!(
                    "`{}` declares the type `{declared}`, which is the type of an argument, too",
                    signature.ident
                ),
                format_args!("give the function another name, such as `{}_service`", signature.ident.unraw()),
            );
        }
        FunctionService { signature, arguments: (errors.len() == before).then_some(arguments), is_name_taken }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.arguments.is_some()
    }

    /// Whether its type can be declared: not in an `impl` or a trait, and not if its name is taken.
    pub(crate) fn can_declare(&self) -> bool {
        self.signature.receiver().is_none() && !self.is_name_taken
    }

    /// The type, its constructor, and its methods.
    pub(crate) fn expand(&self, item: &TypeItem, kind: &ServiceKind, rxd: &RuntimePaths) -> TokenStream {
        let (vis, ident, function) = (&item.vis, &item.ident, &self.signature.ident);
        let (params, args, bounds) = item.generics.split_for_impl();
        let docs: Vec<&Attribute> = item.attrs.iter().filter(|attr| attr.path().is_ident("doc")).collect();
        let doc = docs.is_empty().then(|| {
            let doc = format!("The service that calls `{function}`.");
            quote!(#[doc = #doc])
        });
        let (runner, context, result) = (Self::runner(kind, rxd), rxd.context(), rxd.result());
        let Some(arguments) = &self.arguments else {
            return self.expand_invalid(item, kind, rxd);
        };
        let (names, types): (Vec<&Ident>, Vec<&Type>) =
            arguments.iter().map(|argument| (&argument.name, &argument.owned)).unzip();
        let besides = parameters_besides(&item.generics, arguments);
        let marker = (!besides.is_empty()).then(|| quote!(__parameters: ::core::marker::PhantomData));
        let marker_type =
            marker.as_ref().map(|_| quote!(__parameters: ::core::marker::PhantomData<fn() -> (#(#besides,)*)>));
        let has_fields = !arguments.is_empty() || marker.is_some();
        let new_doc = format!("The service that calls `{function}` with these arguments.");
        let constructor = has_fields.then(|| {
            quote! {
                #[automatically_derived]
                #[allow(dead_code, clippy::too_many_arguments)]
                impl #params #ident #args #bounds {
                    #[doc = #new_doc]
                    #[must_use]
                    #vis fn new(#(#names: #types),*) -> Self {
                        #ident { #(#names,)* #marker }
                    }
                }
            }
        });
        let (fields, semicolon) = if has_fields {
            (quote!({ #(#names: #types,)* #marker_type }), None)
        } else {
            (TokenStream::new(), Some(quote!(;)))
        };
        let mut generics = item.generics.clone();
        for param in item.generics.type_params() {
            let param = &param.ident;
            generics.make_where_clause().predicates.push(parse_quote!(#param: ::core::marker::Send + 'static));
        }
        for Argument { owned, passing, .. } in arguments {
            // Spanned at the type, so that the compiler reports there what no thread can be given.
            let end = outer_spans(&owned.to_token_stream()).1;
            let sync = matches!(passing, Passing::Shared).then(|| quote_spanned!(end=> + ::core::marker::Sync));
            let bound = quote_spanned!(end=> : ::core::marker::Send);
            generics.make_where_clause().predicates.push(parse_quote!(#owned #bound #sync));
        }
        let (_, _, runner_bounds) = generics.split_for_impl();
        let call = self.call(item, arguments, rxd);
        let text = ident.unraw().to_string();
        quote! {
            #doc #(#docs)*
            #vis struct #ident #params #bounds #fields #semicolon
            #constructor
            #[automatically_derived]
            impl #params ::core::fmt::Debug for #ident #args #bounds {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.write_str(#text)
                }
            }
            #[automatically_derived]
            #[allow(deprecated)]
            impl #params #runner for #ident #args #runner_bounds {
                async fn run(&mut self, cx: &#context) -> #result {
                    #call
                }
            }
        }
    }

    /// The trait that the type implements.
    fn runner<'r>(kind: &ServiceKind, rxd: &'r RuntimePaths) -> ItemPath<'r> {
        match kind {
            ServiceKind::Task => rxd.runner(),
            ServiceKind::Thread | ServiceKind::Blocking(_) => rxd.local_runner(),
        }
    }

    /// The call of the function. The compiler reports a wrong context, argument or result at the
    /// word that is wrong.
    fn call(&self, item: &TypeItem, arguments: &[Argument], rxd: &RuntimePaths) -> TokenStream {
        let function = &self.signature.ident;
        let generics = item.generics.split_for_impl().1;
        let generics = generics.as_turbofish();
        let at_first = match self.signature.inputs.first() {
            Some(FnArg::Typed(first)) => outer_spans(&first.ty.to_token_stream()).0,
            _ => Span::call_site(),
        };
        let context = Ident::new("cx", Span::call_site().located_at(at_first));
        let passed = arguments.iter().map(|Argument { name, owned, passing }| match passing {
            Passing::Exclusive => quote!(&mut self.#name),
            Passing::Shared => quote!(&self.#name),
            Passing::Cloned => {
                let cloned = rxd.cloned();
                quote!(#cloned::<#owned>(&self.#name))
            }
        });
        let called = quote!(#function #generics (#context #(, #passed)*).await);
        let function_result = rxd.function_result();
        match &self.signature.output {
            // Named, since the compiler then reports what is wrong with it there.
            ReturnType::Type(_, ty) if !matches!(**ty, Type::ImplTrait(_)) => quote!(#function_result::<#ty>(#called)),
            _ => quote!(#function_result(#called)),
        }
    }

    /// A type of this name for a function with a fault, so that the daemon it is in has none too.
    fn expand_invalid(&self, item: &TypeItem, kind: &ServiceKind, rxd: &RuntimePaths) -> TokenStream {
        let (vis, ident) = (&item.vis, &item.ident);
        let (runner, context, result) = (Self::runner(kind, rxd), rxd.context(), rxd.result());
        let count = self.signature.inputs.len().saturating_sub(1);
        let params: Vec<Ident> = (0..count).map(|i| format_ident!("A{i}")).collect();
        let (braces, semicolon) = if count > 0 { (Some(quote!({})), None) } else { (None, Some(quote!(;))) };
        let new = (count > 0).then(|| quote!(#vis fn new<#(#params),*>(#(_: #params),*) -> Self { #ident {} }));
        quote! {
            #[allow(dead_code)]
            #vis struct #ident #braces #semicolon
            #[allow(dead_code, clippy::too_many_arguments)]
            impl #ident { #new }
            impl #runner for #ident {
                async fn run(&mut self, _: &#context) -> #result { ::core::result::Result::Ok(()) }
            }
        }
    }
}

impl Argument {
    /// Checks one argument after the context.
    fn check(input: &FnArg, errors: &mut Errors) -> Option<Argument> {
        let FnArg::Typed(typed) = input else { return None };
        let before = errors.len();
        if let Some(attr) = typed.attrs.first() {
            errors.report_with_help(
                attr,
                "an argument of a service has no attributes",
                "put it on the function, or remove it",
            );
        }
        let name = match &*typed.pat {
            Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none() => Some(pat.ident.clone()),
            Pat::Wild(pat) => {
                errors.report_with_help(
                    pat,
                    "an argument of a service has a name",
                    "write one; after a `_` it may be unused",
                );
                None
            }
            pat => {
                errors.report_with_help(
                    pat,
                    "an argument of a service is a name, and this is a pattern",
                    "write a name, and take it apart in the body",
                );
                None
            }
        };
        let ty = ungrouped(&typed.ty);
        let (owned, passing) = match ty {
            Type::Reference(TypeReference { lifetime: Some(lifetime), .. }) if lifetime.ident == "static" => {
                (ty, Passing::Cloned)
            }
            Type::Reference(TypeReference { mutability, elem, lifetime, .. }) => {
                check_borrowed(ty, elem, lifetime.as_ref(), errors);
                (ungrouped(elem), if mutability.is_some() { Passing::Exclusive } else { Passing::Shared })
            }
            owned => (owned, Passing::Cloned),
        };
        if errors.len() == before {
            check_owned(owned, matches!(passing, Passing::Cloned), errors);
        }
        Some(Argument { name: name?, owned: owned.clone(), passing })
    }
}

/// Reports what no service can be: a function that is not async, and the like.
fn check_head(signature: &Signature, errors: &mut Errors) {
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        errors.report_with_help(
            signature.fn_token,
            format_args!("a service is an async function, and `{name}` is not"),
            format_args!("write `async fn {name}`"),
        );
    }
    let others = [
        signature.constness.map(|word| (word.to_token_stream(), "const")),
        (!matches!(signature.safety, Safety::Default)).then(|| (signature.safety.to_token_stream(), "unsafe")),
        signature.abi.as_ref().map(|abi| (abi.to_token_stream(), "extern")),
    ];
    for (word, text) in others.into_iter().flatten() {
        errors.report_with_help(word, format_args!("a service cannot be `{text}`"), format_args!("remove `{text}`"));
    }
    if let Some(variadic) = &signature.variadic {
        errors.report_with_help(variadic, "a service cannot be variadic", "remove `...`");
    }
    if matches!(signature.output, ReturnType::Default) {
        errors.report_with_help(
            name,
            format_args!("a service returns a result, and `{name}` returns nothing"),
            "write `-> rxd::Result`, and `Ok(())` at the end",
        );
    }
}

/// Reports lifetimes, which the type cannot have.
fn check_lifetimes(signature: &Signature, errors: &mut Errors) {
    if let Some(lifetime) = signature.generics.lifetimes().next() {
        errors.report_with_help(
            lifetime,
            format_args!("a service owns its arguments, so `{}` has no lifetimes", signature.ident),
            "write `&T` or `&mut T` without a lifetime, or an owned type such as `Arc<T>`",
        );
    }
}

/// The type parameters that are in no argument. The type has to mention them all the same.
fn parameters_besides<'a>(generics: &'a Generics, arguments: &[Argument]) -> Vec<&'a Ident> {
    fn contains(tokens: TokenStream, word: &Ident) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == *word,
            TokenTree::Group(group) => contains(group.stream(), word),
            _ => false,
        })
    }
    let is_in_argument =
        |param: &Ident| arguments.iter().any(|argument| contains(argument.owned.to_token_stream(), param));
    generics.type_params().map(|param| &param.ident).filter(|param| !is_in_argument(param)).collect()
}

/// Reports what is not `&Context`, as far as its text tells.
fn check_context(ty: &Type, errors: &mut Errors) {
    let is_path = |ty: &Type| matches!(ty, Type::Path(_));
    let ty = ungrouped(ty);
    let (target, is_shared) = match ty {
        Type::Reference(TypeReference { mutability, elem, .. }) => (ungrouped(elem), mutability.is_none()),
        owned => (owned, false),
    };
    let word = match target {
        Type::Path(path) => last_segment(&path.path).map(ToString::to_string),
        _ => None,
    };
    if word.as_deref() == Some("Context") && !is_shared {
        errors.report_with_help(
            ty,
            "a service takes its context as a shared reference",
            format_args!("write `&{}`", shown(target)),
        );
    } else if !is_shared || !is_path(target) {
        errors.report_with_help(
            ty,
            "the first argument of a service is its context",
            "write `cx: &rxd::Context` in front",
        );
    }
}

/// Reports a reference that a service cannot hand out, such as `&str`.
fn check_borrowed(whole: &Type, target: &Type, lifetime: Option<&syn::Lifetime>, errors: &mut Errors) {
    if let Some(lifetime) = lifetime {
        errors.report_with_help(
            lifetime,
            "a service owns its arguments, which therefore have no lifetimes",
            "remove the lifetime, or write an owned type such as `Arc<T>`",
        );
        return;
    }
    let target = ungrouped(target);
    let is_exclusive = matches!(whole, Type::Reference(TypeReference { mutability: Some(_), .. }));
    let Some((exclusive, owned)) = owner_of(target) else { return };
    errors.report_with_help(
        whole,
        format_args!("a service owns its arguments, and `{}` borrows", shown(whole)),
        if is_exclusive { format!("write `&mut {exclusive}`") } else { format!("write `{owned}`") },
    );
}

/// The types that own what nothing owns by itself: one to lend exclusively, one to take by value.
fn owner_of(target: &Type) -> Option<(String, String)> {
    let text = shown(target);
    let both = |owner: String| Some((owner.clone(), owner));
    match target {
        Type::Path(path) => match last_segment(&path.path)?.to_string().as_str() {
            "str" => both("String".to_owned()),
            "Path" => both("std::path::PathBuf".to_owned()),
            "OsStr" => both("std::ffi::OsString".to_owned()),
            "CStr" => both("std::ffi::CString".to_owned()),
            _ => None,
        },
        Type::Slice(slice) => both(format!("Vec<{}>", shown(&slice.elem))),
        Type::TraitObject(_) => {
            let with = |bound: &str| if text.contains(bound) { String::new() } else { format!(" + {bound}") };
            let (send, sync) = (with("Send"), with("Sync"));
            Some((format!("Box<{text}{send}>"), format!("std::sync::Arc<{text}{send}{sync}>")))
        }
        _ => None,
    }
}

/// The type inside parentheses and invisible groups, which macros put around it.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(inner) => ungrouped(&inner.elem),
        Type::Paren(inner) => ungrouped(&inner.elem),
        ty => ty,
    }
}

/// Reports a lifetime or an `impl` inside a type that a service is to own. If it
/// is cloned, what replaces the `impl` is `Clone`, too.
fn check_owned(ty: &Type, is_cloned: bool, errors: &mut Errors) {
    match ty {
        Type::ImplTrait(opaque) => {
            let is_clone = |bound: &TypeParamBound| match bound {
                TypeParamBound::Trait(bound) => {
                    bound.path.segments.last().is_some_and(|last| last.ident == "Clone" || last.ident == "Copy")
                }
                _ => false,
            };
            let clone = if is_cloned && !opaque.bounds.iter().any(is_clone) { " + Clone" } else { "" };
            errors.report_with_help(
                opaque,
                "the type of an argument of a service has a name, and this one has none",
                format_args!("write a type parameter: `<T: {}{clone}>` and `T`", shown(&opaque.bounds)),
            );
        }
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => check_owned(&reference.elem, false, errors),
            _ => errors.report_with_help(
                reference,
                "a service owns its arguments, and this borrows",
                "write an owned type, such as `String`, `Vec<T>` or `Arc<T>`",
            ),
        },
        Type::Infer(infer) => {
            errors.report_with_help(infer, "the type of an argument is written out", "write the type");
        }
        Type::Path(path) => {
            let arguments = path.path.segments.iter().filter_map(|segment| match &segment.arguments {
                PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
                _ => None,
            });
            for argument in arguments.flatten() {
                match argument {
                    GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => errors.report_with_help(
                        lifetime,
                        "a service owns its arguments, which therefore have no lifetimes",
                        "write an owned type, or `'static`",
                    ),
                    GenericArgument::Type(inner) => check_owned(inner, false, errors),
                    _ => {}
                }
            }
        }
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|inner| check_owned(inner, is_cloned, errors)),
        Type::Array(array) => check_owned(&array.elem, is_cloned, errors),
        Type::Paren(inner) => check_owned(&inner.elem, is_cloned, errors),
        Type::Group(inner) => check_owned(&inner.elem, is_cloned, errors),
        _ => {}
    }
}

/// Types and bounds as they are written in general: without the blanks around every token.
fn shown(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (apart, joined) in [(" :: ", "::"), (" < ", "<"), (" >", ">"), (" ,", ","), ("& ", "&"), (":: ", "::")] {
        text = text.replace(apart, joined);
    }
    text
}
