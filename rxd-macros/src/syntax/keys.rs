//! Keyed arguments: `name = ".."`, `delays(..)`.
//!
//! A new key is a line in `tables.rs`, and an arm in the model of its attribute.

use super::args::{self, Arg, ArgList};
use super::duration::{self, DurationValue};
use super::habits;
use super::near;
use super::number::{self, NotANumber, NumberValue};
use super::words::WordSet;
use crate::errors::Errors;
use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::ToTokens;
use std::ops::RangeInclusive;
use syn::{Expr, ExprLit, Lit, LitStr};

/// The keys of one list.
pub(crate) struct KeyTable {
    pub(crate) keys: &'static [AttributeKey],
    /// The word for a key in messages: `key`, `state`.
    pub(crate) noun: &'static str,
    /// The keys of other lists, each with a sentence about where they belong.
    pub(crate) foreign_keys: [Option<(&'static [AttributeKey], &'static str)>; 2],
    /// Whether it is the table of a key, such as `restarts(..)`, and not of an attribute.
    pub(crate) is_nested: bool,
}

impl KeyTable {
    /// A table whose entries are called keys in messages.
    pub(crate) const fn new(keys: &'static [AttributeKey]) -> Self {
        KeyTable { keys, noun: "key", foreign_keys: [None; 2], is_nested: false }
    }

    /// The same table, with another word for its keys.
    pub(crate) const fn with_noun(self, noun: &'static str) -> Self {
        KeyTable { noun, ..self }
    }

    /// The same table. One of these keys in it is reported with the place where it belongs.
    pub(crate) const fn with_foreign_keys(self, keys: &'static [AttributeKey], place: &'static str) -> Self {
        let [first, _] = self.foreign_keys;
        let foreign_keys = if first.is_none() { [Some((keys, place)), None] } else { [first, Some((keys, place))] };
        KeyTable { foreign_keys, ..self }
    }

    /// The same table, for the list of a key.
    pub(crate) const fn nested(self) -> Self {
        KeyTable { is_nested: true, ..self }
    }

    fn key_names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    pub(crate) fn find_key(&self, word: &Ident) -> Option<&'static AttributeKey> {
        self.keys.iter().find(|key| word == key.name)
    }

    /// Reports a word that is not one of the keys.
    fn report_unknown(&self, word: &Ident, errors: &mut Errors) {
        let text = word.to_string();
        let place = self.foreign_keys.iter().flatten().find(|(keys, _)| keys.iter().any(|key| text == key.name));
        // Words of other attributes are not typos of a key.
        if !self.is_nested && ["watch", "needs", "after"].contains(&&*text) {
            errors.report_with_help(
                word,
                format_args!("`{text}` is not a {}", self.noun),
                format_args!("write a separate attribute on the service: `#[rxd::{text}(..)]`"),
            );
            return;
        }
        if let Some(help) = habits::help_for_key(&text).filter(|_| !self.is_nested) {
            errors.report_with_help(word, format_args!("unknown {} `{text}`", self.noun), help);
            return;
        }
        // `timeout` for `shutdown_timeout`.
        let longer = self.keys.iter().find(|key| key.name.ends_with(&format!("_{text}")));
        let help = match (place, near::nearest_word(&text, self.key_names()), longer) {
            (Some((_, place)), ..) => format!("`{text}` {place}"),
            (None, None, Some(key)) => format!("did you mean `{}`?", key.name),
            _ => near::did_you_mean(&text, &self.key_names()),
        };
        errors.report_with_help(word, format_args!("unknown {} `{text}`", self.noun), help);
    }
}

/// One key of a table.
pub(crate) struct AttributeKey {
    pub(crate) name: &'static str,
    /// An example, for messages.
    pub(crate) form: &'static str,
}

/// One key and its value, as written.
pub(crate) struct KeyEntry {
    pub(crate) key: Ident,
    /// The name of the key, as in the table.
    pub(crate) name: &'static str,
    form: &'static str,
    value: EntryValue,
}

enum EntryValue {
    Value(Expr),
    List(Group, ArgList),
}

