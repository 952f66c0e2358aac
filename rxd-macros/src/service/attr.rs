//! What was written: the arguments of `#[rxd::service]`, and the watches before and after it.

use super::delegate;
use super::kind::{ServiceKind, take_kind};
use crate::errors::Errors;
use crate::syntax::args::ArgList;
use crate::syntax::item::{TypeItem, last_segment};
use crate::syntax::keys::{self, KeyEntry};
use crate::syntax::tables::SERVICE;
use crate::watch::ast::WatchAttr;
use crate::watch::attr as watch;
use proc_macro2::Ident;

/// The attributes of a service, as written.
pub(crate) struct ServiceAttrs {
    pub(crate) kind: ServiceKind,
    pub(crate) entries: Vec<KeyEntry>,
    pub(crate) watches: Vec<WatchAttr>,
    /// The word `delegate`.
    pub(crate) delegate: Option<Ident>,
}

/// Reads the arguments, and takes the attributes of `rxd` out of the item.
pub(crate) fn read_attributes(list: &ArgList, item: &mut TypeItem, errors: &mut Errors) -> ServiceAttrs {
    let mut args = list.args(errors);
    let mut watches = watch::take_before_service(&mut args);
    let kind = take_kind(&mut args, errors);
    let delegate = delegate::take(&mut args, errors);
    let entries = keys::read_entries(args, &SERVICE, errors);
    item.attrs.retain(|attr| {
        let twice = last_segment(attr.path()).is_some_and(|word| word == "service");
        if twice {
            errors.report_with_help(
                attr,
                "`#[rxd::service]` is written twice",
                "keep one, and put the keys of both into it",
            );
        }
        !twice
    });
    watches.extend(watch::take_after_service(&mut item.attrs, errors));
    ServiceAttrs { kind, entries, watches, delegate }
}
