//! Argument lists: `any, Run, "health", then(stop), within = "30s"`.
//!
//! # Invariants
//!
//! 1. A list is parsed once, together with the lists in it. The attributes, `crate = ..` and the
//!    editor's hints all use the result.
//! 2. A list is parsed to its end. An argument that cannot be parsed is a fault, and parsing
//!    continues after the next comma.
//! 3. The faults stay in the list until its arguments are asked for, so nothing is reported about a
//!    list under an unknown key.
//! 4. The tokens between two commas are kept ([`ArgSlot`]), whether or not they are an argument: an
//!    editor also completes half a word.

use crate::errors::Errors;
use crate::syntax::habits::{report_bar, report_colon, report_hyphens, report_operator};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::ops::ControlFlow;
use syn::buffer::Cursor;
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Lit, Path, Token, Type};

/// A parsed list of arguments.
#[derive(Clone, Default)]
pub(crate) struct ArgList {
    /// All tokens of the list.
    pub(crate) tokens: TokenStream,
    /// One for each part between commas. After a trailing comma the last one is empty.
    pub(crate) slots: Vec<ArgSlot>,
    faults: Errors,
}

/// The tokens between two commas.
#[derive(Clone)]
pub(crate) struct ArgSlot {
    pub(crate) tokens: Vec<TokenTree>,
    /// The argument, if the tokens are one.
    pub(crate) arg: Option<Arg>,
}

/// One argument.
#[derive(Clone)]
pub(crate) enum Arg {
    /// `"health"`
    Lit(Lit),
    /// `Run`, `rxd::State::Run`, `Pool<Pg>`
    Path(Type),
    /// `then(stop)`
    List { key: Ident, group: Group, list: ArgList },
    /// `stages::reach_db(retry = "1s")`
    Call { path: Path, group: Group, list: ArgList },
    /// `within = "30s"`
    Value { key: Ident, value: Expr },
    /// Any other expression: `|| 5`, `concat!("a")`. No attribute takes one; each has its own
    /// message about it.
    Other(Expr),
}

impl Arg {
    /// The argument as a single word, if it is one.
    pub(crate) fn as_ident(&self) -> Option<&Ident> {
        match self {
            Arg::Path(Type::Path(path)) if path.qself.is_none() => path.path.get_ident(),
            _ => None,
        }
    }
}

impl ToTokens for Arg {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Arg::Lit(lit) => lit.to_tokens(tokens),
            Arg::Path(path) => path.to_tokens(tokens),
            Arg::List { key, group, .. } => {
                key.to_tokens(tokens);
                group.to_tokens(tokens);
            }
            Arg::Call { path, group, .. } => {
                path.to_tokens(tokens);
                group.to_tokens(tokens);
            }
            Arg::Value { key, value } => {
                key.to_tokens(tokens);
                value.to_tokens(tokens);
            }
            Arg::Other(other) => other.to_tokens(tokens),
        }
    }
}

impl ArgList {
    /// The spans of its first and its last token.
    pub(crate) fn outer_spans(&self) -> (Span, Span) {
        let span = |token: Option<&TokenTree>| token.map_or_else(Span::call_site, TokenTree::span);
        let (first, last) = (self.slots.first(), self.slots.last());
        (span(first.and_then(|slot| slot.tokens.first())), span(last.and_then(|slot| slot.tokens.last())))
    }

