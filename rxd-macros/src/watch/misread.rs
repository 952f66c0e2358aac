//! Watches that were meant in another form: with keys, in parentheses, with alternatives.

use super::ast::WatchKeyword;
use crate::errors::Errors;
use crate::syntax::args::Arg;
use crate::syntax::keys::literal_string;
use crate::syntax::tables::WATCH;
use crate::syntax::words::{ACTIONS, MODES};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Lit, LitStr};

/// Help: the form of a sentence.
pub(super) const SENTENCE_HELP: &str = "a watch has the form `any, entering, Run, \"service\"`";

/// Reports an argument that shows that the whole attribute was meant in another form; otherwise
/// `false`. Nothing else is reported then.
pub(super) fn report_misread(keyword: WatchKeyword, attr: &Ident, arg: &Arg, all: &[Arg], errors: &mut Errors) -> bool {
    let (Arg::List { key, .. } | Arg::Value { key, .. }) = arg else { return false };
    let is_mode = MODES.find_variant(key).is_some();
    let is_word = is_mode || ACTIONS.find_variant(key).is_some();
    match (keyword, arg) {
        // `any(entering, Run)`
        (WatchKeyword::Watch, Arg::List { .. }) if is_word => {
            errors.report_with_help(key, format_args!("`{key}` takes no parentheses"), SENTENCE_HELP);
        }
        // `entering = Run`
        (WatchKeyword::Watch, Arg::Value { value, .. }) if is_word => {
            errors.report_with_help(
                key,
                format_args!("`{key}` takes no value"),
                format_args!("write `{key}, {}`", value.to_token_stream()),
            );
        }
        // `mode = any, action = entering`
        (WatchKeyword::Watch, Arg::Value { .. }) if SENTENCE_KEYS.iter().any(|other| key == other) => {
            errors.report_with_help(
                key,
                "a watch is a sentence, and its words have no keys",
                format_args!("write `{}`", meant_sentence(all)),
            );
        }
        // `needs(any("db", "cache"))`
        (WatchKeyword::Needs | WatchKeyword::After, Arg::List { .. }) if is_mode => {
            errors.report_with_help(
                key,
                format_args!("`#[{attr}]` is about all of its services"),
                match key == "all" {
                    true => "write the services without `all`: `\"db\", \"cache\"`",
                    false => "for one of several, write `#[watch(any, entering, Run, \"db\", \"cache\")]`",
                },
            );
        }
        _ => return false,
    }
    true
}

/// What the words of a sentence are called.
const SENTENCE_KEYS: [&str; 3] = ["mode", "action", "state"];

/// The sentence that was written with keys, with an example for each word that was not.
fn meant_sentence(args: &[Arg]) -> String {
    let value = |wanted: &str| {
        args.iter().find_map(|arg| match arg {
            Arg::Value { key, value } if key == wanted => Some(value.to_token_stream().to_string().replace('"', "")),
            _ => None,
        })
    };
    let target = args.iter().find_map(|arg| match arg {
        Arg::Value { key, value } if WATCH.find_key(key).is_none() => literal_string(value).map(LitStr::value),
        Arg::Lit(Lit::Str(name)) => Some(name.value()),
        _ => None,
    });
    let [mode, action, state] = SENTENCE_KEYS.map(value);
    format!(
        "{}, {}, {}, {:?}",
        mode.as_deref().unwrap_or("any"),
        action.as_deref().unwrap_or("entering"),
        state.as_deref().unwrap_or("Run"),
        target.as_deref().unwrap_or("service"),
    )
}