/// The entries of `list` whose keys are in the table, each key once. Everything else is an error.
pub(crate) fn read_entries(list: Vec<Arg>, table: &KeyTable, errors: &mut Errors) -> Vec<KeyEntry> {
    let mut entries: Vec<KeyEntry> = Vec::new();
    // `restarts(5, "1m")`
    let is_by_position = |(arg, _): (&Arg, _)| matches!(arg, Arg::Lit(_));
    if list.len() > 1 && list.len() == table.keys.len() && list.iter().zip(table.keys).all(is_by_position) {
        let meant = list.iter().zip(table.keys).map(|(arg, key)| format!("{} = {}", key.name, arg.to_token_stream()));
        let meant: Vec<String> = meant.collect();
        errors.report_with_help(
            &list[0],
            format_args!("each value needs its {}", table.noun),
            format_args!("write `{}`", meant.join(", ")),
        );
        return entries;
    }
    for arg in list {
        let (key, value) = match arg {
            Arg::Value { key, value } => (key, EntryValue::Value(value)),
            Arg::List { key, group, list } => (key, EntryValue::List(group, list)),
            other => {
                report_without_value(&other, table, errors);
                continue;
            }
        };
        let Some(entry) = table.find_key(&key) else {
            table.report_unknown(&key, errors);
            continue;
        };
        if entries.iter().any(|earlier| earlier.name == entry.name) {
            errors.report_with_help(&key, format_args!("`{key}` is written twice"), "remove one of them");
            continue;
        }
        entries.push(KeyEntry { key, name: entry.name, form: entry.form, value });
    }
    entries
}

/// Reports an argument without a key, or a key without a value.
fn report_without_value(arg: &Arg, table: &KeyTable, errors: &mut Errors) {
    match arg.as_ident() {
        Some(word) => match table.find_key(word) {
            Some(key) => errors.report_with_help(
                word,
                format_args!("`{word}` has no value"),
                format_args!("write `{}`", key.form),
            ),
            None => table.report_unknown(word, errors),
        },
        None => match (arg, table.keys.iter().find(|key| key.name == "name")) {
            (Arg::Lit(Lit::Str(text)), Some(_)) => {
                errors.report_with_help(
                    text,
                    "a string without a key",
                    format_args!("write `name = {:?}`", text.value()),
                );
            }
            _ => errors.report_with_help(
                arg,
                format_args!("expected a {}", table.noun),
                format_args!("the {}s are {}", table.noun, near::quoted_list(&table.key_names())),
            ),
        },
    }
}

impl KeyEntry {
    /// Reports that the value is not `what`, which the key takes.
    pub(crate) fn report_wrong_value(&self, what: &str, errors: &mut Errors) {
        let KeyEntry { key, form, .. } = self;
        errors.report_with_help(
            self.value_tokens(),
            format_args!("`{key}` takes {what}"),
            format_args!("write `{form}`"),
        );
    }

    /// Like [`report_wrong_value`](KeyEntry::report_wrong_value), for a key that takes parentheses.
    /// If the value is a word, the help puts that word into parentheses.
    pub(crate) fn report_missing_parentheses(&self, what: &str, errors: &mut Errors) {
        let word = match self.as_expr() {
            Some(Expr::Path(path)) if path.qself.is_none() => path.to_token_stream().to_string().replace(' ', ""),
            _ => match self.as_string().map(LitStr::value) {
                Some(text) if syn::parse_str::<Ident>(&text).is_ok() => text,
                _ => return self.report_wrong_value(what, errors),
            },
        };
        let key = &self.key;
        errors.report_with_help(
            self.value_tokens(),
            format_args!("`{key}` takes {what}"),
            format_args!("write `{key}({word})`"),
        );
    }

    /// The tokens of the value.
    pub(crate) fn value_tokens(&self) -> TokenStream {
        match &self.value {
            EntryValue::Value(value) => value.to_token_stream(),
            EntryValue::List(group, _) => group.to_token_stream(),
        }
    }

    /// The string of `key = "string"`; otherwise an error.
    pub(crate) fn expect_string(&self, errors: &mut Errors) -> Option<LitStr> {
        let found = self.as_string().cloned();
        if found.is_none() {
            let key = &self.key;
            match self.meant_string() {
                Some(text) => errors.report_with_help(
                    self.value_tokens(),
                    format_args!("`{key}` takes a string"),
                    format_args!("write `{key} = {text:?}`"),
                ),
                None if self.as_constant().is_some() => errors.report_with_help(
                    self.value_tokens(),
                    format_args!("`{key}` is read before constants and macros are evaluated"),
                    format_args!("write the text itself: `{}`", self.form),
                ),
                None => self.report_wrong_value("a string", errors),
            }
        }
        found
    }

    /// The expression of `key = NAME`, `key = concat!(..)` and the like: a value that only the
    /// compiler can evaluate.
    pub(crate) fn as_constant(&self) -> Option<&Expr> {
        let value = self.as_expr()?;
        (!matches!(value, Expr::Lit(_)) && self.meant_string().is_none()).then_some(value)
    }