    /// Parses a whole list.
    pub(crate) fn parse(tokens: TokenStream) -> ArgList {
        if let Some(slots) = simple::slots(&tokens) {
            return ArgList { tokens, slots, faults: Errors::default() };
        }
        let (mut slots, mut faults) = (Vec::new(), Errors::default());
        let read = |input: ParseStream<'_>| {
            let mut is_open = !input.is_empty();
            while is_open {
                let start = input.cursor();
                let arg = parse_arg(input, &mut faults);
                let rest = skip_to_comma(input);
                let first = first_token(&rest).filter(|_| arg.is_some());
                match &first {
                    Some(TokenTree::Punct(punct)) if punct.as_char() == '|' => report_bar(&first, &mut faults),
                    Some(_) => faults.report(first, "expected `,`"),
                    None => {}
                }
                slots.push(ArgSlot { tokens: tokens_between(start, input.cursor()), arg });
                is_open = input.parse::<Option<Token![,]>>()?.is_some();
            }
            Ok(())
        };
        // The parser itself never fails: what it cannot parse is one of the faults.
        let _ = read.parse2(tokens.clone());
        ArgList { tokens, slots, faults }
    }

    /// The arguments, in order. Reports the faults: call it once.
    pub(crate) fn args(&self, errors: &mut Errors) -> Vec<Arg> {
        errors.extend(&self.faults);
        self.slots.iter().filter_map(|slot| slot.arg.clone()).collect()
    }
}

/// Parses one argument. If there is none, `None`, and the fault is reported.
fn parse_arg(input: ParseStream<'_>, errors: &mut Errors) -> Option<Arg> {
    let start = input.fork();
    let failed = |errors: &mut Errors, message: &str| {
        let rest = skip_to_comma(input);
        errors.report(if rest.is_empty() { start.cursor().token_stream() } else { rest }, message);
        None
    };
    if input.is_empty() {
        // There is nothing after a trailing comma.
        return None;
    }
    if input.peek(Token![,]) {
        errors.report(input.cursor().token_tree().map(|(comma, _)| comma), "expected an argument before this `,`");
        return None;
    }
    if input.peek(Lit) {
        return match input.parse() {
            Ok(lit) => Some(Arg::Lit(lit)),
            Err(_) => failed(errors, "expected an argument"),
        };
    }
    if input.peek(Token![!]) || input.peek(Token![in]) {
        report_operator(input.peek(Token![!]), &skip_to_comma(input), errors);
        return None;
    }
    if input.peek(Ident::peek_any) {
        if let ControlFlow::Break(arg) = parse_after_word(input, errors) {
            return arg;
        }
    }
    if input.peek(syn::token::Bracket) {
        errors.report_with_help(skip_to_comma(input), "expected a list without brackets", "write `a, b`, not `[a, b]`");
        return None;
    }
    // A type is parsed on a fork, since a parser that fails has consumed an unknown number of
    // tokens.
    let ahead = input.fork();
    match ahead.parse::<Type>() {
        Ok(path) if matches!(ungrouped(&path), Type::Path(_)) => {
            input.advance_to(&ahead);
            Some(Arg::Path(ungrouped(&path).clone()))
        }
        _ => match parse_other(input) {
            Some(other) => Some(Arg::Other(other)),
            None => failed(errors, "expected a word, a string or a path"),
        },
    }
}

/// Parses any other expression, if it goes on to the next comma.
fn parse_other(input: ParseStream<'_>) -> Option<Expr> {
    let ahead = input.fork();
    let other = ahead.parse::<Expr>().ok()?;
    if !ahead.is_empty() && !ahead.peek(Token![,]) {
        return None;
    }
    input.advance_to(&ahead);
    Some(other)
}

/// Parses an argument that begins with a word and is more than a type. `Break(None)` if it was
/// reported, `Continue` if it may be a type.
fn parse_after_word(input: ParseStream<'_>, errors: &mut Errors) -> ControlFlow<Option<Arg>> {
    let ahead = input.fork();
    let Ok(key) = Ident::parse_any(&ahead) else { return ControlFlow::Continue(()) };
    if ahead.peek(Token![=]) && !ahead.peek(Token![==]) && !ahead.peek(Token![=>]) {
        input.advance_to(&ahead);
        return ControlFlow::Break(parse_value(key, input, errors));
    }
    if ahead.peek(Token![:]) && !ahead.peek(Token![::]) {
        report_colon(&key, &skip_to_comma(input), errors);
        return ControlFlow::Break(None);
    }
    if ahead.peek(Token![-]) && ahead.peek2(Ident::peek_any) {
        report_hyphens(key, &ahead, errors);
        return ControlFlow::Break(None);
    }
    if key == "not" && ahead.peek(Token![in]) {
        errors.report_with_help(skip_to_comma(input), "`not in` is one word", "write `not_in`");
        return ControlFlow::Break(None);
    }
    if ahead.peek(syn::token::Paren) {
        input.advance_to(&ahead);
        return ControlFlow::Break(parse_nested(input).map(|(group, list)| Arg::List { key, group, list }));
    }
    let ahead = input.fork();
    if let (Ok(path), true) = (ahead.call(Path::parse_mod_style), ahead.peek(syn::token::Paren)) {
        input.advance_to(&ahead);
        return ControlFlow::Break(parse_nested(input).map(|(group, list)| Arg::Call { path, group, list }));
    }
    ControlFlow::Continue(())
}

