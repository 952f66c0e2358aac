//! The settings of a daemon, and the keys whose values are not a duration or a number.

use crate::errors::Errors;
use crate::syntax::args::Arg;
use crate::syntax::item::last_segment;
use crate::syntax::keys::{self, KeyEntry};
use crate::syntax::name;
use crate::syntax::tables::{PRESTART, PRESTART_KEYS, STAGE};
use crate::syntax::words::SIGNALS;
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use std::net::SocketAddr;
use syn::{Expr, ExprPath, Lit, Path, Type};

/// A call of one setter of `Daemon`.
pub(crate) enum DaemonSetting {
    /// `.shutdown_timeout(time)` or `.exit_code(3)`: the name of the setter, and a valid value.
    Plain(&'static str, TokenStream),
    /// The same with an expression: a setter of `DaemonOptions`, a variant of `DaemonKey`, and the
    /// value.
    Const(&'static str, &'static str, TokenStream),
    /// `.on_stale(OnStale::Restart)`
    OnStale(Ident),
    /// `.admin("127.0.0.1:1337")`
    Admin(Box<Expr>),
    /// `.signals([Signal::INTERRUPT, ..])`
    Signals(Vec<Ident>),
    /// The function that loads the configuration.
    Config(TokenStream),
    /// `.watch_config(path)`
    WatchConfig(Box<Expr>),
    /// `.prestart(Stage::new(name, path)..)`
    Stage(PrestartStage),
}

/// One stage of `prestart(..)`.
pub(crate) struct PrestartStage {
    pub(crate) name: String,
    /// The function that is called.
    pub(crate) path: TokenStream,
    /// `.retry(time)`, `.attempts(3)` and `.timeout(time)`: the name of the setter, and a valid
    /// value.
    pub(crate) plain: Vec<(&'static str, TokenStream)>,
    /// The same with expressions: a setter of `StageOptions`, a variant of `StageKey`, and the
    /// value.
    pub(crate) consts: Vec<(&'static str, &'static str, TokenStream)>,
}

/// Reads `signals(interrupt, terminate)`. The list may be empty.
pub(super) fn read_signals(entry: &KeyEntry, errors: &mut Errors) -> Option<DaemonSetting> {
    let Some(list) = entry.as_list() else {
        entry.report_missing_parentheses("a list", errors);
        return None;
    };
    let mut signals: Vec<Ident> = Vec::new();
    for arg in list.args(errors) {
        let Some(word) = arg.as_ident() else {
            errors.report_with_help(&arg, "expected a signal", SIGNALS.help_message(""));
            continue;
        };
        let Some(signal) = SIGNALS.expect_variant(word, errors) else { continue };
        if signals.contains(&signal) {
            errors.report_with_help(word, format_args!("`{word}` is named twice"), "remove one of them");
            continue;
        }
        signals.push(signal);
    }
    Some(DaemonSetting::Signals(signals))
}

/// Reads `admin = "127.0.0.1:1337"`, or an expression.
pub(super) fn read_admin(entry: &KeyEntry, errors: &mut Errors) -> Option<DaemonSetting> {
    if !cfg!(feature = "admin") {
        errors.report_with_help(
            &entry.key,
            "`admin` needs the feature `admin` of rxd",
            "write `rxd = { version = \"..\", features = [\"admin\"] }` in Cargo.toml",
        );
        return None;
    }
    let value = match entry.as_expr() {
        Some(Expr::Lit(_)) | None => entry.expect_string(errors)?,
        Some(other) => return Some(DaemonSetting::Admin(Box::new(other.clone()))),
    };
    if let Some((what, help)) = address_fault(&value.value()) {
        errors.report_with_help(&value, what, help);
        return None;
    }
    Some(DaemonSetting::Admin(Box::new(syn::parse_quote!(#value))))
}

/// Why the admin server cannot listen on `text` without a token: a message and its help.
fn address_fault(text: &str) -> Option<(String, String)> {
    if text.strip_prefix("unix:").is_some_and(|path| !path.is_empty() && !path.contains('\0')) {
        return None;
    }
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    match numeric.as_deref().unwrap_or(text).parse::<SocketAddr>() {
        Ok(address) if address.ip().to_canonical().is_loopback() => None,
        Ok(_) => Some((
            format!("`{text}` can be reached from other machines, and asks for no token"),
            format!("listen on 127.0.0.1 or a Unix socket, or write `Admin::new({text:?}).token(..)`"),
        )),
        Err(_) => {
            let text: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            Some((
                format!("`{text}` is not an address"),
                "write `127.0.0.1:1337` or `unix:/run/my-app.sock`".to_owned(),
            ))
        }
    }
}

/// Reads `config = load`.
pub(super) fn read_config(entry: &KeyEntry, errors: &mut Errors) -> Option<DaemonSetting> {
    match entry.as_expr() {
        Some(Expr::Path(path)) => return Some(DaemonSetting::Config(path.to_token_stream())),
        Some(Expr::Closure(closure)) => errors.report_with_help(
            closure,
            "a configuration is loaded by a function with a name, not a closure",
            "write `fn load() -> rxd::Result<MyConfig> { .. }`, and `config = load`",
        ),
        Some(Expr::Call(call)) => errors.report_with_help(
            call,
            "the function that loads the configuration is named, not called",
            format_args!(
                "write `config = {}`: rxd calls it, at the start and at each reload",
                call.func.to_token_stream()
            ),
        ),
        _ => entry.report_wrong_value("the name of a function", errors),
    }
    None
}

/// Reads `watch_config = "/etc/my-daemon.toml"`, or an expression.
pub(super) fn read_watch_config(entry: &KeyEntry, errors: &mut Errors) -> Option<DaemonSetting> {
    if !cfg!(feature = "config-watch") {
        errors.report_with_help(
            &entry.key,
            "`watch_config` needs the feature `config-watch` of rxd",
            "write `rxd = { version = \"..\", features = [\"config-watch\"] }` in Cargo.toml",
        );
        return None;
    }
    match entry.as_expr() {
        Some(Expr::Lit(_)) | None => {
            let path = entry.expect_string(errors)?;
            Some(DaemonSetting::WatchConfig(Box::new(syn::parse_quote!(#path))))
        }
        Some(other) => Some(DaemonSetting::WatchConfig(Box::new(other.clone()))),
    }
}

/// Reads `prestart(first, second(retry = "1s"), restart = "10s")`: functions, in the order in which
/// they are called, and when they begin again.
pub(super) fn read_prestart(entry: &KeyEntry, errors: &mut Errors) -> Vec<DaemonSetting> {
    let Some(args) = entry.expect_list(errors) else { return Vec::new() };
    let (values, stages): (Vec<Arg>, Vec<Arg>) = args.into_iter().partition(|arg| matches!(arg, Arg::Value { .. }));
    if stages.is_empty() {
        errors.report_with_help(&entry.key, "`prestart` names no function", format_args!("write `{PRESTART}`"));
    }
    let stages = stages.iter().filter_map(|arg| read_stage(arg, errors)).map(DaemonSetting::Stage);
    let mut settings: Vec<_> = stages.collect();
    for part in keys::read_entries(values, &PRESTART_KEYS, errors) {
        let delay = part.expect_duration(errors);
        settings.extend(delay.map(|delay| DaemonSetting::Plain("prestart_restart", delay.to_token_stream())));
    }
    settings
}

/// Reads one stage.
fn read_stage(arg: &Arg, errors: &mut Errors) -> Option<PrestartStage> {
    let (word, path, list) = match arg {
        Arg::Path(Type::Path(path)) if syn::parse2::<ExprPath>(path.to_token_stream()).is_ok() => {
            (last_segment(&path.path)?.clone(), path.to_token_stream(), None)
        }
        Arg::List { key, list, .. } => (key.clone(), key.to_token_stream(), Some(list)),
        Arg::Call { path, list, .. } => (last_segment(path)?.clone(), path.to_token_stream(), Some(list)),
        Arg::Other(Expr::Closure(closure)) => {
            errors.report_with_help(
                closure,
                "a stage is a function with a name, not a closure",
                "write `async fn check_disk() -> rxd::Result { .. }`, and `prestart(check_disk)`",
            );
            return None;
        }
        other => {
            let help = match other {
                Arg::Lit(Lit::Str(text)) if text.parse::<Path>().is_ok() => format!("prestart({})", text.value()),
                _ => PRESTART.to_owned(),
            };
            errors.report_with_help(other, "expected the name of an async function", format_args!("write `{help}`"));
            return None;
        }
    };
    let mut stage =
        PrestartStage { name: name::kebab_case(&word.to_string()), path, plain: Vec::new(), consts: Vec::new() };
    let Some(list) = list else { return Some(stage) };
    for part in keys::read_entries(list.args(errors), &STAGE, errors) {
        match part.name {
            "attempts" => match part.expect_number("u32", 1.0..=f64::from(u32::MAX), errors) {
                Some(most) if most.is_constant_expression() => {
                    stage.consts.push((part.name, "Attempts", most.integer_tokens()))
                }
                most => stage.plain.extend(most.map(|most| (part.name, most.integer_tokens()))),
            },
            "timeout" => match part.expect_positive_duration(errors) {
                Some(time) if time.is_constant_expression() => {
                    stage.consts.push((part.name, "Timeout", time.to_token_stream()))
                }
                time => stage.plain.extend(time.map(|time| (part.name, time.to_token_stream()))),
            },
            // `retry`. Zero is allowed: the next attempt follows at once.
            _ => stage.plain.extend(part.expect_duration(errors).map(|time| (part.name, time.to_token_stream()))),
        }
    }
    Some(stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_that_needs_a_token_is_a_fault() {
        for good in ["127.0.0.1:1337", "[::1]:0", "localhost:80", "unix:/run/a.sock", "[::ffff:127.0.0.1]:1"] {
            assert!(address_fault(good).is_none(), "{good}");
        }
        for bad in ["", "1337", "localhost", "example.com:80", "unix:", "127.0.0.1:99999", "0.0.0.0:80", "[::]:1"] {
            assert!(address_fault(bad).is_some(), "{bad}");
        }
    }

    /// The test of the builder has the same messages: `rxd/src/admin/config.rs`.
    #[test]
    fn g60_address_that_is_invalid_is_refused_in_the_words_of_the_builder() {
        let says = |text| address_fault(text).map(|(what, help)| format!("{what}\nhelp: {help}")).unwrap();
        let help = "help: write `127.0.0.1:1337` or `unix:/run/my-app.sock`";
        assert_eq!(says("a\n"), format!("`a\\n` is not an address\n{help}"));
        assert_eq!(says("unix:"), format!("`unix:` is not an address\n{help}"));
        assert_eq!(
            says("0.0.0.0:80"),
            "`0.0.0.0:80` can be reached from other machines, and asks for no token\n\
             help: listen on 127.0.0.1 or a Unix socket, or write `Admin::new(\"0.0.0.0:80\").token(..)`"
        );
    }
}
