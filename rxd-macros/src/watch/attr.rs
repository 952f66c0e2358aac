//! What was written: which attributes of an item are watches, and what they hold.

use super::ast::Keyword;
use crate::errors::Errors;
use crate::syntax::args::{Arg, ArgList};
use crate::syntax::item::{arguments, last_word};
use proc_macro2::Ident;
use syn::Attribute;

/// One attribute, as written.
pub(crate) struct Written {
    pub(crate) keyword: Keyword,
    /// The `watch` of `#[watch(..)]`.
    pub(crate) word: Ident,
    /// What stands between the parentheses.
    pub(crate) list: ArgList,
    pub(crate) args: Vec<Arg>,
}

impl Written {
    fn read(keyword: Keyword, word: Ident, list: ArgList, errors: &mut Errors) -> Self {
        let args = list.args(errors);
        Written { keyword, word, list, args }
    }
}

/// Takes the watches out of the arguments of `#[rxd::service]`: those that stand above it.
pub(crate) fn above(args: &mut Vec<Arg>, errors: &mut Errors) -> Vec<Written> {
    let mut written = Vec::new();
    args.retain(|arg| {
        let Arg::List { key, list, .. } = arg else { return true };
        let Some(keyword) = Keyword::of_above(key) else { return true };
        let word = Ident::new(keyword.word(), key.span());
        written.push(Written::read(keyword, word, list.clone(), errors));
        false
    });
    written
}

/// Takes the watches out of `attrs`, in the order they are written.
pub(crate) fn below(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Vec<Written> {
    let mut written = Vec::new();
    attrs.retain(|attr| {
        let Some(keyword) = Keyword::of(attr) else { return true };
        let tokens = arguments(attr, errors, keyword.form());
        if let (Some(tokens), Some(word)) = (tokens, last_word(attr.path())) {
            written.push(Written::read(keyword, word.clone(), ArgList::parse(tokens), errors));
        }
        false
    });
    written
}
