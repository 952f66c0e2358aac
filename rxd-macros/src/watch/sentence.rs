//! Reads the arguments of one watch: `any, entering, Run, "health", then(stop)`.
//!
//! Each word that is missing or wrong is one error, and nothing is reported that only follows from
//! another error.

use super::ast::{WatchAttr, WatchKeyword, WatchSentence, WatchTarget};
use super::misread::{SENTENCE_HELP, report_misread};
use crate::errors::Errors;
use crate::syntax::args::{Arg, ArgList};
use crate::syntax::keys::{self, KeyEntry, KeyTable};
use crate::syntax::name::{self, pascal_case};
use crate::syntax::tables::{AFTER, NEEDS, WATCH};
use crate::syntax::words::{ACTIONS, EFFECTS, MODES, STATES, WordSet, state_ident};
use proc_macro2::Ident;
use quote::ToTokens;
use std::iter::Peekable;
use syn::{Expr, Lit, Type};

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
        lasts: None,
        stream: None,
        value: None,
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
    if args.iter().any(|arg| report_misread(keyword, attr, arg, &args, errors)) {
        return true;
    }
    let (options, words): (Vec<Arg>, Vec<Arg>) =
        args.into_iter().partition(|arg| matches!(arg, Arg::List { .. } | Arg::Value { .. }));
    let mut words = words.into_iter().peekable();
    if keyword == WatchKeyword::Watch {
        watch.sentence = SentenceReader { attr, words: &mut words, is_readable, errors }.read();
    } else {
        report_sentence(attr, &mut words, errors);
    }
    if watch.sentence.is_some() {
        report_second_state(&mut words, errors);
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
        if is_garbled && is_word_of(&arg, &[&MODES, &ACTIONS, &STATES]) {
            continue;
        }
        // `'health'`: the compiler reports it by itself.
        if matches!(&arg, Arg::Lit(lit) if lit.to_token_stream().to_string().chars().count() > 4 && is_character_literal(lit))
        {
            is_understood = false;
            continue;
        }
        watch.targets.extend(read_target(watch.keyword, arg, errors));
    }
    is_understood
}

/// Reads `then(..)`, `within = ..`, `lasts = ..` or `grace = ..`, and `stream(..)`.
fn read_options(watch: &mut WatchAttr, attr: &Ident, args: Vec<Arg>, errors: &mut Errors) {
    let table = watch.keyword.options();
    let always = match watch.keyword {
        WatchKeyword::Watch => None,
        WatchKeyword::Needs => Some("it always holds the service back before Run, and takes it out of Run"),
        WatchKeyword::After => Some("it always holds the service back before Run"),
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
            "lasts" | "grace" => watch.lasts = entry.expect_positive_duration(errors),
            "value" => watch.value = read_value(watch, attr, &entry, errors),
            _ => {
                let word = entry.expect_word_in_parentheses(errors);
                watch.stream = word.and_then(|word| check_function(word, "stream", errors));
            }
        }
        // Reported at the second of the two.
        if matches!(entry.name, "then" | "stream") && watch.effect.is_some() && watch.stream.is_some() {
            errors.report_with_help(
                &entry.key,
                "a watch cannot have both `then` and `stream`",
                "write two watches: one with `then`, one with `stream`",
            );
        }
    }
}

impl WatchKeyword {
    /// The keys that the attribute takes.
    fn options(self) -> &'static KeyTable {
        match self {
            WatchKeyword::Watch => &WATCH,
            WatchKeyword::Needs => &NEEDS,
            WatchKeyword::After => &AFTER,
        }
    }
}

/// Whether the argument is a word of one of the sets.
fn is_word_of(arg: &Arg, sets: &[&WordSet]) -> bool {
    arg.as_ident().is_some_and(|word| sets.iter().any(|set| set.find_variant(word).is_some()))
}

fn is_character_literal(lit: &Lit) -> bool {
    lit.to_token_stream().to_string().starts_with('\'')
}

/// Reports `Stop` in `any, entering, Run, Stop, "health"`. As the last word it may be a type.
fn report_second_state(words: &mut Peekable<impl Iterator<Item = Arg> + Clone>, errors: &mut Errors) {
    if words.clone().count() < 2 {
        return;
    }
    while let Some(word) = words.next_if(|arg| is_word_of(arg, &[&STATES])) {
        errors.report_with_help(
            &word,
            "a watch has one state",
            format_args!(
                "write one `#[watch(..)]` for each, if it is a reaction or a stream; a gate waits for one, such as \
                 `exited, Idle` for Run and what follows; a type is written `self::{}`",
                word.to_token_stream()
            ),
        );
    }
}

