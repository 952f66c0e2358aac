//! What is valid: the name, the settings and the fields of a daemon.

use super::attr::{DaemonAttrs, FieldAttrs};
use super::family;
use super::settings::{self, DaemonSetting};
use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::syntax::keys::KeyEntry;
use crate::syntax::name;
use crate::syntax::words::ON_STALE;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Fields, GenericArgument, ItemStruct, LitStr, Meta, PathArguments, Type};

/// One valid daemon.
pub(crate) struct DaemonModel {
    /// A valid literal, or an expression.
    pub(crate) name: TokenStream,
    /// Whether only the compiler can evaluate the name, and has to check it.
    pub(crate) name_is_constant: bool,
    pub(crate) settings: Vec<DaemonSetting>,
    /// Whether the key `config` is written, with a valid value or not.
    pub(crate) has_config: bool,
    pub(crate) fields: Vec<DaemonField>,
}

/// One service of a daemon.
pub(crate) struct DaemonField {
    pub(crate) ident: Ident,
    /// The type of the service. For a field `Option<T>` or `Vec<T>` it is `T`.
    pub(crate) ty: Type,
    pub(crate) is_optional: bool,
    /// The name in this daemon, if the field gives one. A family has that of its field.
    pub(crate) name: Option<LitStr>,
    /// Of a field `Vec<T>`, which is a family: what the names of its members begin with.
    pub(crate) stem: Option<LitStr>,
    /// Whether an earlier field has the same name. It was reported, so the graph does not report it
    /// again.
    pub(crate) name_is_taken: bool,
    pub(crate) cfgs: Vec<Attribute>,
}

/// Checks everything that was written; `None` if nothing can be generated.
pub(crate) fn check(written: DaemonAttrs, item: &ItemStruct, errors: &mut Errors) -> Option<DaemonModel> {
    let own_name = name::kebab_case(&item.ident.to_string());
    let mut daemon = DaemonModel {
        name: own_name.to_token_stream(),
        name_is_constant: false,
        settings: Vec::new(),
        has_config: written.entries.iter().any(|entry| entry.name == "config"),
        fields: Vec::new(),
    };
    for entry in &written.entries {
        let settings = &mut daemon.settings;
        match entry.name {
            "name" => match entry.as_constant() {
                Some(value) => (daemon.name, daemon.name_is_constant) = (value.to_token_stream(), true),
                None => {
                    let name = entry.expect_string(errors).and_then(|lit| name::check_name(&lit, errors));
                    daemon.name = name.map_or(daemon.name, |name| name.to_token_stream());
                }
            },
            "shutdown_timeout" => settings.extend(read_duration(entry, "ShutdownTimeout", errors)),
            "start_timeout" => settings.extend(read_duration(entry, "StartTimeout", errors)),
            "blocking_threshold" => settings.extend(read_duration(entry, "BlockingThreshold", errors)),
            // Zero is allowed: it turns off the notifications, or the drain.
            "watchdog_interval" | "drain" => {
                settings.extend(
                    entry.expect_duration(errors).map(|time| DaemonSetting::Plain(entry.name, time.to_token_stream())),
                );
            }
            "exit_code" => settings.extend(read_number(entry, "ExitCode", f64::from(u8::MAX), errors)),
            "history" => settings.extend(read_number(entry, "History", f64::from(u32::MAX), errors)),
            "on_stale" => settings.extend(entry.expect_word(&ON_STALE, errors).map(DaemonSetting::OnStale)),
            "admin" => settings.extend(settings::read_admin(entry, errors)),
            "signals" => settings.extend(settings::read_signals(entry, errors)),
            "config" => settings.extend(settings::read_config(entry, errors)),
            "watch_config" => settings.extend(settings::read_watch_config(entry, errors)),
            "prestart" => settings.extend(settings::read_prestart(entry, errors)),
            _ => RuntimePaths::check_entry(entry, errors),
        }
    }
    if let Some(watch) = written.entries.iter().find(|entry| entry.name == "watch_config" && !daemon.has_config) {
        errors.report_with_help(
            &watch.key,
            "`watch_config` watches the file of a configuration, and there is none",
            "write `config = load`, too",
        );
    }
    let named = written.entries.iter().any(|entry| entry.name == "name");
    if let (false, Some((what, _))) = (named, name::name_fault(&own_name)) {
        errors.report_with_help(
            &item.ident,
            format_args!("`{own_name}` cannot be the daemon's name: {what}"),
            "write `#[rxd::daemon(name = \"my-daemon\")]`",
        );
    }
    if !check_item(item, errors) {
        return None;
    }
    daemon.fields = read_fields(item, written.fields, errors);
    report_equal_names(&mut daemon.fields, errors);
    Some(daemon)
}

