//! Lists of words, literals, `key = literal` and `key(list)`: most lists are such. They are read without
//! a parser of `syn`, which in a debug build takes most of the time of an expansion.

use super::{Arg, ArgList, ArgSlot};
use proc_macro2::{Delimiter, Ident, Literal, TokenStream, TokenTree};
use syn::{Expr, ExprLit, Lit, Path, Type, TypePath};

/// The slots of such a list; `None` if anything else is in it.
pub(super) fn slots(tokens: &TokenStream) -> Option<Vec<ArgSlot>> {
    let mut slots = Vec::new();
    let mut slot = Vec::new();
    for token in tokens.clone() {
        match &token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => slots.push(read_slot(std::mem::take(&mut slot))?),
            _ => slot.push(token),
        }
    }
    if !slot.is_empty() {
        slots.push(read_slot(slot)?);
    } else if !slots.is_empty() {
        // What follows a trailing comma.
        slots.push(ArgSlot { tokens: slot, arg: None });
    }
    Some(slots)
}

fn read_slot(tokens: Vec<TokenTree>) -> Option<ArgSlot> {
    let arg = match tokens.as_slice() {
        [TokenTree::Literal(literal)] => Arg::Lit(read_literal(literal)?),
        [TokenTree::Ident(word)] if is_plain(word) => {
            Arg::Path(Type::Path(TypePath { attrs: Vec::new(), qself: None, path: Path::from(word.clone()) }))
        }
        [TokenTree::Ident(key), TokenTree::Punct(equals), TokenTree::Literal(value)]
            if equals.as_char() == '=' && is_plain(key) =>
        {
            let lit = read_literal(value)?;
            Arg::Value { key: key.clone(), value: Expr::Lit(ExprLit { attrs: Vec::new(), lit }) }
        }
        [TokenTree::Ident(key), TokenTree::Group(group)]
            if group.delimiter() == Delimiter::Parenthesis && is_plain(key) =>
        {
            Arg::List { key: key.clone(), group: group.clone(), list: ArgList::parse(group.stream()) }
        }
        _ => return None,
    };
    Some(ArgSlot { tokens, arg: Some(arg) })
}

/// A string or a number: of others `syn` knows more than this module.
fn read_literal(literal: &Literal) -> Option<Lit> {
    let lit = Lit::new(literal.clone());
    matches!(lit, Lit::Str(_) | Lit::Int(_)).then_some(lit)
}

/// Whether this word has no meaning in Rust.
fn is_plain(word: &Ident) -> bool {
    const KEYWORDS: [&str; 53] = [
        "_", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
        "else", "enum", "extern", "false", "final", "fn", "for", "if", "impl", "in", "let", "loop", "macro", "match",
        "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "Self", "self", "static", "struct", "super",
        "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
        "gen",
    ];
    let word = word.to_string();
    !KEYWORDS.contains(&&*word)
}
