//! The macros of `rxd`. They only translate: what they generate is the item as it was written,
//! some constants, small impls and calls into `rxd`. Their documentation is at `rxd`'s re-exports.
//!
//! Each attribute has a folder of three: `attr` (tokens to what was written), `model` (written to
//! valid, the only place that rejects) and `expand` (valid to tokens, which cannot fail).

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

/// See `rxd::service`.
#[proc_macro_attribute]
pub fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(args.into(), item.into()).into()
}

/// See `rxd::daemon`.
#[proc_macro_attribute]
pub fn daemon(args: TokenStream, item: TokenStream) -> TokenStream {
    daemon::expand(args.into(), item.into()).into()
}

/// See `rxd::watch`.
#[proc_macro_attribute]
pub fn watch(args: TokenStream, item: TokenStream) -> TokenStream {
    service::watch_before::expand(WatchKeyword::Watch, args.into(), item.into()).into()
}

/// See `rxd::needs`.
#[proc_macro_attribute]
pub fn needs(args: TokenStream, item: TokenStream) -> TokenStream {
    service::watch_before::expand(WatchKeyword::Needs, args.into(), item.into()).into()
}

/// See `rxd::after`.
#[proc_macro_attribute]
pub fn after(args: TokenStream, item: TokenStream) -> TokenStream {
    service::watch_before::expand(WatchKeyword::After, args.into(), item.into()).into()
}

/// See `rxd::manager!`, which puts the path of `rxd` in front.
#[proc_macro]
pub fn manager(input: TokenStream) -> TokenStream {
    manager::expand(input.into()).into()
}