/// Parses a list in parentheses.
fn parse_nested(input: ParseStream<'_>) -> Option<(Group, ArgList)> {
    let group: Group = input.parse().ok()?;
    let list = ArgList::parse(group.stream());
    Some((group, list))
}

/// Parses `= value`.
fn parse_value(key: Ident, input: ParseStream<'_>, errors: &mut Errors) -> Option<Arg> {
    let equals: Token![=] = input.parse().ok()?;
    let ahead = input.fork();
    if let Ok(value) = ahead.parse::<Expr>() {
        input.advance_to(&ahead);
        return Some(Arg::Value { key, value: ungrouped_value(value) });
    }
    let rest = skip_to_comma(input);
    if rest.is_empty() {
        let mut written = key.to_token_stream();
        equals.to_tokens(&mut written);
        errors.report(written, format_args!("expected a value after `{key} =`"));
    } else {
        errors.report(rest, format_args!("expected the value of `{key}`"));
    }
    None
}

/// The value without the invisible groups that a macro may have put around it: errors are reported
/// at what the user has passed to the macro, not at the `$value` in it.
fn ungrouped_value(value: Expr) -> Expr {
    match value {
        Expr::Group(group) => ungrouped_value(*group.expr),
        value => value,
    }
}

/// The type without the invisible groups that a macro may have put around it.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        ty => ty,
    }
}

/// Consumes and returns everything before the next comma. A comma in angle brackets does not count,
/// if the brackets are closed.
fn skip_to_comma(input: ParseStream<'_>) -> TokenStream {
    let (mut first_comma, mut depth) = (None, 0_usize);
    let mut place = input.cursor();
    let end = loop {
        let Some((token, next)) = place.token_tree() else { break first_comma.unwrap_or(place) };
        if let TokenTree::Punct(punct) = token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => break place,
                ',' => first_comma = first_comma.or(Some(place)),
                _ => {}
            }
        }
        place = next;
    };
    let mut skipped = TokenStream::new();
    while input.cursor() != end {
        match input.parse::<TokenTree>() {
            Ok(token) => skipped.extend([token]),
            Err(_) => break,
        }
    }
    skipped
}

/// The tokens from `start` to `end`.
fn tokens_between(start: Cursor<'_>, end: Cursor<'_>) -> Vec<TokenTree> {
    let (mut tokens, mut place) = (Vec::new(), start);
    while place != end {
        let Some((token, next)) = place.token_tree() else { break };
        tokens.push(token);
        place = next;
    }
    tokens
}

fn first_token(tokens: &TokenStream) -> Option<TokenTree> {
    tokens.clone().into_iter().next()
}