/// Reports `any, entering, Run` in an attribute that takes only services.
fn report_sentence(attr: &Ident, words: &mut Peekable<impl Iterator<Item = Arg>>, errors: &mut Errors) {
    if let Some(first) = words.next_if(|arg| is_word_of(arg, &[&MODES, &ACTIONS])) {
        errors.report_with_help(
            first,
            format_args!("`#[{attr}]` takes only services"),
            "for any other condition, write a `#[watch(..)]`",
        );
        while words.next_if(|arg| is_word_of(arg, &[&MODES, &ACTIONS, &STATES])).is_some() {}
    }
}

/// Reads `any, entering, Run`.
struct SentenceReader<'a, I: Iterator<Item = Arg>> {
    /// The name of the attribute, as the span of what is missing at its end.
    attr: &'a Ident,
    words: &'a mut Peekable<I>,
    /// Whether all arguments could be parsed. If not, a missing word may be one of those that could
    /// not.
    is_readable: bool,
    errors: &'a mut Errors,
}

/// The words that follow are ambiguous. The error was reported.
struct UnclearRest;

impl<I: Iterator<Item = Arg>> SentenceReader<'_, I> {
    fn read(mut self) -> Option<WatchSentence> {
        let mode = self.read_mode().ok()?;
        let action = self.read_action().ok()?;
        let state = self.read_state().ok()?;
        Some(WatchSentence { mode: mode?, action: action?, state: state? })
    }

    /// `None` if the mode is missing or unknown, but the action can be read.
    fn read_mode(&mut self) -> Result<Option<Ident>, UnclearRest> {
        let Some(word) = self.next_ident() else {
            if self.skip_quoted(&MODES) {
                return Ok(None);
            }
            self.report_missing("`any` or `all` first");
            return Err(UnclearRest);
        };
        if STATES.find_variant(&word).is_some() {
            self.report_missing("`any` or `all`, and an action before the state");
            return Err(UnclearRest);
        }
        if ACTIONS.find_variant(&word).is_some() {
            self.report_missing("`any` or `all` first");
            return Ok(None);
        }
        self.words.next();
        Ok(MODES.expect_variant(&word, self.errors))
    }

    /// `None` if the action is missing or unknown, but the state can be read.
    fn read_action(&mut self) -> Result<Option<Ident>, UnclearRest> {
        let Some(word) = self.next_ident() else {
            if self.skip_quoted(&ACTIONS) {
                return Ok(None);
            }
            self.report_missing("`entering`, `exited`, `changing` or `not_in`");
            return Err(UnclearRest);
        };
        if STATES.find_variant(&word).is_some() {
            self.report_missing("`entering`, `exited`, `changing` or `not_in` before the state");
            return Ok(None);
        }
        self.words.next();
        Ok(ACTIONS.expect_variant(&word, self.errors))
    }

    /// `None` if the state is missing or unknown, but the targets can be read.
    fn read_state(&mut self) -> Result<Option<Ident>, UnclearRest> {
        let Some(Arg::Path(path)) = self.words.peek() else {
            if !self.skip_quoted(&STATES) {
                self.report_missing("a state");
            }
            return Ok(None);
        };
        let Some(state) = state_ident(path) else {
            self.report_missing("a state");
            self.words.next();
            return Ok(None);
        };
        self.words.next();
        if ACTIONS.find_variant(&state).is_some() {
            self.errors.report_with_help(state, "a watch has one action", "write one `#[watch(..)]` for each");
            return Err(UnclearRest);
        }
        Ok(STATES.expect_variant(&state, self.errors))
    }

    /// The next word, if it is a single one.
    fn next_ident(&mut self) -> Option<Ident> {
        self.words.peek().and_then(Arg::as_ident).cloned()
    }

    /// Reports one of these words in quotes, and skips it; `false` if the next word is not one.
    fn skip_quoted(&mut self, words: &WordSet) -> bool {
        let Some(Arg::Lit(Lit::Str(text))) = self.words.peek() else { return false };
        let word = text.value();
        if words.find_variant_named(&word, text.span()).is_none() {
            return false;
        }
        self.errors.report_with_help(
            text,
            format_args!("the {} `{word}` is in quotes", words.noun),
            format_args!("write `{word}` without quotes"),
        );
        self.words.next();
        true
    }

    /// Reports that something is missing before the next word.
    fn report_missing(&mut self, what: &str) {
        let next = self.words.peek().map_or_else(|| self.attr.to_token_stream(), ToTokens::to_token_stream);
        if self.is_readable {
            self.errors.report_with_help(next, format_args!("expected {what}"), SENTENCE_HELP);
        }
    }
}

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
    if let Some(key) = arg.as_ident().and_then(|word| keyword.options().find_key(word)) {
        let word = arg.to_token_stream();
        errors.report_with_help(&arg, format_args!("`{word}` has no value"), format_args!("write `{}`", key.form));
        return None;
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
            let text = name.value();
            if text.contains(',') {
                let names: Vec<String> = text.split(',').map(|name| format!("{:?}", name.trim())).collect();
                errors.report_with_help(
                    &name,
                    "these are several names in one string",
                    format_args!("write each as a string of its own: `{}`", names.join(", ")),
                );
                return None;
            }
            if text.contains(['*', '?']) {
                errors.report_with_help(
                    &name,
                    "a name is not a pattern",
                    "list the services: `\"worker-0\", \"worker-1\"`",
                );
                return None;
            }
            name::check_name(&name, errors)?;
            Some(WatchTarget::Name(name))
        }
        Arg::Path(path) => Some(WatchTarget::Type(Box::new(path))),
        Arg::Other(Expr::Macro(call)) => {
            errors.report_with_help(
                call,
                "the names in a watch are read before macros are expanded",
                "write the name itself, `\"health\"`, or the service's type",
            );
            None
        }
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

