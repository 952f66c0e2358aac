//! The head of the user's item: what is needed to name its type. The body is never parsed.

use crate::errors::Errors;
use crate::syntax::name;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, GenericParam, Generics, Path, Signature, Visibility, WhereClause};

/// What an item is.
#[derive(Clone)]
pub(crate) enum ItemShape {
    Struct,
    Enum,
    Union,
    /// A function, for which `#[rxd::service]` declares a type.
    Function(Box<Signature>),
}

/// An item that is a type, or declares one, with its head parsed.
pub(crate) struct TypeItem {
    pub(crate) attrs: Vec<Attribute>,
    /// Everything after the attributes, as written.
    rest: TokenStream,
    pub(crate) vis: Visibility,
    pub(crate) shape: ItemShape,
    pub(crate) keyword: Ident,
    /// The type's name.
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
}

impl TypeItem {
    /// Parses the head of a struct, enum, union or function; `None` for any other item.
    pub(crate) fn parse(tokens: TokenStream) -> Option<TypeItem> {
        simple::parse(&tokens).or_else(|| TypeItem::parse_any(tokens))
    }

    fn parse_any(tokens: TokenStream) -> Option<TypeItem> {
        (|input: ParseStream<'_>| {
            let attrs = input.call(Attribute::parse_outer)?;
            let rest = input.cursor().token_stream();
            let vis = input.parse()?;
            if let Ok(signature) = input.fork().parse::<Signature>() {
                skip(input)?;
                return Ok(TypeItem::of_function(attrs, rest, vis, signature));
            }
            let keyword = input.call(Ident::parse_any)?;
            let shape = match keyword.to_string().as_str() {
                "struct" => ItemShape::Struct,
                "enum" => ItemShape::Enum,
                "union" => ItemShape::Union,
                _ => return Err(input.error("no type")),
            };
            let ident = input.parse()?;
            let mut generics: Generics = input.parse()?;
            if input.peek(syn::token::Paren) {
                // The `where` clause of a tuple struct follows its fields.
                input.parse::<TokenTree>()?;
            }
            generics.where_clause = input.parse::<Option<WhereClause>>()?;
            skip(input)?;
            Ok(TypeItem { attrs, rest, vis, shape, keyword, ident, generics })
        })
        .parse2(tokens)
        .ok()
    }

    /// The type that stands for a function: `CacheSweeper` for `cache_sweeper`.
    fn of_function(attrs: Vec<Attribute>, rest: TokenStream, vis: Visibility, signature: Signature) -> TypeItem {
        let keyword = Ident::new("fn", signature.fn_token.span);
        let ident = Ident::new(&name::pascal_case(&signature.ident.to_string()), signature.ident.span());
        let generics = signature.generics.clone();
        TypeItem { attrs, rest, vis, shape: ItemShape::Function(Box::new(signature)), keyword, ident, generics }
    }

    /// Whether it is a type, or a function that can be a service.
    pub(crate) fn may_be_service(&self) -> bool {
        !matches!(&self.shape, ItemShape::Function(signature) if signature.asyncness.is_none())
    }

    /// The item's own name, which for a function is not the type's.
    pub(crate) fn written_name(&self) -> &Ident {
        match &self.shape {
            ItemShape::Function(signature) => &signature.ident,
            _ => &self.ident,
        }
    }

    /// The first lifetime parameter.
    pub(crate) fn first_lifetime(&self) -> Option<&GenericParam> {
        self.generics.params.iter().find(|param| matches!(param, GenericParam::Lifetime(_)))
    }

    /// The type with its own parameters: `Pool<T>`.
    pub(crate) fn self_type(&self) -> TokenStream {
        let (ident, (_, args, _)) = (&self.ident, self.generics.split_for_impl());
        quote!(#ident #args)
    }
}

mod simple;

impl ToTokens for TypeItem {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attr in &self.attrs {
            attr.to_tokens(tokens);
        }
        self.rest.to_tokens(tokens);
    }
}

/// Skips the body, which may be half-written.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// The item in a message: `a function`.
pub(crate) fn describe_item(tokens: &TokenStream) -> &'static str {
    for token in tokens.clone() {
        let TokenTree::Ident(word) = token else { continue };
        return match word.to_string().as_str() {
            "fn" => "a function",
            "impl" => "an impl block",
            "trait" => "a trait",
            "mod" => "a module",
            "union" => "a union",
            "enum" => "an enum",
            "struct" => "a struct",
            "type" => "a type alias",
            "use" => "an import",
            "static" => "a static",
            "macro_rules" => "a macro",
            // In `const fn` and `unsafe impl`, the next word names the item.
            "pub" | "unsafe" | "async" | "const" | "extern" | "crate" => continue,
            _ => "this item",
        };
    }
    "this item"
}

/// The keyword of the item, as the span of an error.
pub(crate) fn item_keyword(tokens: &TokenStream) -> TokenStream {
    let skipped = ["pub", "unsafe", "async", "const", "extern", "crate"];
    tokens
        .clone()
        .into_iter()
        .find(|token| matches!(token, TokenTree::Ident(word) if !skipped.contains(&word.to_string().as_str())))
        .map_or_else(|| tokens.clone(), TokenStream::from)
}

/// The last word of an attribute's path: `watch` of `#[rxd::watch(..)]`.
pub(crate) fn last_segment(path: &Path) -> Option<&Ident> {
    path.segments.last().map(|segment| &segment.ident)
}

/// The tokens between the parentheses of an attribute; otherwise an error, with `form` as its help.
pub(crate) fn attribute_arguments(attr: &Attribute, errors: &mut Errors, form: &str) -> Option<TokenStream> {
    match &attr.meta {
        syn::Meta::List(list) => Some(list.tokens.clone()),
        syn::Meta::Path(path) => {
            errors.report_with_help(
                path,
                format_args!("`#[{}]` is empty", last_segment_text(path)),
                format_args!("write `{form}`"),
            );
            None
        }
        syn::Meta::NameValue(pair) => {
            let name = last_segment_text(&pair.path);
            errors.report_with_help(pair, format_args!("`#[{name}]` takes a list"), format_args!("write `{form}`"));
            None
        }
    }
}

fn last_segment_text(path: &Path) -> String {
    last_segment(path).map(Ident::to_string).unwrap_or_default()
}
