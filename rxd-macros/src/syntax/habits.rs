//! What people write out of habit in place of an argument or a key, and what is written here.

use super::words::{ACTIONS, MODES, STATES};
use crate::errors::Errors;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{LitStr, Token};

/// Keys of other systems, and what is written here instead.
const KEYS: [(&str, &str); 8] = [
    ("depends", NEEDS_HELP),
    ("depends_on", NEEDS_HELP),
    ("dependencies", NEEDS_HELP),
    ("requires", NEEDS_HELP),
    (
        "wants",
        "write a separate attribute on the service: `#[watch(any, entering, Run, \"db\")]`, which only holds it back before Run",
    ),
    ("before", "write an attribute on the service that starts later: `#[needs(\"this-service\")]`"),
    ("restart", RESTART_HELP),
    ("restart_policy", RESTART_HELP),
];

const NEEDS_HELP: &str = "write a separate attribute on the service: `#[needs(\"db\")]`";

const RESTART_HELP: &str = "write `manager = \"continuous\"`, which restarts always, or `\"until_success\"`; \
                            `restarts(max = 5, within = \"1m\")` limits it";

/// What to write in place of the key of another system.
pub(super) fn help_for_key(key: &str) -> Option<&'static str> {
    KEYS.iter().find(|(habit, _)| *habit == key).map(|(_, help)| *help)
}

/// Reports `entering | exited`, at the bar.
pub(super) fn report_bar(bar: impl ToTokens, errors: &mut Errors) {
    errors.report_with_help(
        bar,
        "expected `,`, found `|`",
        "for one of several services, write `#[watch(any, entering, Run, \"db\", \"cache\")]`; a reaction or a stream to another state is another `#[watch]`, and a gate waits for one state, such as `exited, Idle` for Run and what follows",
    );
}

/// Reports `!Run`, `!Db` and `in`.
pub(super) fn report_operator(is_negation: bool, written: &TokenStream, errors: &mut Errors) {
    match is_negation {
        true => {
            let negated: TokenStream = written.clone().into_iter().skip(1).collect();
            let is_service = match syn::parse2::<Ident>(negated.clone()) {
                Ok(word) => [&STATES, &MODES, &ACTIONS].iter().all(|set| set.find_variant(&word).is_none()),
                Err(_) => syn::parse2::<LitStr>(negated.clone()).is_ok(),
            };
            let help = match is_service {
                true => format!("for a service that is not in Run, write `#[watch(any, not_in, Run, {negated})]`"),
                false => "write `not_in`, the action for a state that the service is not in".to_owned(),
            };
            errors.report_with_help(written, "`!` has no meaning here", help);
        }
        false => errors.report_with_help(written, "`in` is not an action", "write `entering`"),
    }
}

/// Reports `name: "edge"`.
pub(super) fn report_colon(key: &Ident, written: &TokenStream, errors: &mut Errors) {
    let value: Vec<TokenTree> = written.clone().into_iter().skip(2).collect();
    if MODES.find_variant(key).is_some() || ACTIONS.find_variant(key).is_some() {
        let value: TokenStream = value.into_iter().collect();
        errors.report_with_help(
            written,
            format_args!("expected `,` after `{key}`, found `:`"),
            format_args!("write `{key}, {value}`"),
        );
        return;
    }
    let value = match value.as_slice() {
        [TokenTree::Literal(value)] => value.to_string(),
        _ => "..".to_owned(),
    };
    errors.report_with_help(
        written,
        format_args!("expected `=` after `{key}`, found `:`"),
        format_args!("write `{key} = {value}`"),
    );
}

/// Reports `shutdown-timeout`: a word with hyphens.
pub(super) fn report_hyphens(first: Ident, rest: ParseStream<'_>, errors: &mut Errors) {
    let (mut written, mut meant) = (first.to_token_stream(), first.to_string());
    while rest.peek(Token![-]) && rest.peek2(Ident::peek_any) {
        if let (Ok(hyphen), Ok(word)) = (rest.parse::<Token![-]>(), rest.call(Ident::parse_any)) {
            hyphen.to_tokens(&mut written);
            word.to_tokens(&mut written);
            meant.push_str(&format!("_{word}"));
        }
    }
    let shown = meant.replace('_', "-");
    errors.report_with_help(
        written,
        format_args!("`{shown}` is written with a hyphen"),
        format_args!("write `{meant}`"),
    );
}