/// Reports an item that cannot be a daemon, and returns `false`.
fn check_item(item: &ItemStruct, errors: &mut Errors) -> bool {
    if let Some(param) = item.generics.params.first() {
        errors.report_with_help(
            param,
            format_args!("daemon `{}` is generic, but its graph is checked once, for known types", item.ident),
            "write the services' types out; the services themselves may be generic",
        );
        return false;
    }
    if let Some(bounds) = &item.generics.where_clause {
        errors.report_with_help(bounds, "a daemon cannot have a `where` clause", "put the bounds on the services");
        return false;
    }
    let Fields::Named(_) = &item.fields else {
        let (at, what) = match &item.fields {
            Fields::Unnamed(fields) => (fields.to_token_stream(), "has fields without names"),
            _ => (item.ident.to_token_stream(), "has no services"),
        };
        errors.report_with_help(
            at,
            format_args!("daemon `{}` {what}", item.ident),
            format_args!("write `struct {} {{ health: Health, .. }}`", item.ident),
        );
        return false;
    };
    if item.fields.is_empty() {
        errors.report_with_help(
            &item.ident,
            format_args!("daemon `{}` has no services", item.ident),
            "each field is a service: `health: Health`",
        );
        return false;
    }
    true
}

/// The services, one for each field.
fn read_fields(item: &ItemStruct, attrs: Vec<FieldAttrs>, errors: &mut Errors) -> Vec<DaemonField> {
    let mut fields = Vec::new();
    for (field, written) in item.fields.iter().zip(attrs) {
        let Some(ident) = field.ident.clone().filter(|_| !written.is_skipped) else { continue };
        let (mut name, before) = (None, errors.len());
        for entry in &written.entries {
            name = entry.expect_string(errors).filter(|lit| name::check_name(lit, errors).is_some());
        }
        if name.is_none() && (written.is_broken || errors.len() != before) {
            // The name given here is not valid. With the name of its type, the service could be a
            // duplicate.
            name = Some(LitStr::new(&name::kebab_case(&ident.to_string()), ident.span()));
        }
        let inner = inner_type(&field.ty, "Option", "option");
        let (is_optional, member) = (inner.is_some(), family::member_type(&field.ty));
        let stem = member.map(|_| name.take().unwrap_or_else(|| family::stem_of(&ident)));
        name = name.or_else(|| stem.as_ref().map(|_| family::name_of(&ident)));
        let ty = inner.or(member).unwrap_or(&field.ty).clone();
        fields.push(DaemonField { ident, ty, is_optional, name, stem, name_is_taken: false, cfgs: written.cfgs });
    }
    fields
}

/// Reads a duration longer than zero.
fn read_duration(entry: &KeyEntry, key: &'static str, errors: &mut Errors) -> Option<DaemonSetting> {
    let time = entry.expect_positive_duration(errors)?;
    let tokens = time.to_token_stream();
    Some(if time.is_constant_expression() {
        DaemonSetting::Const(entry.name, key, tokens)
    } else {
        DaemonSetting::Plain(entry.name, tokens)
    })
}

/// Reads a whole number from 1 to `most`.
fn read_number(entry: &KeyEntry, key: &'static str, most: f64, errors: &mut Errors) -> Option<DaemonSetting> {
    let number = entry.expect_number("u32", 1.0..=most, errors)?;
    let tokens = number.integer_tokens();
    Some(if number.is_constant_expression() {
        DaemonSetting::Const(entry.name, key, tokens)
    } else {
        DaemonSetting::Plain(entry.name, tokens)
    })
}

/// Reports a field that gives the same name as an earlier field.
fn report_equal_names(fields: &mut [DaemonField], errors: &mut Errors) {
    for i in 0..fields.len() {
        let (earlier, later) = fields.split_at_mut(i);
        let field = &mut later[0];
        let Some(name) = field.name.as_ref().filter(|_| field.cfgs.is_empty()) else { continue };
        let same = |other: &&DaemonField| other.name.as_ref().is_some_and(|other| other.value() == name.value());
        let Some(first) = earlier.iter().filter(|other| other.cfgs.is_empty()).find(same) else { continue };
        errors.report_with_help(
            name,
            format_args!("field `{}` already has the name `{}`", first.ident, name.value()),
            "give one of them another name",
        );
        field.name_is_taken = true;
    }
}

/// The `T` of an `Option<T>`, or of another type of the standard library that is in this module.
pub(super) fn inner_type<'a>(ty: &'a Type, name: &str, module: &str) -> Option<&'a Type> {
    let path = match ty {
        Type::Path(path) if path.qself.is_none() => &path.path,
        Type::Group(group) => return inner_type(&group.elem, name, module),
        _ => return None,
    };
    let mut segments = path.segments.iter().rev();
    let last = segments.next().filter(|last| last.ident == name)?;
    let known = match (segments.next(), segments.next(), segments.next()) {
        (None, ..) => true,
        (Some(path), Some(root), None) => {
            path.ident == module && ["std", "core", "alloc"].iter().any(|known| root.ident == known)
        }
        _ => false,
    };
    match &last.arguments {
        PathArguments::AngleBracketed(args) if known && args.args.len() == 1 => match &args.args[0] {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

impl DaemonModel {
    /// Whether a field has a `#[cfg]`.
    pub(crate) fn has_cfgs(&self) -> bool {
        self.fields.iter().any(|field| !field.cfgs.is_empty())
    }
}

impl DaemonField {
    /// What decides whether the daemon has this service: `all(unix, feature = "a")`. `None` if it
    /// always has.
    pub(crate) fn condition(&self) -> Option<TokenStream> {
        let predicates = self.cfgs.iter().filter_map(|cfg| match &cfg.meta {
            Meta::List(list) => Some(&list.tokens),
            _ => None,
        });
        (!self.cfgs.is_empty()).then(|| quote!(all(#(#predicates),*)))
    }
}