/// Reads `value(name)`, or `value(name, Type)` for a target that is named, of a watch whose targets
/// are read.
fn read_value(watch: &WatchAttr, attr: &Ident, entry: &KeyEntry, errors: &mut Errors) -> Option<(Ident, Box<Type>)> {
    let args = entry.as_list().map(|list| list.args(&mut Errors::default()));
    let (word, written) = match args.as_deref() {
        Some([word, Arg::Path(ty)]) if word.as_ident().is_some() => {
            (word.as_ident().cloned()?, Some(Box::new(ty.clone())))
        }
        _ => (entry.expect_word_in_parentheses(errors)?, None),
    };
    let name = check_function(word, "value", errors)?;
    match (watch.targets.as_slice(), written) {
        ([WatchTarget::Type(ty)], None) => return Some((name, ty.clone())),
        ([WatchTarget::Name(_)], Some(ty)) => return Some((name, ty)),
        ([WatchTarget::Type(_)], Some(ty)) => errors.report_with_help(
            &ty,
            "the service is named by its type already",
            format_args!("write `value({name})`"),
        ),
        ([WatchTarget::Name(service)], None) => {
            let ty = pascal_case(&service.value().replace('-', "_"));
            errors.report_with_help(
                service,
                "the type of the value is known by the service's type, not by its name",
                format_args!(
                    "write `#[{attr}({ty}, value({name}))]`, or `value({name}, {ty})`, with the service's type"
                ),
            );
        }
        ([], _) => {}
        (several, _) => errors.report_with_help(
            &entry.key,
            format_args!("`value` is of one service, and this `#[{attr}]` names {}", several.len()),
            format_args!("write a `#[{attr}(..)]` for each"),
        ),
    }
    None
}

/// Checks the name of a function of the service: that of a stream or of a value.
fn check_function(word: Ident, what: &str, errors: &mut Errors) -> Option<Ident> {
    if METHODS_OF_RUNNER.iter().any(|method| word == method) {
        let other = if what == "stream" { "events" } else { what };
        errors.report_with_help(
            &word,
            format_args!("a {what} cannot be called like the method `{word}` of `Runner`"),
            format_args!("give it another name: `{what}({word}_{other})`"),
        );
        return None;
    }
    if syn::parse2::<Ident>(word.to_token_stream()).is_err() {
        errors.report_with_help(
            &word,
            format_args!("`{word}` cannot be the name of a function"),
            format_args!("give the {what} another name"),
        );
        return None;
    }
    Some(word)
}

/// A function of the same name would hide the method in calls of the type's own code.
const METHODS_OF_RUNNER: [&str; 5] = ["init", "idle", "run", "stop", "reload"];
