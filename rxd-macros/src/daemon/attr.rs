//! What was written: the arguments of `#[rxd::daemon]`, and those of its fields.

use crate::errors::Errors;
use crate::syntax::args::{Arg, ArgList};
use crate::syntax::item::{attribute_arguments, last_segment};
use crate::syntax::keys::{self, KeyEntry};
use crate::syntax::tables::{DAEMON, FIELD};
use crate::watch::ast::WatchKeyword;
use syn::punctuated::Punctuated;
use syn::{Attribute, ItemStruct, Meta, Token};

/// The attributes of a daemon and its fields, as written.
pub(crate) struct DaemonAttrs {
    pub(crate) entries: Vec<KeyEntry>,
    /// One for each field, in order.
    pub(crate) fields: Vec<FieldAttrs>,
}

/// The attributes of one field, as written.
pub(crate) struct FieldAttrs {
    pub(crate) list: ArgList,
    pub(crate) entries: Vec<KeyEntry>,
    /// Whether something in them could not be parsed.
    pub(crate) is_broken: bool,
    /// Whether the field was meant as a setting, which was reported.
    pub(crate) is_skipped: bool,
    /// The `#[cfg(..)]`s, which decide whether the daemon has this service.
    pub(crate) cfgs: Vec<Attribute>,
}

/// Reads the arguments, and takes the attributes of `rxd` out of the fields.
pub(crate) fn read_attributes(list: &ArgList, item: &mut ItemStruct, errors: &mut Errors) -> DaemonAttrs {
    let entries = keys::read_entries(list.args(errors), &DAEMON, errors);
    item.attrs.retain(|attr| {
        if let Some(keyword) = WatchKeyword::of(attr) {
            errors.report_with_help(
                attr,
                format_args!("`#[{}]` is not allowed on a daemon, which watches nothing", keyword.word()),
                "write it on the service's type",
            );
            return false;
        }
        if last_segment(attr.path()).is_some_and(|word| word == "daemon") {
            errors.report_with_help(
                attr,
                "`#[rxd::daemon]` is written twice",
                "keep one, and put the keys of both into it",
            );
            return false;
        }
        true
    });
    let fields = item.fields.iter_mut().map(|field| read_field(&mut field.attrs, errors)).collect();
    DaemonAttrs { entries, fields }
}

/// Reads the attributes of one field.
fn read_field(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> FieldAttrs {
    let mut found: Option<(ArgList, Vec<KeyEntry>)> = None;
    let before = errors.len();
    let mut is_skipped = false;
    attrs.retain(|attr| {
        if attr.path().is_ident("cfg_attr") && sets_service(attr) {
            errors.report_with_help(
                attr,
                "`#[service]` on a field cannot be conditional",
                "write the field twice, with `#[cfg(..)]` and `#[cfg(not(..))]`, and each with its own `#[service(..)]`",
            );
            return false;
        }
        if let Some(keyword) = WatchKeyword::of(attr) {
            errors.report_with_help(
                attr,
                format_args!("`#[{}]` is not allowed on a field", keyword.word()),
                "write it on the service's type",
            );
            return false;
        }
        if last_segment(attr.path()).is_none_or(|word| word != "service") {
            return true;
        }
        if found.is_some() {
            errors.report_with_help(attr, "`#[service]` is written twice", "keep one of them");
            return false;
        }
        let list = attribute_arguments(attr, errors, "#[service(name = \"worker-2\")]");
        let list = ArgList::parse(list.unwrap_or_default());
        let (settings, args): (Vec<Arg>, Vec<Arg>) =
            list.args(errors).into_iter().partition(|arg| arg.as_ident().is_some_and(|word| word == "skip"));
        if let Some(skip) = settings.first() {
            is_skipped = true;
            errors.report_with_help(
                skip,
                "every field of a daemon is a service",
                "put a setting into the services that use it",
            );
        }
        let entries = keys::read_entries(args, &FIELD, errors);
        found = Some((list, entries));
        false
    });
    let cfgs = attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg") && matches!(attr.meta, Meta::List(_)))
        .cloned()
        .collect();
    let (list, entries) = found.unwrap_or_default();
    FieldAttrs { list, entries, is_broken: errors.len() != before, is_skipped, cfgs }
}

/// Whether a `#[cfg_attr(.., service(..))]` adds an attribute of `rxd`. The compiler resolves it only
/// after this macro, where `service` has no meaning.
fn sets_service(attr: &Attribute) -> bool {
    let Meta::List(list) = &attr.meta else { return false };
    let added = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    added.is_ok_and(|added| {
        added.iter().skip(1).any(|added| last_segment(added.path()).is_some_and(|word| word == "service"))
    })
}