    /// The text of `key = word`, `key = 'a'` and `key = b"text"`. A word in capitals is a constant.
    fn meant_string(&self) -> Option<String> {
        match self.as_expr()? {
            Expr::Path(path) => {
                let word = path.path.get_ident()?.to_string();
                word.contains(|letter: char| letter.is_lowercase()).then_some(word)
            }
            Expr::Lit(ExprLit { lit: Lit::Char(letter), .. }) => Some(letter.value().to_string()),
            Expr::Lit(ExprLit { lit: Lit::ByteStr(text), .. }) => String::from_utf8(text.value()).ok(),
            _ => None,
        }
    }

    /// The string of `key = "string"`.
    pub(crate) fn as_string(&self) -> Option<&LitStr> {
        match &self.value {
            EntryValue::Value(value) => literal_string(value),
            EntryValue::List(..) => None,
        }
    }

    /// The expression of `key = expression`.
    pub(crate) fn as_expr(&self) -> Option<&Expr> {
        match &self.value {
            EntryValue::Value(value) => Some(value),
            EntryValue::List(..) => None,
        }
    }

    /// The list of `key(..)`.
    pub(crate) fn as_list(&self) -> Option<&ArgList> {
        match &self.value {
            EntryValue::Value(_) => None,
            EntryValue::List(_, list) => Some(list),
        }
    }

    /// The arguments of `key(..)`, at least one; otherwise an error.
    pub(crate) fn expect_list(&self, errors: &mut Errors) -> Option<Vec<Arg>> {
        let EntryValue::List(group, list) = &self.value else {
            self.report_wrong_value("a list", errors);
            return None;
        };
        if list.slots.is_empty() {
            errors.report_with_help(
                group,
                format_args!("`{}()` is empty", self.key),
                format_args!("write `{}`", self.form),
            );
            return None;
        }
        Some(list.args(errors))
    }

    /// The value of `key = true`, or an expression of type `bool`; otherwise an error.
    pub(crate) fn expect_bool(&self, errors: &mut Errors) -> Option<TokenStream> {
        let is_literal = matches!(self.as_expr(), Some(Expr::Lit(ExprLit { lit: Lit::Bool(_), .. })));
        if is_literal || self.as_constant().is_some() {
            return Some(self.value_tokens());
        }
        self.report_wrong_value("`true` or `false`", errors);
        None
    }

    /// The duration of `key = "250ms"`; otherwise an error.
    pub(crate) fn expect_duration(&self, errors: &mut Errors) -> Option<DurationValue> {
        match &self.value {
            EntryValue::Value(value) => duration::parse_duration(&self.key.to_string(), value, errors),
            EntryValue::List(..) => {
                self.report_wrong_value("a duration", errors);
                None
            }
        }
    }

    /// Like [`expect_duration`](KeyEntry::expect_duration), but zero is an error.
    pub(crate) fn expect_positive_duration(&self, errors: &mut Errors) -> Option<DurationValue> {
        match &self.value {
            EntryValue::Value(value) => duration::parse_positive_duration(&self.key.to_string(), value, errors),
            EntryValue::List(..) => {
                self.report_wrong_value("a duration", errors);
                None
            }
        }
    }

    /// The word of `key(word)`; otherwise an error.
    pub(crate) fn expect_word_in_parentheses(&self, errors: &mut Errors) -> Option<Ident> {
        match &self.value {
            EntryValue::List(group, list) => args::single_word(&self.key, group, list, errors, self.form),
            EntryValue::Value(_) => {
                self.report_missing_parentheses("one word", errors);
                None
            }
        }
    }

    /// The variant for the word of `key(word)` or `key = "word"`; otherwise an error.
    pub(crate) fn expect_word(&self, words: &WordSet, errors: &mut Errors) -> Option<Ident> {
        if self.as_list().is_some() {
            return words.expect_variant(&self.expect_word_in_parentheses(errors)?, errors);
        }
        let Some(text) = self.as_string() else {
            match self.as_expr() {
                Some(Expr::Path(path)) => match (path.path.get_ident(), meant_word(&path.path, words)) {
                    (Some(word), _) if words.find_variant(word).is_none() => {
                        words.expect_variant(word, errors);
                    }
                    // `OnFailure::Shutdown`
                    (None, Some(word)) => errors.report_with_help(
                        self.value_tokens(),
                        format_args!("`{}` takes one word", self.key),
                        format_args!("write `{}({word})`", self.key),
                    ),
                    _ => self.report_missing_parentheses("one word", errors),
                },
                _ => self.report_missing_parentheses("one word", errors),
            }
            return None;
        };
        let found = words.find_variant_named(&text.value(), text.span());
        if found.is_none() {
            errors.report_with_help(text, words.unknown_message(&text.value()), words.help_message(&text.value()));
        }
        found
    }

