//! What is valid: the name, the manager, the options and the watches of a service.

use super::attr::ServiceAttrs;
use super::kind::ServiceKind;
use super::recurrence::{self, RecurrenceModel};
use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::syntax::args::{Arg, ArgList};
use crate::syntax::duration::DurationValue;
use crate::syntax::item::{ItemShape, TypeItem};
use crate::syntax::keys::{self, KeyEntry, literal_string};
use crate::syntax::number::NumberValue;
use crate::syntax::tables::{BACKOFF, RESTARTS, STATES};
use crate::syntax::words::{MANAGERS, ON_FAILURE, READINESS};
use crate::syntax::{name, near};
use crate::watch::ast::WatchKeyword;
use crate::watch::model::{ServiceWatches, WatchOwner};
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use std::time::Duration;
use syn::{Type, TypePath, TypeReference, parse_quote};

/// One valid service.
pub(crate) struct ServiceModel {
    pub(crate) kind: ServiceKind,
    pub(crate) name: String,
    /// The span of the name: the literal, or the ident of the type.
    pub(crate) name_at: Span,
    pub(crate) group: Option<String>,
    pub(crate) manager: Option<ManagerChoice>,
    pub(crate) options: Vec<OptionSetter>,
    /// The options whose values only the compiler can evaluate, and has to check.
    pub(crate) unchecked: Vec<UncheckedOption>,
    /// The word of an `on_failure` of which only the compiler can tell whether it ever acts.
    pub(crate) on_failure: Option<Ident>,
    /// The type of what it provides to others.
    pub(crate) provides: Option<Type>,
    /// The type of the configuration that it takes.
    pub(crate) config: Option<Type>,
    pub(crate) watches: ServiceWatches,
    pub(crate) recurrence: Option<RecurrenceModel>,
}

/// An option that the compiler has to check: a variant of `OptionKey`, and its value.
pub(crate) struct UncheckedOption {
    pub(crate) option: &'static str,
    /// The state, for a limit of one state.
    pub(crate) state: Option<Ident>,
    pub(crate) value: TokenStream,
}

/// The manager of the service.
pub(crate) enum ManagerChoice {
    /// A manager of rxd.
    BuiltIn(Ident),
    /// A manager of the user.
    Path(Box<Type>),
}

