//! Structs and enums without parameters, and attributes of the form `#[word(..)]`: most services are
//! such. They are read without a parser of `syn`, which would also read the bodies.

use super::{ItemShape, TypeItem};
use proc_macro2::{Delimiter, Group, Ident, Punct, TokenStream, TokenTree};
use syn::parse::Parser as _;
use syn::{AttrStyle, Attribute, Generics, MacroDelimiter, Meta, MetaList, Path, Token, Visibility, token};

/// The head of such an item; `None` of any other.
pub(super) fn parse(tokens: &TokenStream) -> Option<TypeItem> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut rest = tokens.as_slice();
    let mut attrs = Vec::new();
    while let [TokenTree::Punct(pound), TokenTree::Group(group), after @ ..] = rest {
        attrs.push(read_attribute(pound, group)?);
        rest = after;
    }
    let item: TokenStream = rest.iter().cloned().collect();
    let vis = match rest {
        [TokenTree::Ident(word), after @ ..] if word == "pub" && !matches!(after, [TokenTree::Group(_), ..]) => {
            rest = after;
            Visibility::Public(Token![pub](word.span()))
        }
        _ => Visibility::Inherited,
    };
    let [TokenTree::Ident(keyword), TokenTree::Ident(ident), body @ ..] = rest else { return None };
    let shape = match keyword.to_string().as_str() {
        "struct" => ItemShape::Struct,
        "enum" => ItemShape::Enum,
        _ => return None,
    };
    let is_simple = match body {
        [TokenTree::Group(body)] => body.delimiter() == Delimiter::Brace,
        [TokenTree::Punct(_)] => true,
        [TokenTree::Group(body), TokenTree::Punct(_)] => body.delimiter() == Delimiter::Parenthesis,
        _ => false,
    };
    let (keyword, ident) = (keyword.clone(), ident.clone());
    is_simple.then(|| TypeItem { attrs, rest: item, vis, shape, keyword, ident, generics: Generics::default() })
}

/// Reads `#[group]`.
fn read_attribute(pound: &Punct, group: &Group) -> Option<Attribute> {
    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
    if let [TokenTree::Ident(word), TokenTree::Group(list)] = inner.as_slice() {
        if is_plain_list(word, list) {
            let meta = Meta::List(MetaList {
                path: Path::from(word.clone()),
                delimiter: MacroDelimiter::Paren(token::Paren { span: list.delim_span() }),
                tokens: list.stream(),
            });
            return Some(Attribute {
                pound_token: Token![#](pound.span()),
                style: AttrStyle::Outer,
                bracket_token: token::Bracket { span: group.delim_span() },
                meta,
            });
        }
    }
    let tokens = TokenStream::from_iter([TokenTree::from(pound.clone()), group.clone().into()]);
    Attribute::parse_outer.parse2(tokens).ok()?.pop()
}

fn is_plain_list(word: &Ident, list: &Group) -> bool {
    list.delimiter() == Delimiter::Parenthesis && word != "unsafe"
}
