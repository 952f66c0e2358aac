//! The words `thread` and `blocking`: where the methods of a service run.

use crate::errors::Errors;
use crate::syntax::args::Arg;
use crate::syntax::item::TypeItem;
use crate::syntax::keys::AttributeKey;
use crate::syntax::tables::{BLOCKING, THREAD};
use proc_macro2::Ident;

/// Where the methods of a service run, with the word that says so.
#[derive(Clone, Default)]
pub(crate) enum ServiceKind {
    /// In the service's task: `impl Runner`.
    #[default]
    Task,
    /// On a thread with a runtime: `impl LocalRunner`.
    Thread,
    /// On a thread that they block: `impl BlockingRunner`.
    Blocking(Ident),
}

/// Takes the words out of the arguments.
pub(crate) fn take_kind(args: &mut Vec<Arg>, errors: &mut Errors) -> ServiceKind {
    let mut found: Option<Ident> = None;
    args.retain(|arg| {
        let (word, has_value) = match arg {
            Arg::Value { key, .. } | Arg::List { key, .. } => (Some(key), true),
            arg => (arg.as_ident(), false),
        };
        let Some(word) = word.filter(|word| is_kind(word)) else { return true };
        if has_value {
            errors.report_with_help(arg, format_args!("`{word}` has no value"), format_args!("write `{word}` alone"));
        } else if found.as_ref().is_some_and(|first| first == word) {
            errors.report_with_help(word, format_args!("`{word}` is written twice"), "remove one of them");
            return false;
        } else if let Some(first) = &found {
            errors.report_with_help(
                word,
                format_args!("a service is either `{first}` or `{word}`"),
                "`thread` is for async methods on a thread of their own, `blocking` for methods that block it: \
                 keep one",
            );
            return false;
        }
        found = Some(word.clone());
        false
    });
    match found {
        Some(word) if word == BLOCKING.name => ServiceKind::Blocking(word),
        Some(_) => ServiceKind::Thread,
        None => ServiceKind::Task,
    }
}

fn is_kind(word: &Ident) -> bool {
    let is = |key: &AttributeKey| word == key.name;
    is(&THREAD) || is(&BLOCKING)
}

/// Reports a function that blocks: there is no trait for it. It goes on as `thread`.
pub(crate) fn check_function(kind: &mut ServiceKind, item: &TypeItem, errors: &mut Errors) {
    if let ServiceKind::Blocking(word) = kind {
        errors.report_with_help(
            &*word,
            format_args!("a function cannot be a `blocking` service, and `{}` is one", item.written_name()),
            "write a struct with an `impl rxd::BlockingRunner`; or write `thread`, for an async function on a thread \
             of its own",
        );
        *kind = ServiceKind::Thread;
    }
}

/// Reports `delegate` on a service with a thread. It goes on without one.
pub(crate) fn check_delegate(kind: &mut ServiceKind, delegate: &Ident, errors: &mut Errors) {
    let (word, its_trait) = match kind {
        ServiceKind::Task => return,
        ServiceKind::Thread => (THREAD.name, "LocalRunner"),
        ServiceKind::Blocking(_) => (BLOCKING.name, "BlockingRunner"),
    };
    errors.report_with_help(
        delegate,
        format_args!("`delegate` calls the methods of `rxd::Runner`, and `{word}` asks for others"),
        format_args!("remove `{word}`, or implement `rxd::{its_trait}` for it"),
    );
    *kind = ServiceKind::Task;
}