/// A call of one setter of `Options`.
pub(crate) enum OptionSetter {
    /// `.delay(time)`: the name of the setter, and the time.
    Time(&'static str, DurationValue),
    /// `.delay_of(State::Run, time)`: the name of the setter, the state, and the time.
    TimeOf(&'static str, Ident, DurationValue),
    /// `.backoff(..)`: the setters of `Backoff`.
    Backoff(Vec<(&'static str, TokenStream)>),
    /// `.restarts(max, within)`
    Restarts(NumberValue, DurationValue),
    /// `.on_failure(..)`
    OnFailure(Ident),
    /// `.readiness(..)`
    Readiness(Ident),
    /// `.autostart(..)`
    Autostart(TokenStream),
}

/// Checks everything that was written. What is not valid is reported and left out.
pub(crate) fn check(written: ServiceAttrs, item: &TypeItem, errors: &mut Errors) -> ServiceModel {
    let mut service = ServiceModel {
        kind: written.kind,
        name: name::kebab_case(&item.written_name().to_string()),
        name_at: item.ident.span(),
        group: None,
        manager: None,
        options: Vec::new(),
        unchecked: Vec::new(),
        on_failure: None,
        provides: None,
        config: None,
        watches: ServiceWatches::default(),
        recurrence: RecurrenceModel::check(&written.entries, errors),
    };
    let mut named = false;
    for entry in &written.entries {
        let (options, unchecked) = (&mut service.options, &mut service.unchecked);
        match entry.name {
            "name" => {
                named = true;
                if let Some(lit) = entry.expect_string(errors) {
                    service.name_at = lit.span();
                    service.name = name::check_name(&lit, errors).unwrap_or(service.name);
                }
            }
            "group" => {
                service.group = entry.expect_string(errors).and_then(|lit| name::check_name(&lit, errors));
            }
            "manager" => service.manager = read_manager(entry, errors),
            "startup_delay" => {
                options.extend(entry.expect_duration(errors).map(|time| OptionSetter::Time("startup_delay", time)))
            }
            "delay" => options.extend(entry.expect_duration(errors).map(|time| OptionSetter::Time("delay", time))),
            "delays" => {
                options.extend(
                    read_times(entry, KeyEntry::expect_duration, errors)
                        .map(|(state, time)| OptionSetter::TimeOf("delay_of", state, time)),
                );
            }
            "timeouts" => {
                for (state, time) in read_times(entry, KeyEntry::expect_positive_duration, errors) {
                    unchecked.extend(UncheckedOption::of_duration("Timeout", Some(&state), &time));
                    options.push(OptionSetter::TimeOf("timeout_of", state, time));
                }
            }
            "backoff" => options.extend(read_backoff(entry, unchecked, errors)),
            "restarts" => options.extend(read_restarts(entry, unchecked, errors)),
            "on_failure" => options.extend(entry.expect_word(&ON_FAILURE, errors).map(OptionSetter::OnFailure)),
            "readiness" => options.extend(entry.expect_word(&READINESS, errors).map(OptionSetter::Readiness)),
            "autostart" => options.extend(entry.expect_bool(errors).map(OptionSetter::Autostart)),
            "heartbeat" => {
                let time = entry.expect_positive_duration(errors);
                unchecked.extend(time.as_ref().and_then(|time| UncheckedOption::of_duration("Heartbeat", None, time)));
                options.extend(time.map(|time| OptionSetter::Time("heartbeat", time)));
            }
            "provides" => service.provides = read_provides(entry, errors),
            "config" => service.config = read_config(entry, &service.kind, item, errors),
            key if recurrence::KEYS.contains(&key) => {}
            _ => RuntimePaths::check_entry(entry, errors),
        }
    }
    // `delay` sets all states, `delays` some of them: whatever the order in the source, `delay` is
    // set first.
    service.options.sort_by_key(|setter| matches!(setter, OptionSetter::TimeOf(..)));
    if !named {
        if let Some((what, _)) = name::name_fault(&service.name) {
            errors.report_with_help(
                &item.ident,
                format_args!("`{}` cannot be the service's name: {what}", service.name),
                "write `#[rxd::service(name = \"my-service\")]`",
            );
            // The graph would report the same name again.
            service.name = name::stand_in(&service.name);
        }
    }
    let owner = WatchOwner { name: &service.name, ident: &item.ident, generics: &item.generics };
    let depends = written.watches.iter().any(|watch| watch.keyword != WatchKeyword::Watch);
    service.watches = ServiceWatches::check(written.watches, &owner, errors);
    service.on_failure = if depends { None } else { unlimited_shutdown(&service.options) };
    service
}

/// The word of `on_failure = "shutdown"` without a restart limit: whether it ever acts depends on
/// the manager.
fn unlimited_shutdown(options: &[OptionSetter]) -> Option<Ident> {
    let mut found = None;
    for option in options {
        match option {
            OptionSetter::OnFailure(word) if word == "Shutdown" => found = Some(word.clone()),
            OptionSetter::Restarts(..) => return None,
            _ => {}
        }
    }
    found
}

/// Reads `provides(Type)`.
fn read_provides(entry: &KeyEntry, errors: &mut Errors) -> Option<Type> {
    let Some(list) = entry.as_list() else {
        entry.report_missing_parentheses("a type in parentheses", errors);
        return None;
    };
    match syn::parse2::<Type>(list.tokens.clone()) {
        Ok(Type::Reference(TypeReference { elem, .. })) => {
            errors.report_with_help(
                &list.tokens,
                "a service provides a value, and this is a reference",
                "write an owned type: `Arc<str>` for `&str`, `Arc<T>` for `&T`",
            );
            // Without a value, each use of it would be an error, too.
            return Some(parse_quote!(&'static #elem));
        }
        Ok(ty) => return Some(ty),
        Err(_) => entry.report_wrong_value("one type", errors),
    }
    None
}

/// Reads `config = MyConfig`.
fn read_config(entry: &KeyEntry, kind: &ServiceKind, item: &TypeItem, errors: &mut Errors) -> Option<Type> {
    let word = match (&item.shape, kind) {
        (ItemShape::Function(_), _) => "a function",
        (_, ServiceKind::Thread) => "a service with the key `thread`",
        (_, ServiceKind::Blocking(_)) => "a service with the key `blocking`",
        (_, ServiceKind::Task) => {
            let ty = entry.as_expr().and_then(|value| syn::parse2::<TypePath>(value.to_token_stream()).ok());
            if ty.is_none() {
                entry.report_wrong_value("the type of the configuration", errors);
            }
            return ty.map(Type::Path);
        }
    };
    errors.report_with_help(
        &entry.key,
        format_args!("{word} cannot take a configuration"),
        "write a struct with an `impl rxd::Runner` and an `impl rxd::Configure`",
    );
    None
}

/// Reads `manager = ".."` or `manager(..)`.
fn read_manager(entry: &KeyEntry, errors: &mut Errors) -> Option<ManagerChoice> {
    if let Some(list) = entry.as_list() {
        return read_manager_in_parentheses(entry, list, errors);
    }
    let Some(text) = entry.as_string() else {
        entry.report_missing_parentheses("a string, or a path in parentheses", errors);
        return None;
    };
    let (written, span) = (text.value(), text.span());
    if let Some(manager) = MANAGERS.find_variant_named(&written, span) {
        return Some(ManagerChoice::BuiltIn(manager));
    }
    // The manager that was probably meant: services that wait for the end of this one have no
    // error then.
    let meant = near::nearest_word(&written, MANAGERS.words());
    match text.parse::<syn::Path>() {
        Ok(path) if path.segments.len() > 1 || starts_with_capital(&written) => {
            let hint = meant.map_or_else(String::new, |word| format!("did you mean `{word}`? "));
            errors.report_with_help(
                text,
                format_args!("`{written}` is not a manager of rxd"),
                format_args!("{hint}write a manager of yours as a path: `manager({written})`"),
            );
        }
        _ => errors.report_with_help(text, MANAGERS.unknown_message(&written), MANAGERS.help_message(&written)),
    }
    MANAGERS.find_variant_named(meant?, span).map(ManagerChoice::BuiltIn)
}

/// Reads `manager(until_success)` or `manager(my::FailFast)`.
fn read_manager_in_parentheses(entry: &KeyEntry, list: &ArgList, errors: &mut Errors) -> Option<ManagerChoice> {
    let before = errors.len();
    match list.args(errors).as_slice() {
        // A word in lower case is a manager of rxd. The compiler reports an unknown one, at this
        // token.
        [arg] if arg.as_ident().is_some_and(|word| !starts_with_capital(&word.to_string())) => {
            arg.as_ident().cloned().map(ManagerChoice::BuiltIn)
        }
        [Arg::Path(path)] => Some(ManagerChoice::Path(Box::new(path.clone()))),
        [_] => {
            entry.report_wrong_value("one manager", errors);
            None
        }
        _ => {
            if errors.len() == before {
                entry.report_wrong_value("one manager", errors);
            }
            None
        }
    }
}

fn starts_with_capital(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

type ReadDuration = fn(&KeyEntry, &mut Errors) -> Option<DurationValue>;

impl UncheckedOption {
    /// Whether its value is valid, and only compared with others.
    pub(crate) fn is_relation(&self) -> bool {
        self.option == "MaxRestarts"
    }

    /// The check of a duration, unless it is a literal.
    fn of_duration(option: &'static str, state: Option<&Ident>, time: &DurationValue) -> Option<Self> {
        let value = || time.expression().to_token_stream();
        time.is_constant_expression().then(|| UncheckedOption { option, state: state.cloned(), value: value() })
    }
}

/// Reads `delays(Run = "1s", ..)`.
fn read_times(
    entry: &KeyEntry,
    read: ReadDuration,
    errors: &mut Errors,
) -> impl Iterator<Item = (Ident, DurationValue)> {
    let mut list = entry.expect_list(errors).unwrap_or_default();
    // `Exit` and `Unknown` are states, but have no method.
    list.retain(|arg| {
        let key = match arg {
            Arg::Value { key, .. } | Arg::List { key, .. } => Some(key),
            other => other.as_ident(),
        };
        let Some(key) = key.filter(|key| *key == "Exit" || *key == "Unknown") else { return true };
        errors.report_with_help(
            key,
            format_args!("`{key}` has no method, so `{}` cannot name it", entry.key),
            "write `Init`, `Idle`, `Run` or `Stop`",
        );
        false
    });
    let mut times = Vec::new();
    for state in keys::read_entries(list, &STATES, errors) {
        times.extend(read(&state, errors).map(|time| (state.key, time)));
    }
    times.into_iter()
}

/// The default `base` and `max` of a back-off. They are those of `Backoff::DEFAULT`.
const BASE: (Duration, &str) = (Duration::from_millis(100), "100ms");
const MAX: (Duration, &str) = (Duration::from_secs(30), "30s");

/// Reads `backoff(..)`.
fn read_backoff(entry: &KeyEntry, unchecked: &mut Vec<UncheckedOption>, errors: &mut Errors) -> Option<OptionSetter> {
    let list = entry.expect_list(errors)?;
    let (mut setters, before) = (Vec::new(), errors.len());
    let (mut base, mut max) = (None, None);
    for entry in keys::read_entries(list, &BACKOFF, errors) {
        let value = match entry.name {
            "factor" | "jitter" => {
                let (option, range) = match entry.name {
                    "factor" => ("Factor", 1.0..=f64::INFINITY),
                    _ => ("Jitter", 0.0..=1.0),
                };
                let number = entry.expect_number("f64", range, errors);
                let known = number.as_ref().is_none_or(|number| !number.is_constant_expression());
                let value = entry.value_tokens();
                unchecked.extend((!known).then_some(UncheckedOption { option, state: None, value }));
                number.map(|number| number.float_tokens())
            }
            "reset" => {
                let time = entry.expect_positive_duration(errors);
                unchecked.extend(time.as_ref().and_then(|time| UncheckedOption::of_duration("Reset", None, time)));
                time.map(|time| time.to_token_stream())
            }
            which => {
                let time = entry.expect_duration(errors);
                let value = time.as_ref().map(ToTokens::to_token_stream);
                *if which == "base" { &mut base } else { &mut max } = time;
                value
            }
        };
        setters.extend(value.map(|value| (entry.name, value)));
    }
    if errors.len() == before {
        unchecked.extend(report_max_below_base(base.as_ref(), max.as_ref(), errors));
    }
    Some(OptionSetter::Backoff(setters))
}

/// Reports a `max` that is shorter than `base`, also if one of them is the default. If one of them
/// is an expression, the compiler has to check this.
fn report_max_below_base(
    base: Option<&DurationValue>,
    max: Option<&DurationValue>,
    errors: &mut Errors,
) -> Option<UncheckedOption> {
    let at = max.or(base)?.expression();
    if [base, max].into_iter().flatten().any(DurationValue::is_constant_expression) {
        return Some(UncheckedOption { option: "Max", state: None, value: at.to_token_stream() });
    }
    let known = |time: Option<&DurationValue>, (default, text): (Duration, &str)| {
        let written = time.and_then(|time| Some((time.known()?, literal_string(time.expression())?.value())));
        written.unwrap_or((default, text.to_owned()))
    };
    let ((base, base_text), (max, max_text)) = (known(base, BASE), known(max, MAX));
    if max < base {
        errors.report_with_help(
            at,
            format_args!("`max` cannot be shorter than `base`: it is {max_text}, and `base` is {base_text}"),
            "the first delay is `base`, the longest `max`: make `max` longer, or `base` shorter",
        );
    }
    None
}

/// Reads `restarts(max = 5, within = "1m")`.
fn read_restarts(entry: &KeyEntry, unchecked: &mut Vec<UncheckedOption>, errors: &mut Errors) -> Option<OptionSetter> {
    let before = errors.len();
    let (mut max, mut within) = (None, None);
    for part in keys::read_entries(entry.expect_list(errors)?, &RESTARTS, errors) {
        match part.name {
            "max" => {
                max = part.expect_number("u32", 0.0..=f64::from(u32::MAX), errors);
                // Whether it can be reached depends on the back-off; one restart always can.
                if max.as_ref().is_some_and(|max| !max.is_known_up_to(1.0)) {
                    unchecked.push(UncheckedOption { option: "MaxRestarts", state: None, value: part.value_tokens() });
                }
            }
            _ => within = part.expect_positive_duration(errors),
        }
    }
    unchecked.extend(within.as_ref().and_then(|within| UncheckedOption::of_duration("Within", None, within)));
    if errors.len() == before {
        let missing = match (&max, &within) {
            (Some(_), None) => Some("within"),
            (None, _) => Some("max"),
            _ => None,
        };
        if let Some(missing) = missing {
            errors.report_with_help(
                &entry.key,
                format_args!("`restarts` has no `{missing}`"),
                "write `restarts(max = 5, within = \"1m\")`",
            );
        }
    }
    Some(OptionSetter::Restarts(max?, within?))
}