/// The one word in `key(word)`.
pub(crate) fn single_word(
    key: &Ident,
    group: &Group,
    list: &ArgList,
    errors: &mut Errors,
    form: &str,
) -> Option<Ident> {
    if let [ArgSlot { tokens, .. }] = list.slots.as_slice() {
        if let [TokenTree::Ident(word)] = tokens.as_slice() {
            // Also a word that is not an argument, such as `fn`: the caller reports it.
            return Some(word.clone());
        }
    }
    let args = list.args(errors);
    match args.as_slice() {
        [arg] => match arg.as_ident() {
            Some(ident) => return Some(ident.clone()),
            None => {
                errors.report_with_help(arg, format_args!("`{key}(..)` takes one word"), format_args!("write `{form}`"))
            }
        },
        [] if list.slots.is_empty() => {
            errors.report_with_help(group, format_args!("`{key}()` is empty"), format_args!("write `{form}`"));
        }
        [] => {}
        [_, second, ..] => {
            errors.report_with_help(second, format_args!("`{key}(..)` takes one word"), format_args!("write `{form}`"));
        }
    }
    None
}

mod simple;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<(String, String)>) {
        let mut errors = Errors::default();
        let args = ArgList::parse(text.parse().expect("tokens")).args(&mut errors);
        let args = args.iter().map(|arg| arg.to_token_stream().to_string().replace(' ', "")).collect();
        (args, errors.messages())
    }

    #[test]
    fn list_with_every_kind_of_argument_is_read() {
        let (args, errors) = read(
            "any, Run, \"health\", my::Pool<A, B>, crate::X, then(stop), a::b(c), within = 5 + x(1, 2), crate = a::b,",
        );
        let expected = [
            "any",
            "Run",
            "\"health\"",
            "my::Pool<A,B>",
            "crate::X",
            "then(stop)",
            "a::b(c)",
            "within5+x(1,2)",
            "cratea::b",
        ];
        assert_eq!(args, expected);
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn argument_that_is_invalid_does_not_stop_the_parser() {
        let (args, errors) = read("any, @ !, Run, , x = , \"a\" \"b\", then = #, last");
        assert_eq!(args, ["any", "Run", "\"a\"", "last"]);
        let at: Vec<&str> = errors.iter().map(|(_, at)| at.as_str()).collect();
        assert_eq!(at, ["@ !", ",", "x =", "\"b\"", "#"]);
    }

    /// An editor expands the list as it is, and with a made-up word at the cursor. The slots must
    /// be the same.
    #[test]
    fn list_with_half_a_word_has_the_slots_of_the_completed_list() {
        let divide = |text: &str| -> Vec<String> {
            let list = ArgList::parse(text.parse().expect("tokens"));
            list.slots.into_iter().map(|slot| slot.tokens.into_iter().collect::<TokenStream>().to_string()).collect()
        };
        for half in [
            "any, entering, ¦, \"health\"",
            "any, entering, Run, Pool<my::¦, u8>, then(stop)",
            "delay = Duration::¦, name = \"a\"",
            "delays(Run = ¦), name = \"a\"",
            "prestart(stages::¦(retry = \"1s\")), name = \"a\"",
            "name = \"a\", ¦",
        ] {
            let (written, completed) = (divide(&half.replace('¦', "")), divide(&half.replace('¦', "made_up")));
            let without: Vec<String> = completed.iter().map(|slot| slot.replace("made_up", "")).collect();
            let without_spaces =
                |slots: Vec<String>| slots.into_iter().map(|slot| slot.replace(' ', "")).collect::<Vec<_>>();
            assert_eq!(without_spaces(written), without_spaces(without), "{half}");
        }
    }

    #[test]
    fn argument_in_an_invisible_group_is_read_without_the_group() {
        let group = |text: &str| {
            let tokens: TokenStream = text.parse().expect("tokens");
            TokenTree::from(Group::new(proc_macro2::Delimiter::None, tokens))
        };
        let (lit, ty) = (group("\"a\""), group("my::Type"));
        let mut errors = Errors::default();
        let args = ArgList::parse(quote::quote!(#lit, #ty, name = #lit)).args(&mut errors);
        assert_eq!(errors.len(), 0);
        assert!(matches!(&args[0], Arg::Lit(Lit::Str(text)) if text.value() == "a"));
        assert!(matches!(&args[1], Arg::Path(Type::Path(_))));
        assert!(matches!(&args[2], Arg::Value { value, .. } if crate::syntax::keys::literal_string(value).is_some()));
    }
}
