//! Reads the arguments of one watch: `any, entering, Run, "health", then(stop)`.
//!
//! Each word that is missing or wrong is one error, and nothing is reported that only follows from
//! another error.

use super::ast::{WatchAttr, WatchKeyword, WatchSentence, WatchTarget};
use crate::errors::Errors;
use crate::syntax::args::{Arg, ArgList};
use crate::syntax::keys;
use crate::syntax::name;
use crate::syntax::tables::{SHORT, WATCH};
use crate::syntax::words::{self, ACTIONS, EFFECTS, MODES, STATES, state_ident};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Lit, Type};

/// Help: the form of a sentence.
const READS: &str = "a watch has the form `any, entering, Run, \"service\"`";

/// Reads one attribute, as far as it is understood.
pub(super) fn read(keyword: WatchKeyword, attr: &Ident, list: ArgList) -> WatchAttr {
    let mut errors = Errors::default();
    let args = list.args(&mut errors);
    let is_readable = errors.is_empty();
    let mut watch = WatchAttr {
        keyword,
        list,
        sentence: None,
        targets: Vec::new(),
        effect: None,
        within: None,
        stream: None,
        faults: Errors::default(),
        is_broken: false,
    };
    let is_understood = fill_in(&mut watch, attr, args, is_readable, &mut errors);
    watch.is_broken = !is_understood || !errors.is_empty();
    watch.faults = errors;
    watch
}

/// Fills the watch in from its arguments. `false` if the compiler rejects one of them by itself.
fn fill_in(watch: &mut WatchAttr, attr: &Ident, args: Vec<Arg>, is_readable: bool, errors: &mut Errors) -> bool {
    let (keyword, before) = (watch.keyword, errors.len());
    if args.is_empty() && is_readable {
        errors.report_with_help(
            attr,
            format_args!("`#[{attr}]` is empty"),
            format_args!("write `{}`", keyword.example()),
        );
        return true;
    }
    for arg in &args {
        // For example `any(entering, Run)`.
        let Arg::List { key, .. } = arg else { continue };
        if keyword == WatchKeyword::Watch && (MODES.find_variant(key).is_some() || ACTIONS.find_variant(key).is_some())
        {
            errors.report_with_help(key, format_args!("`{key}` takes no parentheses"), READS);
            return true;
        }
    }
    let (options, words): (Vec<Arg>, Vec<Arg>) =
        args.into_iter().partition(|arg| matches!(arg, Arg::List { .. } | Arg::Value { .. }));
    let mut words = words.into_iter().peekable();
    if keyword == WatchKeyword::Watch {
        watch.sentence = read_sentence(attr, &mut words, is_readable, errors);
    } else {
        report_sentence(attr, &mut words, errors);
    }
    let is_understood = read_targets(watch, words, errors.len() != before, errors);
    read_options(watch, attr, options, errors);
    if watch.targets.is_empty() && is_understood && errors.len() == before && is_readable {
        errors.report_with_help(
            attr,
            format_args!("this `#[{attr}]` names no service"),
            format_args!("write `{}`", keyword.example()),
        );
    }
    is_understood
}

/// Reads the targets. `false` if the compiler rejects one of them by itself.
fn read_targets(
    watch: &mut WatchAttr,
    words: impl Iterator<Item = Arg>,
    is_garbled: bool,
    errors: &mut Errors,
) -> bool {
    let mut is_understood = true;
    for arg in words {
        // If the sentence was not understood, its remaining words are not targets.
        if is_garbled && is_word(&arg, &[&MODES, &ACTIONS, &STATES]) {
            continue;
        }
        // `'health'`: the compiler reports it by itself.
        if matches!(&arg, Arg::Lit(lit) if lit.to_token_stream().to_string().chars().count() > 4 && is_char(lit)) {
            is_understood = false;
            continue;
        }
        watch.targets.extend(read_target(watch.keyword, arg, errors));
    }
    is_understood
}

