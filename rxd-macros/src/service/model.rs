//! What is valid.

use super::attr::{BACKOFF, RESTARTS, STATES, Written};
use crate::errors::Errors;
use crate::runtime::Runtime;
use crate::syntax::duration::Time;
use crate::syntax::item::Item;
use crate::syntax::keys::{self, Entry, Number};
use crate::syntax::words::{MANAGERS, ON_FAILURE};
use crate::syntax::{args, name, near};
use crate::watch::model::{Edges, Owner};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::Type;

/// One valid service.
pub(crate) struct Service {
    pub(crate) runtime: Runtime,
    pub(crate) name: String,
    /// Where the name is written: the literal, or the type's ident.
    pub(crate) name_at: TokenStream,
    pub(crate) manager: Option<Manager>,
    pub(crate) options: Vec<Setter>,
    pub(crate) edges: Edges,
}

/// What decides where the service goes next.
pub(crate) enum Manager {
    /// One of rxd's own.
    BuiltIn(Ident),
    /// The user's.
    Path(Box<Type>),
}

/// One setter of `Options`.
pub(crate) enum Setter {
    /// `.delay(time)`, by the setter's name.
    Time(&'static str, Time),
    /// `.delay_of(State::Run, time)`, by the setter's name.
    TimeOf(&'static str, Ident, Time),
    /// `.backoff(..)`, by the setters of `Backoff`.
    Backoff(Vec<(&'static str, TokenStream)>),
    /// `.restarts(max, within)`
    Restarts(Number, Time),
    /// `.on_failure(..)`
    OnFailure(Ident),
}

/// Checks all that was written; what is invalid is reported and left out.
pub(crate) fn check(written: Written, item: &Item, errors: &mut Errors) -> Service {
    let mut service = Service {
        runtime: Runtime::default(),
        name: name::kebab(&item.ident.to_string()),
        name_at: item.ident.to_token_stream(),
        manager: None,
        options: Vec::new(),
        edges: Edges::default(),
    };
    let mut named = false;
    for entry in &written.entries {
        let options = &mut service.options;
        match entry.name {
            "name" => {
                named = true;
                if let Some(lit) = entry.string(errors) {
                    service.name_at = lit.to_token_stream();
                    service.name = name::checked(&lit, errors).unwrap_or(service.name);
                }
            }
            "manager" => service.manager = manager(entry, errors),
            "startup_delay" => options.extend(entry.time(errors).map(|time| Setter::Time("startup_delay", time))),
            "delay" => options.extend(entry.time(errors).map(|time| Setter::Time("delay", time))),
            "delays" => times(entry, "delay_of", Entry::time, options, errors),
            "timeouts" => times(entry, "timeout_of", Entry::positive, options, errors),
            "backoff" => options.extend(backoff(entry, errors)),
            "restarts" => options.extend(restarts(entry, errors)),
            "on_failure" => options.extend(entry.word(&ON_FAILURE, errors).map(Setter::OnFailure)),
            "heartbeat" => options.extend(entry.positive(errors).map(|time| Setter::Time("heartbeat", time))),
            _ => service.runtime = Runtime::from_entry(entry, errors).unwrap_or_default(),
        }
    }
    // `delay` is for all states, `delays` for some: the wider is set first, in whatever order they stand.
    service.options.sort_by_key(|setter| matches!(setter, Setter::TimeOf(..)));
    if !named {
        if let Some((what, _)) = name::fault(&service.name) {
            errors.help(
                &item.ident,
                format_args!("`{}` cannot be the service's name: {what}", service.name),
                "write `#[rxd::service(name = \"my-service\")]`",
            );
        }
    }
    let owner = Owner { name: &service.name, ident: &item.ident };
    service.edges = Edges::check(written.watches, &owner, errors);
    service
}

fn manager(entry: &Entry, errors: &mut Errors) -> Option<Manager> {
    let Some(group) = entry.as_list() else {
        let Some(text) = entry.as_string() else {
            entry.not_in_parentheses("a string, or a path in parentheses", errors);
            return None;
        };
        if let Some(found) = MANAGERS.find(&text.value(), text.span()) {
            return Some(Manager::BuiltIn(found));
        }
        match text.parse::<syn::Path>() {
            Ok(path) if path.segments.len() > 1 || starts_upper(&text.value()) => {
                let written = text.value();
                let meant = near::nearest(&written, MANAGERS.names());
                let meant = meant.map_or_else(String::new, |word| format!("did you mean `{word}`? "));
                errors.help(
                    text,
                    format_args!("`{written}` is no manager of rxd's own"),
                    format_args!("{meant}one of yours is written as a path: `manager({written})`"),
                );
            }
            _ => errors.help(text, MANAGERS.unknown(&text.value()), MANAGERS.help(&text.value())),
        }
        // What was probably meant, so that those who wait for its end are not told as well.
        let meant = near::nearest(&text.value(), MANAGERS.names())?;
        return MANAGERS.find(meant, text.span()).map(Manager::BuiltIn);
    };
    let before = errors.len();
    let list = args::parse(group.stream(), errors);
    match list.as_slice() {
        // Words in lower case are rxd's own; a wrong one is the compiler's to report, at this token.
        [arg] => match (arg.as_ident(), arg) {
            (Some(word), _) if !starts_upper(&word.to_string()) => Some(Manager::BuiltIn(word.clone())),
            (_, args::Arg::Path(path)) => Some(Manager::Path(Box::new(path.clone()))),
            _ => {
                entry.wrong("one manager", errors);
                None
            }
        },
        _ => {
            if errors.len() == before {
                entry.wrong("one manager", errors);
            }
            None
        }
    }
}

fn starts_upper(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

type ReadTime = fn(&Entry, &mut Errors) -> Option<Time>;

/// `delays(Run = "1s", ..)`
fn times(entry: &Entry, setter: &'static str, read: ReadTime, options: &mut Vec<Setter>, errors: &mut Errors) {
    let Some(mut list) = entry.list(errors) else { return };
    // `Exit` and `Unknown` are states; they just have no method to wait for.
    list.retain(|arg| {
        let key = match arg {
            args::Arg::Value { key, .. } | args::Arg::List { key, .. } => Some(key),
            other => other.as_ident(),
        };
        let Some(key) = key.filter(|key| *key == "Exit" || *key == "Unknown") else { return true };
        errors.help(
            key,
            format_args!("`{key}` has no method, and so none of the `{}`", entry.key),
            "it is one of `Init`, `Idle`, `Run`, `Stop`",
        );
        false
    });
    for state in keys::read(list, &STATES, errors) {
        if let Some(time) = read(&state, errors) {
            options.push(Setter::TimeOf(setter, state.key, time));
        }
    }
}

fn backoff(entry: &Entry, errors: &mut Errors) -> Option<Setter> {
    let list = entry.list(errors)?;
    let mut setters = Vec::new();
    let (mut base, mut max) = (None, None);
    for knob in keys::read(list, &BACKOFF, errors) {
        let value = match knob.name {
            "factor" => knob.number("f64", 1.0..=f64::INFINITY, errors).map(|number| number.float()),
            "jitter" => knob.number("f64", 0.0..=1.0, errors).map(|number| number.float()),
            "reset" => knob.positive(errors).map(|time| time.to_token_stream()),
            which => {
                let time = knob.time(errors);
                let value = time.as_ref().map(ToTokens::to_token_stream);
                *if which == "base" { &mut base } else { &mut max } = time;
                value
            }
        };
        setters.extend(value.map(|value| (knob.name, value)));
    }
    if let (Some(base), Some(max)) = (&base, &max) {
        if let (Some(least), Some(most)) = (base.fixed(), max.fixed()) {
            if least > most {
                errors.help(
                    max.written(),
                    "`max` is shorter than `base`",
                    "the first delay is `base`, the longest `max`: swap them, or make `max` longer",
                );
            }
        }
    }
    Some(Setter::Backoff(setters))
}

fn restarts(entry: &Entry, errors: &mut Errors) -> Option<Setter> {
    let before = errors.len();
    let (mut max, mut within) = (None, None);
    for part in keys::read(entry.list(errors)?, &RESTARTS, errors) {
        match part.name {
            "max" => max = part.number("u32", 0.0..=f64::from(u32::MAX), errors),
            _ => within = part.positive(errors),
        }
    }
    if errors.len() == before {
        let missing = match (&max, &within) {
            (Some(_), None) => Some("within"),
            (None, _) => Some("max"),
            _ => None,
        };
        if let Some(missing) = missing {
            errors.help(
                &entry.key,
                format_args!("`restarts` has no `{missing}`"),
                "write `restarts(max = 5, within = \"1m\")`",
            );
        }
    }
    Some(Setter::Restarts(max?, within?))
}
