//! The values of the keys that take more than a time.

use super::attr::STAGE;
use super::model::Setting;
use crate::errors::Errors;
use crate::syntax::args::Arg;
use crate::syntax::duration::Time;
use crate::syntax::item::last_word;
use crate::syntax::keys::{self, Entry, Number};
use crate::syntax::name;
use crate::syntax::words::SIGNALS;
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use std::net::SocketAddr;
use syn::Type;

/// One stage of what comes before the services.
pub(crate) struct Stage {
    pub(crate) name: String,
    /// The function that is called.
    pub(crate) path: TokenStream,
    /// `.retry(time)` and `.timeout(time)`
    pub(crate) times: Vec<(&'static str, Time)>,
    pub(crate) attempts: Option<Number>,
}

/// `signals(interrupt, terminate)`
pub(super) fn signals(entry: &Entry, errors: &mut Errors) -> Option<Setting> {
    let mut signals: Vec<Ident> = Vec::new();
    for arg in entry.list(errors)? {
        let Some(word) = arg.as_ident() else {
            errors.help(&arg, "expected a signal", SIGNALS.help(""));
            continue;
        };
        let Some(signal) = SIGNALS.expect(word, errors) else { continue };
        if signals.contains(&signal) {
            errors.help(word, format_args!("`{word}` is named twice"), "remove one of them");
            continue;
        }
        signals.push(signal);
    }
    Some(Setting::Signals(signals))
}

/// `exit_code = 3`
pub(super) fn exit_code(entry: &Entry, errors: &mut Errors) -> Option<Setting> {
    let code = entry.number("u32", 1.0..=f64::from(u32::MAX), errors)?;
    if code.is_above(255.0) {
        errors.help(entry.value(), "`exit_code` is out of range", "write a number from 1 to 255");
        return None;
    }
    Some(Setting::ExitCode(code))
}

/// `prestart(first, second(retry = "1s"))`: the names of functions, in the order in which they are called.
pub(super) fn prestart(entry: &Entry, errors: &mut Errors) -> Vec<Setting> {
    entry.list(errors).into_iter().flatten().filter_map(|arg| stage(&arg, errors)).map(Setting::Stage).collect()
}

fn stage(arg: &Arg, errors: &mut Errors) -> Option<Stage> {
    let (word, path, group) = match arg {
        Arg::Path(Type::Path(path)) if path.qself.is_none() => {
            (last_word(&path.path)?.clone(), path.to_token_stream(), None)
        }
        Arg::List { key, group } => (key.clone(), key.to_token_stream(), Some(group)),
        other => {
            errors.help(
                other,
                "expected the name of an async function",
                "write `prestart(first, second(retry = \"1s\", attempts = 3, timeout = \"5s\"))`",
            );
            return None;
        }
    };
    let mut stage = Stage { name: name::kebab(&word.to_string()), path, times: Vec::new(), attempts: None };
    let Some(group) = group else { return Some(stage) };
    for part in keys::read(crate::syntax::args::parse(group.stream(), errors), &STAGE, errors) {
        match part.name {
            "attempts" => stage.attempts = part.number("u32", 1.0..=f64::from(u32::MAX), errors),
            "timeout" => stage.times.extend(part.positive(errors).map(|time| ("timeout", time))),
            _ => stage.times.extend(part.time(errors).map(|time| ("retry", time))),
        }
    }
    Some(stage)
}

/// `admin = "127.0.0.1:1337"`, or an expression for more than an address.
pub(super) fn admin(entry: &Entry, errors: &mut Errors) -> Option<Setting> {
    let Some(written) = entry.as_expr() else {
        entry.wrong("an address", errors);
        return None;
    };
    if let Some(text) = keys::literal_string(written) {
        let address = text.value();
        let numeric = match address.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => address.clone(),
        };
        match (address.strip_prefix("unix:"), numeric.parse::<SocketAddr>()) {
            (Some(path), _) if !path.is_empty() => {}
            (None, Ok(tcp)) if tcp.ip().to_canonical().is_loopback() => {}
            (None, Ok(_)) => {
                errors.help(
                    written,
                    format_args!("`{address}` can be reached from other machines, and has no token"),
                    "listen on 127.0.0.1 or a Unix socket, or write `admin = Admin::new(..).token(..)`",
                );
                return None;
            }
            _ => {
                errors.help(
                    written,
                    format_args!("`{address}` is no address to listen on"),
                    "write `127.0.0.1:1337` or `unix:/run/my-app.sock`",
                );
                return None;
            }
        }
    }
    Some(Setting::Admin(written.clone()))
}
