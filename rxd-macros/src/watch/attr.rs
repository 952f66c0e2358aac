//! What was written: the watches among the attributes of an item.

use super::ast::{WatchAttr, WatchKeyword};
use super::sentence;
use crate::errors::Errors;
use crate::syntax::args::{Arg, ArgList};
use crate::syntax::item::{attribute_arguments, last_segment};
use proc_macro2::Ident;
use syn::Attribute;

/// Takes the watches that were written before `#[rxd::service]` out of its arguments, where
/// `service::watch_before` has put them.
pub(crate) fn take_before_service(args: &mut Vec<Arg>) -> Vec<WatchAttr> {
    let mut watches = Vec::new();
    args.retain(|arg| {
        let Arg::List { key, list, .. } = arg else { return true };
        let Some(keyword) = WatchKeyword::of_word_before_service(key) else { return true };
        let word = Ident::new(keyword.word(), key.span());
        watches.push(sentence::read(keyword, &word, list.clone()));
        false
    });
    watches
}

/// Takes the watches that were written after `#[rxd::service]` out of the attributes of the item,
/// in order.
pub(crate) fn take_after_service(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Vec<WatchAttr> {
    let mut watches = Vec::new();
    attrs.retain(|attr| {
        let Some(keyword) = WatchKeyword::of(attr) else { return true };
        let tokens = attribute_arguments(attr, errors, keyword.example());
        if let (Some(tokens), Some(word)) = (tokens, last_segment(attr.path())) {
            watches.push(sentence::read(keyword, word, ArgList::parse(tokens)));
        }
        false
    });
    watches
}