/// Reads `then(..)`, `within = ..` and `stream(..)`.
fn read_options(watch: &mut WatchAttr, attr: &Ident, args: Vec<Arg>, errors: &mut Errors) {
    let (table, always) = match watch.keyword {
        WatchKeyword::Watch => (&WATCH, None),
        WatchKeyword::Needs => (&SHORT, Some("it always holds the service back before Run, and takes it out of Run")),
        WatchKeyword::After => (&SHORT, Some("it always holds the service back before Run")),
    };
    let mut known = Vec::new();
    for arg in args {
        match (&arg, always) {
            (Arg::List { key, .. } | Arg::Value { key, .. }, Some(always)) if key == "then" || key == "stream" => {
                errors.report_with_help(
                    &arg,
                    format_args!("`#[{attr}]` does not take `{key}`: {always}"),
                    "for any other reaction, write a `#[watch(..)]`",
                );
            }
            _ => known.push(arg),
        }
    }
    for entry in keys::read_entries(known, table, errors) {
        match entry.name {
            "then" => watch.effect = entry.expect_word(&EFFECTS, errors),
            "within" => watch.within = entry.expect_positive_duration(errors),
            _ => watch.stream = read_stream(&entry, errors),
        }
        // Reported at the second of the two.
        if entry.name != "within" && watch.effect.is_some() && watch.stream.is_some() {
            errors.report_with_help(
                &entry.key,
                "a watch cannot have both `then` and `stream`",
                "write two watches: one with `then`, one with `stream`",
            );
        }
    }
}

fn is_word(arg: &Arg, all: &[&words::WordSet]) -> bool {
    arg.as_ident().is_some_and(|word| all.iter().any(|all| all.find_variant(word).is_some()))
}

fn is_char(lit: &Lit) -> bool {
    lit.to_token_stream().to_string().starts_with('\'')
}

/// Reports `any, entering, Run` in an attribute that takes only services.
fn report_sentence(attr: &Ident, words: &mut PeekableArgs<impl Iterator<Item = Arg>>, errors: &mut Errors) {
    if let Some(first) = words.next_if(|arg| is_word(arg, &[&MODES, &ACTIONS])) {
        errors.report_with_help(
            first,
            format_args!("`#[{attr}]` takes only services"),
            "for any other condition, write a `#[watch(..)]`",
        );
        while words.next_if(|arg| is_word(arg, &[&MODES, &ACTIONS, &STATES])).is_some() {}
    }
}

/// Reads `any, entering, Run`. A missing word is reported only if all arguments could be parsed: it
/// may be one of those that could not.
fn read_sentence(
    attr: &Ident,
    words: &mut PeekableArgs<impl Iterator<Item = Arg>>,
    is_readable: bool,
    errors: &mut Errors,
) -> Option<WatchSentence> {
    let missing = |errors: &mut Errors, at: Option<&Arg>, what: &str| {
        let at = at.map_or_else(|| attr.to_token_stream(), ToTokens::to_token_stream);
        if is_readable {
            errors.report_with_help(at, format_args!("expected {what}"), READS);
        }
    };
    let mode = match words.peek().and_then(as_ident) {
        None if report_quoted(&MODES, words.peek(), errors) => {
            words.next();
            None
        }
        Some(word) if STATES.find_variant(&word).is_some() => {
            missing(errors, words.peek(), "`any` or `all`, and an action before the state");
            return None;
        }
        // An action, so the mode is missing.
        Some(word) if ACTIONS.find_variant(&word).is_some() || STATES.find_variant(&word).is_some() => {
            missing(errors, words.peek(), "`any` or `all` first");
            None
        }
        Some(word) => {
            words.next();
            MODES.expect_variant(&word, errors)
        }
        None => {
            missing(errors, words.peek(), "`any` or `all` first");
            return None;
        }
    };
    let action = match words.peek().and_then(as_ident) {
        None if report_quoted(&ACTIONS, words.peek(), errors) => {
            words.next();
            None
        }
        Some(word) if STATES.find_variant(&word).is_some() => {
            missing(errors, words.peek(), "`entering`, `exited`, `changing` or `not_in` before the state");
            None
        }
        Some(word) => {
            words.next();
            ACTIONS.expect_variant(&word, errors)
        }
        None => {
            missing(errors, words.peek(), "`entering`, `exited`, `changing` or `not_in`");
            return None;
        }
    };
    let state = match words.peek() {
        Some(Arg::Path(path)) => match state_ident(path) {
            Some(state) => {
                words.next();
                if ACTIONS.find_variant(&state).is_some() {
                    errors.report_with_help(state, "a watch has one action", "write one `#[watch(..)]` for each");
                    return None;
                }
                STATES.expect_variant(&state, errors)
            }
            None => {
                missing(errors, words.peek(), "a state");
                words.next();
                None
            }
        },
        other if report_quoted(&STATES, other, errors) => {
            words.next();
            None
        }
        other => {
            missing(errors, other, "a state");
            None
        }
    };
    Some(WatchSentence { mode: mode?, action: action?, state: state? })
}

