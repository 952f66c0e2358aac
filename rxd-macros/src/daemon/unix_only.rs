//! What only a daemon on Unix can have.

use super::settings::DaemonSetting;
use crate::syntax::words::SIGNALS;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, ExprLit, Lit};

/// The errors about what a setting asks for and only Unix has. This macro runs on the machine that
/// compiles, and only the compiler knows what it compiles for.
pub(super) fn report_unix_only(setting: &DaemonSetting) -> Vec<TokenStream> {
    let report = |span: Span, what: &str, help: &str| {
        let text = format!("{what} on this system\nhelp: {help}");
        let error = quote_spanned!(span=> ::core::compile_error! { #text });
        quote!(#[cfg(not(unix))] #error)
    };
    match setting {
        DaemonSetting::Admin(address) => match &**address {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value().starts_with("unix:") => {
                vec![report(text.span(), "there are no Unix sockets", "write `127.0.0.1:1337`")]
            }
            _ => Vec::new(),
        },
        DaemonSetting::Signals(signals) => {
            let signals = signals.iter().filter(|signal| is_unix_only(signal));
            let help = "write `interrupt` or `terminate`; for a list that depends on the system, call \
                        `Daemon::signals` of the builder";
            signals
                .map(|signal| report(signal.span(), &format!("there is no signal `{}`", SIGNALS.word_of(signal)), help))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a constant of `Signal` exists on Unix only.
pub(super) fn is_unix_only(signal: &Ident) -> bool {
    !["INTERRUPT", "TERMINATE"].iter().any(|everywhere| signal == everywhere)
}