    /// The value of `key = 5`: a number in `range`, or an expression of type `ty`; otherwise an
    /// error. Every `ty` but `f64` takes only whole numbers.
    pub(crate) fn expect_number(
        &self,
        ty: &str,
        range: RangeInclusive<f64>,
        errors: &mut Errors,
    ) -> Option<NumberValue> {
        let value = self.as_expr().map(|value| number::parse_number(&self.key, value, ty, range, errors));
        value.unwrap_or(Err(NotANumber)).unwrap_or_else(|NotANumber| {
            self.report_wrong_value(if ty == "f64" { "a number" } else { "a whole number" }, errors);
            None
        })
    }
}

/// The word for which a path such as `OnFailure::Shutdown` was written.
fn meant_word(path: &syn::Path, words: &WordSet) -> Option<String> {
    let last = path.segments.last()?.ident.to_string().to_lowercase();
    words.find_variant_named(&last, Span::call_site()).map(|_| last)
}

/// The expression as a string literal.
pub(crate) fn literal_string(expr: &Expr) -> Option<&LitStr> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::words::ON_FAILURE;

    const TABLE: KeyTable = KeyTable::new(&[
        AttributeKey { name: "name", form: "name = \"x\"" },
        AttributeKey { name: "delays", form: "delays(Run = \"1s\")" },
        AttributeKey { name: "max", form: "max = 5" },
        AttributeKey { name: "on_failure", form: "on_failure(exit)" },
    ]);

    fn entries(text: &str, errors: &mut Errors) -> Vec<KeyEntry> {
        read_entries(ArgList::parse(text.parse().expect("tokens")).args(errors), &TABLE, errors)
    }

    fn faults(text: &str) -> Vec<String> {
        let mut errors = Errors::default();
        for entry in entries(text, &mut errors) {
            match entry.name {
                "name" => drop(entry.expect_string(&mut errors)),
                "delays" => drop(entry.expect_list(&mut errors)),
                "max" => drop(entry.expect_number("u32", 0.0..=f64::from(u32::MAX), &mut errors)),
                _ => drop(entry.expect_word(&ON_FAILURE, &mut errors)),
            }
        }
        errors.messages().into_iter().map(|(message, at)| format!("{message} @ {at}")).collect()
    }

    #[test]
    fn entries_that_are_valid_have_no_errors() {
        let nothing: Vec<String> = Vec::new();
        assert_eq!(faults("name = \"a\", delays(Run = \"1s\"), max = 4_294_967_295, on_failure = \"ignore\""), nothing);
        assert_eq!(faults("max = MOST, on_failure(shutdown),"), nothing);
        assert_eq!(faults(""), nothing);
    }

    #[test]
    fn entry_that_is_invalid_is_one_error_at_its_token() {
        assert_eq!(faults("nam = \"a\""), ["unknown key `nam` @ nam"]);
        assert_eq!(faults("name = \"a\", name = 5"), ["`name` is written twice @ name"]);
        assert_eq!(faults("name = 5"), ["`name` takes a string @ 5"]);
        assert_eq!(faults("name, max"), ["`name` has no value @ name", "`max` has no value @ max"]);
        assert_eq!(faults("delays = \"1s\""), ["`delays` takes a list @ \"1s\""]);
        assert_eq!(faults("delays()"), ["`delays()` is empty @ ()"]);
        assert_eq!(faults("max = -1"), ["`max` cannot be -1 @ -1"]);
        assert_eq!(faults("max = 4294967296"), ["`max` cannot be 4294967296 @ 4294967296"]);
        assert_eq!(faults("max = 1e400"), ["`max` takes a whole number @ 1e400"]);
        assert_eq!(faults("on_failure(exot)"), ["`on_failure` cannot be `exot` @ exot"]);
        assert_eq!(faults("on_failure(exit, ignore)"), ["`on_failure(..)` takes one word @ ignore"]);
        assert_eq!(faults("\"a\", 5"), ["a string without a key @ \"a\"", "expected a key @ 5"]);
    }
}
