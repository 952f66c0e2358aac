//! What was written: which attributes of an item are watches, and what they hold.

use super::ast::Keyword;
use crate::errors::Errors;
use crate::syntax::args::{self, Arg};
use crate::syntax::item::{arguments, last_word};
use proc_macro2::{Ident, TokenStream};
use syn::Attribute;

/// One attribute, as written.
pub(crate) struct Written {
    pub(crate) keyword: Keyword,
    /// The `watch` of `#[watch(..)]`.
    pub(crate) word: Ident,
    pub(crate) args: Vec<Arg>,
    /// Whether some of them could not be read.
    pub(crate) broken: bool,
    /// All that stands between the parentheses.
    pub(crate) tokens: TokenStream,
}

impl Written {
    fn read(keyword: Keyword, word: Ident, tokens: TokenStream, errors: &mut Errors) -> Self {
        let before = errors.len();
        let args = args::parse(tokens.clone(), errors);
        let broken = errors.len() != before;
        Written { keyword, word, args, broken, tokens }
    }
}

/// Takes the watches out of the arguments of `#[rxd::service]`: those that stand above it.
pub(crate) fn above(args: &mut Vec<Arg>, errors: &mut Errors) -> Vec<Written> {
    let mut written = Vec::new();
    args.retain(|arg| {
        let Arg::List { key, group } = arg else { return true };
        let keywords = [Keyword::Watch, Keyword::Needs, Keyword::After];
        let Some(keyword) = keywords.into_iter().find(|keyword| key == keyword.above()) else { return true };
        let word = Ident::new(keyword.word(), key.span());
        written.push(Written::read(keyword, word, group.stream(), errors));
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
            written.push(Written::read(keyword, word.clone(), tokens, errors));
        }
        false
    });
    written
}
