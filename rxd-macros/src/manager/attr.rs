//! What was written: `pub FailFast { Init => { ok: Idle, failed: Exit }, .. }`.

use crate::errors::Errors;
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Path, Token, Visibility};

/// Help: the form of the macro.
const FORM: &str = "write `pub FailFast { Init => { ok: Idle, failed: Exit }, .. }`";

/// The whole input, as written.
pub(crate) struct ManagerInput {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) rows: Vec<StateRow>,
    /// Whether something in the table could not be parsed.
    pub(crate) is_broken: bool,
}

/// `Init => { ok: Idle, failed: Exit }`
pub(crate) struct StateRow {
    pub(crate) state: Ident,
    pub(crate) cells: Vec<OutcomeCell>,
    pub(crate) is_broken: bool,
}

/// `ok: Idle`
pub(crate) struct OutcomeCell {
    pub(crate) outcome: Ident,
    pub(crate) next: Path,
}

/// Reads the whole input; `None` if the manager has no name.
pub(crate) fn read_table(tokens: TokenStream, errors: &mut Errors) -> Option<ManagerInput> {
    let all = tokens.clone();
    let head = |input: ParseStream<'_>| {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse::<Visibility>()?;
        // `struct` is accepted: users write it for other types.
        input.parse::<Option<Token![struct]>>()?;
        let ident = input.parse::<Ident>()?;
        let rest = input.cursor().token_stream();
        while !input.is_empty() {
            input.parse::<TokenTree>()?;
        }
        Ok((attrs, vis, ident, rest))
    };
    let Ok((attrs, vis, ident, rest)) = head.parse2(tokens) else {
        match all.is_empty() {
            true => errors.push(syn::Error::new(
                proc_macro2::Span::call_site(),
                format_args!("`manager!` is empty\nhelp: {FORM}"),
            )),
            false => errors.report_with_help(all, "expected a visibility, a name, and a table in braces", FORM),
        }
        return None;
    };
    let mut rest = without_parameters(&ident, rest, errors).into_iter();
    let body = match rest.next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group),
        other => {
            let at = other.map_or_else(|| ident.to_token_stream(), TokenTree::into_token_stream);
            errors.report_with_help(at, format_args!("manager `{ident}` has no table"), FORM);
            None
        }
    };
    let before = errors.len();
    let rows = body.as_ref().map(|body| read_rows(body.stream(), errors)).unwrap_or_default();
    let is_broken = body.is_none() || errors.len() != before;
    if body.is_some() {
        let rest: TokenStream = rest.collect();
        if !rest.is_empty() {
            errors.report_with_help(
                rest,
                "one `manager!` declares one manager",
                "write another `manager!` for what follows",
            );
        }
    }
    Some(ManagerInput { attrs, vis, ident, rows, is_broken })
}

/// What follows the parameters in `Once<T> { .. }`, which are reported.
fn without_parameters(ident: &Ident, rest: TokenStream, errors: &mut Errors) -> TokenStream {
    let read = |input: ParseStream<'_>| {
        let start = input.cursor().token_stream();
        let params = input.parse::<syn::Generics>().ok().filter(|generics| generics.lt_token.is_some());
        let rest = input.cursor().token_stream();
        while !input.is_empty() {
            input.parse::<TokenTree>()?;
        }
        Ok(params.map_or_else(|| (None, start), |params| (Some(params), rest)))
    };
    let Ok((params, body)) = read.parse2(rest.clone()) else { return rest };
    if let Some(params) = params {
        errors.report_with_help(
            params,
            format_args!("manager `{ident}` cannot have parameters"),
            format_args!("write `{ident} {{ .. }}`; for a manager with state, implement `rxd::manager::Manager`"),
        );
    }
    body
}

fn read_rows(tokens: TokenStream, errors: &mut Errors) -> Vec<StateRow> {
    let mut rows = Vec::new();
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let (before, start) = (input.fork(), input.fork());
            match read_row(input) {
                Some((state, group)) => {
                    let before = errors.len();
                    let cells = read_cells(group.stream(), errors);
                    rows.push(StateRow { state, cells, is_broken: errors.len() != before });
                }
                None => {
                    let state = start.call(Ident::parse_any).ok();
                    let what = match &state {
                        Some(state) if !start.peek(Token![=>]) => format!("expected `=>` after `{state}`"),
                        Some(state) => format!("expected `{{ ok: .., failed: .. }}` after `{state} =>`"),
                        None => "expected a state".to_owned(),
                    };
                    let found = token_at_fault(&before, input);
                    skip_to_comma(input);
                    errors.report_with_help(found, what, format_args!("write `{}`", example_row(state.as_ref())));
                }
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    let _ = read.parse2(tokens);
    rows
}

/// An example of a row, of this state if it is one.
fn example_row(state: Option<&Ident>) -> &'static str {
    match state.map(Ident::to_string).as_deref() {
        Some("Idle") => "Idle => { ok: Run, failed: Stop }",
        Some("Run") => "Run => { ok: Stop, failed: Stop }",
        Some("Stop") => "Stop => { ok: Init, failed: Init }",
        _ => "Init => { ok: Idle, failed: Exit }",
    }
}

/// Parses `Init => { .. }`. Stops at the first token that does not fit.
fn read_row(input: ParseStream<'_>) -> Option<(Ident, Group)> {
    let state = input.call(Ident::parse_any).ok()?;
    input.parse::<Token![=>]>().ok()?;
    if !input.peek(syn::token::Brace) {
        return None;
    }
    Some((state, input.parse().ok()?))
}

fn read_cells(tokens: TokenStream, errors: &mut Errors) -> Vec<OutcomeCell> {
    let mut cells = Vec::new();
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let start = input.fork();
            match read_cell(input) {
                Some(cell) => {
                    cells.push(cell);
                    if !input.is_empty() && !input.peek(Token![,]) {
                        errors.report(token_at_fault(&start, input), "expected `,`");
                        skip_to_comma(input);
                    }
                }
                None => {
                    let found = token_at_fault(&start, input);
                    skip_to_comma(input);
                    errors.report_with_help(
                        found,
                        "expected an outcome and a state",
                        "write `ok: Idle` or `failed: Stop`",
                    );
                }
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    let _ = read.parse2(tokens);
    cells
}

/// Parses `ok: Idle`. Stops at the first token that does not fit.
fn read_cell(input: ParseStream<'_>) -> Option<OutcomeCell> {
    let outcome = input.call(Ident::parse_any).ok()?;
    input.parse::<Token![:]>().ok()?;
    let ahead = input.fork();
    ahead.call(Path::parse_mod_style).ok()?;
    Some(OutcomeCell { outcome, next: input.call(Path::parse_mod_style).ok()? })
}

/// The token at which the parser stopped, or the first one, if it stopped at the end.
fn token_at_fault(start: ParseStream<'_>, input: ParseStream<'_>) -> TokenStream {
    let rest = input.cursor().token_stream();
    let from = if rest.is_empty() || input.peek(Token![,]) { start.cursor().token_stream() } else { rest };
    from.into_iter().take(1).collect()
}

/// Consumes everything before the next comma.
fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}
