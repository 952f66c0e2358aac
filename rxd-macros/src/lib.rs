//! The macros of `rxd`. They only translate: an expansion is the user's item, some constants, small
//! impls and calls into `rxd`. Users read their documentation at `rxd`'s re-exports.
//!
//! The modules, from the lowest to the highest. A module imports only those before it:
//!
//! * `errors`, `syntax`: the error list; argument lists, tables of keys, words, durations, names,
//!   items.
//! * `runtime`, `code`: the paths of the items of `rxd` that generated code names; a writer of
//!   generated code.
//! * `watch`: `#[watch]`, `#[needs]` and `#[after]` of one service.
//! * `editor`: what an editor needs to complete and explain the words in attributes.
//! * `service`, `manager`: `#[rxd::service]` and `rxd::manager!`.
//! * `daemon`: `#[rxd::daemon]`.
//!
//! Each attribute is read in three steps, a file for each: `attr` turns tokens into what was
//! written, `model` turns that into what is valid and rejects the rest, `expand` turns that into
//! tokens and cannot fail.
//!
//! The user's item always survives: it is emitted first, then the generated code, then the errors.

mod code;
mod daemon;
mod editor;
mod errors;
mod manager;
mod runtime;
mod service;
mod syntax;
#[cfg(test)]
mod tests;
mod watch;

use proc_macro::TokenStream;
use watch::ast::WatchKeyword;

/// In short: `#[rxd::service]` makes a type that implements `rxd::Runner`, or an async function, a
/// service. Options are keys: `#[rxd::service(manager = "until_success", delay = "1s")]`.
#[proc_macro_attribute]
pub fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(args.into(), item.into()).into()
}

/// In short: `#[rxd::daemon]` makes a struct whose fields are services a daemon. The compiler checks
/// its graph, and `run`, `main` and `start` run it.
#[proc_macro_attribute]
pub fn daemon(args: TokenStream, item: TokenStream) -> TokenStream {
    daemon::expand(args.into(), item.into()).into()
}

/// In short: `#[watch(any, exited, Run, Health, then(stop))]` has a service react when another one
/// changes its state; without `then` it waits in Idle for that.
#[proc_macro_attribute]
pub fn watch(args: TokenStream, item: TokenStream) -> TokenStream {
    service::watch_before::expand(WatchKeyword::Watch, args.into(), item.into()).into()
}

/// In short: `#[needs(Db, Cache)]` has a service wait in Idle until all of these are in Run, and
/// leave Run when one of them does.
#[proc_macro_attribute]
pub fn needs(args: TokenStream, item: TokenStream) -> TokenStream {
    service::watch_before::expand(WatchKeyword::Needs, args.into(), item.into()).into()
}

/// In short: `#[after(Migrate)]` has a service wait in Idle until all of these have completed.
#[proc_macro_attribute]
pub fn after(args: TokenStream, item: TokenStream) -> TokenStream {
    service::watch_before::expand(WatchKeyword::After, args.into(), item.into()).into()
}

/// See `rxd::manager!`, which puts the path of `rxd` in front.
#[proc_macro]
pub fn manager(input: TokenStream) -> TokenStream {
    manager::expand(input.into()).into()
}