/// Reports one of these words in quotes; `true` if it is one.
fn report_quoted(all: &words::WordSet, arg: Option<&Arg>, errors: &mut Errors) -> bool {
    let Some(Arg::Lit(Lit::Str(text))) = arg else { return false };
    let known = all.find_variant_named(&text.value(), text.span()).is_some();
    if known {
        let word = text.value();
        errors.report_with_help(
            text,
            format_args!("the {} `{word}` is in quotes", all.noun),
            format_args!("write `{word}` without quotes"),
        );
    }
    known
}

fn as_ident(arg: &Arg) -> Option<Ident> {
    arg.as_ident().cloned()
}

type PeekableArgs<I> = std::iter::Peekable<I>;

/// Reads one target: a name or a type.
fn read_target(keyword: WatchKeyword, arg: Arg, errors: &mut Errors) -> Option<WatchTarget> {
    if let Some(word) = arg.as_ident() {
        if keyword == WatchKeyword::Watch && EFFECTS.find_variant(word).is_some() {
            errors.report_with_help(
                word,
                format_args!("`{word}` is not a service"),
                format_args!("write `then({word})`, or `\"{word}\"` if a service has that name"),
            );
            return None;
        }
    }
    if let Some(word) = lower_case_segment(&arg) {
        errors.report_with_help(
            &arg,
            format_args!("`{}` is neither a name nor a type", arg.to_token_stream().to_string().replace(' ', "")),
            format_args!("write the service's name as a string, `\"{word}\"`, or its type"),
        );
        return None;
    }
    match arg {
        Arg::Lit(Lit::Str(name)) => {
            name::check_name(&name, errors)?;
            Some(WatchTarget::Name(name))
        }
        Arg::Path(path) => Some(WatchTarget::Type(Box::new(path))),
        other => {
            errors.report_with_help(other, "expected a service", "write its name, `\"health\"`, or its type");
            None
        }
    }
}

/// The last segment of a path, if it is lower case: no type has such a name.
fn lower_case_segment(arg: &Arg) -> Option<&Ident> {
    let Arg::Path(Type::Path(path)) = arg else { return None };
    let last = path.path.segments.last()?;
    let lower = last.arguments.is_none() && last.ident.to_string().starts_with(|letter: char| letter.is_lowercase());
    lower.then_some(&last.ident)
}

/// Reads `stream(name)`.
fn read_stream(entry: &keys::KeyEntry, errors: &mut Errors) -> Option<Ident> {
    let word = entry.expect_word_in_parentheses(errors)?;
    if syn::parse2::<Ident>(word.to_token_stream()).is_err() {
        errors.report_with_help(
            &word,
            format_args!("`{word}` cannot be the name of a function"),
            "give the stream another name",
        );
        return None;
    }
    Some(word)
}
