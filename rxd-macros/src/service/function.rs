//! A function as a service: the type that stands for it, and the [`Runner`] that calls it.
//!
//! The type owns the arguments. Each incarnation borrows those that the function takes by
//! reference, and gets a clone of those that it takes by value.
//!
//! [`Runner`]: https://docs.rs/rxd/latest/rxd/trait.Runner.html

use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::syntax::item::{TypeItem, last_segment};
use crate::syntax::span::outer_spans;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, FnArg, GenericArgument, GenericParam, Pat, PathArguments, ReturnType, Safety, Signature, Token, Type,
    TypeReference, parse_quote,
};

/// The arguments of a function that is a service.
pub(crate) struct FunctionService<'a> {
    signature: &'a Signature,
    /// `None` if the signature has a fault.
    arguments: Option<Vec<Argument>>,
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
                return FunctionService { signature, arguments: None };
            }
            Some(FnArg::Typed(first)) => check_context(&first.ty, errors),
            None => errors.report_with_help(
                &signature.ident,
                "a service takes its context as the first argument, and this function has none",
                format_args!("write `async fn {}(cx: &rxd::Context) -> rxd::Result`", signature.ident),
            ),
        }
        check_parameters(signature, errors);
        if signature.generics.lifetimes().next().is_some() {
            return FunctionService { signature, arguments: None };
        }
        let arguments: Vec<Argument> = inputs.filter_map(|input| Argument::check(input, errors)).collect();
        FunctionService { signature, arguments: (errors.len() == before).then_some(arguments) }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.arguments.is_some()
    }

    /// Whether it is in an `impl` or a trait, where no type can be declared.
    pub(crate) fn is_method(&self) -> bool {
        self.signature.receiver().is_some()
    }

    /// The type, its constructor, and its methods.
    pub(crate) fn expand(&self, item: &TypeItem, rxd: &RuntimePaths) -> TokenStream {
        let (vis, ident, function) = (&item.vis, &item.ident, &self.signature.ident);
        let (params, args, bounds) = item.generics.split_for_impl();
        let docs: Vec<&Attribute> = item.attrs.iter().filter(|attr| attr.path().is_ident("doc")).collect();
        let doc = docs.is_empty().then(|| {
            let doc = format!("The service that calls `{function}`.");
            quote!(#[doc = #doc])
        });
        let (runner, context, result) = (rxd.runner(), rxd.context(), rxd.result());
        let Some(arguments) = &self.arguments else {
            return self.expand_invalid(item, rxd);
        };
        let (names, types): (Vec<&Ident>, Vec<&Type>) =
            arguments.iter().map(|argument| (&argument.name, &argument.owned)).unzip();
        let new_doc = format!("The service that calls `{function}` with these arguments.");
        let constructor = (!arguments.is_empty()).then(|| {
            quote! {
                #[automatically_derived]
                #[allow(dead_code, clippy::too_many_arguments)]
                impl #params #ident #args #bounds {
                    #[doc = #new_doc]
                    #[must_use]
                    #vis fn new(#(#names: #types),*) -> Self {
                        #ident { #(#names),* }
                    }
                }
            }
        });
        let (fields, semicolon) = if arguments.is_empty() {
            (TokenStream::new(), Some(quote!(;)))
        } else {
            (quote!({ #(#names: #types),* }), None)
        };
        let mut generics = item.generics.clone();
        for param in item.generics.type_params() {
            let param = &param.ident;
            generics.make_where_clause().predicates.push(parse_quote!(#param: ::core::marker::Send + 'static));
        }
        let (_, _, runner_bounds) = generics.split_for_impl();
        let call = self.call(arguments, rxd);
        quote! {
            #doc #(#docs)*
            #[allow(missing_debug_implementations)]
            #vis struct #ident #params #bounds #fields #semicolon
            #constructor
            #[automatically_derived]
            #[allow(deprecated)]
            impl #params #runner for #ident #args #runner_bounds {
                async fn run(&mut self, cx: &#context) -> #result {
                    #call
                }
            }
        }
    }

    /// The call of the function. The compiler reports a wrong context, argument or result at the
    /// word that is wrong.
    fn call(&self, arguments: &[Argument], rxd: &RuntimePaths) -> TokenStream {
        let function = &self.signature.ident;
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
        let called = quote!(#function(#context #(, #passed)*).await);
        let function_result = rxd.function_result();
        match &self.signature.output {
            // Named, since the compiler then reports what is wrong with it there.
            ReturnType::Type(_, ty) if !matches!(**ty, Type::ImplTrait(_)) => quote!(#function_result::<#ty>(#called)),
            _ => quote!(#function_result(#called)),
        }
    }

    /// A type of this name for a function with a fault, so that the daemon it is in has none too.
    fn expand_invalid(&self, item: &TypeItem, rxd: &RuntimePaths) -> TokenStream {
        let (vis, ident) = (&item.vis, &item.ident);
        let (runner, context, result) = (rxd.runner(), rxd.context(), rxd.result());
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
        let (owned, passing) = match &*typed.ty {
            Type::Reference(TypeReference { lifetime: Some(lifetime), .. }) if lifetime.ident == "static" => {
                (&*typed.ty, Passing::Cloned)
            }
            Type::Reference(TypeReference { mutability, elem, lifetime, .. }) => {
                check_borrowed(typed.ty.as_ref(), elem, lifetime.as_ref(), errors);
                (&**elem, if mutability.is_some() { Passing::Exclusive } else { Passing::Shared })
            }
            owned => (owned, Passing::Cloned),
        };
        if errors.len() == before {
            check_owned(owned, errors);
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

/// Reports parameters of the function that the type cannot have.
fn check_parameters(signature: &Signature, errors: &mut Errors) {
    for param in &signature.generics.params {
        match param {
            GenericParam::Lifetime(lifetime) => errors.report_with_help(
                lifetime,
                format_args!("a service owns its arguments, so `{}` has no lifetimes", signature.ident),
                "write `&T` or `&mut T` without a lifetime, or an owned type such as `Arc<T>`",
            ),
            GenericParam::Type(ty) if !is_in_arguments(&ty.ident, &signature.inputs) => errors.report_with_help(
                ty,
                format_args!("`{}` is in no argument of the service", ty.ident),
                "remove it, or take an argument of this type",
            ),
            _ => {}
        }
    }
}

fn is_in_arguments(param: &Ident, inputs: &Punctuated<FnArg, Token![,]>) -> bool {
    fn contains(tokens: TokenStream, word: &Ident) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => ident == *word,
            proc_macro2::TokenTree::Group(group) => contains(group.stream(), word),
            _ => false,
        })
    }
    contains(inputs.to_token_stream(), param)
}

/// Reports what is not `&Context`, as far as its text tells.
fn check_context(ty: &Type, errors: &mut Errors) {
    let is_path = |ty: &Type| matches!(ty, Type::Path(_));
    let (target, is_shared) = match ty {
        Type::Reference(TypeReference { mutability, elem, .. }) => (&**elem, mutability.is_none()),
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
    let target = match target {
        Type::Paren(inner) => &*inner.elem,
        target => target,
    };
    let is_exclusive = matches!(whole, Type::Reference(TypeReference { mutability: Some(_), .. }));
    let text = shown(target);
    let (exclusive, owned) = match target {
        Type::Path(path) if path.path.is_ident("str") => ("String".to_owned(), "String".to_owned()),
        Type::Slice(slice) => (format!("Vec<{}>", shown(&slice.elem)), format!("Vec<{}>", shown(&slice.elem))),
        Type::TraitObject(_) => (format!("Box<{text}>"), format!("std::sync::Arc<{text}>")),
        _ => return,
    };
    errors.report_with_help(
        whole,
        format_args!("a service owns its arguments, and `{}` borrows", shown(whole)),
        if is_exclusive { format!("write `&mut {exclusive}`") } else { format!("write `{owned}`") },
    );
}

/// Reports a lifetime or an `impl` inside a type that a service is to own.
fn check_owned(ty: &Type, errors: &mut Errors) {
    match ty {
        Type::ImplTrait(opaque) => errors.report_with_help(
            opaque,
            "the type of an argument of a service has a name, and this one has none",
            format_args!("write a type parameter: `<T: {}>` and `T`", shown(&opaque.bounds)),
        ),
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => check_owned(&reference.elem, errors),
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
                    GenericArgument::Type(inner) => check_owned(inner, errors),
                    _ => {}
                }
            }
        }
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|inner| check_owned(inner, errors)),
        Type::Array(array) => check_owned(&array.elem, errors),
        Type::Paren(inner) => check_owned(&inner.elem, errors),
        Type::Group(inner) => check_owned(&inner.elem, errors),
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
