//! Keyed arguments: `name = ".."`, `delays(..)`. A new key is one line in a table and one arm.

use super::args::{self, Arg};
use super::duration::{self, Time};
use super::near;
use super::words::Words;
use crate::errors::Errors;
use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{Expr, ExprLit, Lit, LitStr, UnOp};

/// One key that may be written.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// How it is written, for messages.
    pub(crate) form: &'static str,
}

/// One key with its value, as written.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    /// The key's name in the table.
    pub(crate) name: &'static str,
    form: &'static str,
    value: Form,
}

enum Form {
    Value(Expr),
    List(Group),
}

/// The entries of `list` with a known key, each key once; everything else is reported.
pub(crate) fn read(list: Vec<Arg>, known: &[Key], errors: &mut Errors) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let names: Vec<&str> = known.iter().map(|key| key.name).collect();
    for arg in list {
        let (key, value) = match arg {
            Arg::Value { key, value } => (key, Form::Value(value)),
            Arg::List { key, group } => (key, Form::List(group)),
            other => {
                bare(&other, known, &names, errors);
                continue;
            }
        };
        let Some(entry) = known.iter().find(|entry| key == entry.name) else {
            errors.help(&key, format_args!("unknown key `{key}`"), near::help(&key.to_string(), &names));
            continue;
        };
        if entries.iter().any(|earlier| earlier.name == entry.name) {
            errors.help(&key, format_args!("`{key}` is written twice"), "remove one of them");
            continue;
        }
        entries.push(Entry { key, name: entry.name, form: entry.form, value });
    }
    entries
}

/// Reports an argument without a key, or a key without a value.
fn bare(arg: &Arg, known: &[Key], names: &[&str], errors: &mut Errors) {
    match arg.as_ident() {
        Some(word) => match known.iter().find(|key| word == key.name) {
            Some(key) => errors.help(word, format_args!("`{word}` has no value"), format_args!("write `{}`", key.form)),
            None => errors.help(word, format_args!("unknown key `{word}`"), near::help(&word.to_string(), names)),
        },
        None => match (arg, known.iter().find(|key| key.name == "name")) {
            (Arg::Lit(Lit::Str(text)), Some(_)) => {
                errors.help(text, "a string without a key", format_args!("write `name = {:?}`", text.value()));
            }
            _ => errors.help(arg, "expected a key", format_args!("the keys are {}", near::list(names))),
        },
    }
}

impl Entry {
    /// Reports that the value has the wrong form.
    pub(crate) fn wrong(&self, errors: &mut Errors) {
        errors.help(
            self.value(),
            format_args!("wrong value for `{}`", self.key),
            format_args!("write `{}`", self.form),
        );
    }

    /// What was written as the value.
    pub(crate) fn value(&self) -> TokenStream {
        match &self.value {
            Form::Value(value) => value.to_token_stream(),
            Form::List(group) => group.to_token_stream(),
        }
    }

    /// `key = "string"`
    pub(crate) fn string(&self, errors: &mut Errors) -> Option<LitStr> {
        let found = self.as_string().cloned();
        if found.is_none() {
            self.wrong(errors);
        }
        found
    }

    /// The string of `key = "string"`, if it is written so.
    pub(crate) fn as_string(&self) -> Option<&LitStr> {
        match &self.value {
            Form::Value(value) => literal_string(value),
            Form::List(_) => None,
        }
    }

    /// The `expr` of `key = expr`, if it is written so.
    pub(crate) fn as_expr(&self) -> Option<&Expr> {
        match &self.value {
            Form::Value(value) => Some(value),
            Form::List(_) => None,
        }
    }

    /// The group of `key(..)`, if it is written so.
    pub(crate) fn as_list(&self) -> Option<&Group> {
        match &self.value {
            Form::Value(_) => None,
            Form::List(group) => Some(group),
        }
    }

    /// The arguments of `key(..)`.
    pub(crate) fn list(&self, errors: &mut Errors) -> Option<Vec<Arg>> {
        let Some(group) = self.as_list() else {
            self.wrong(errors);
            return None;
        };
        if group.stream().is_empty() {
            errors.help(group, format_args!("`{}()` says nothing", self.key), format_args!("write `{}`", self.form));
            return None;
        }
        Some(args::parse(group.stream(), errors))
    }

    /// `key = "250ms"`
    pub(crate) fn time(&self, errors: &mut Errors) -> Option<Time> {
        match &self.value {
            Form::Value(value) => duration::parse(&self.key.to_string(), value, errors),
            Form::List(_) => {
                self.wrong(errors);
                None
            }
        }
    }

    /// As [`time`](Entry::time), but zero is refused.
    pub(crate) fn positive(&self, errors: &mut Errors) -> Option<Time> {
        match &self.value {
            Form::Value(value) => duration::positive(&self.key.to_string(), value, errors),
            Form::List(_) => {
                self.wrong(errors);
                None
            }
        }
    }

    /// `key(word)` or `key = "word"`: what the word stands for.
    pub(crate) fn word(&self, words: &Words, errors: &mut Errors) -> Option<Ident> {
        if let Some(group) = self.as_list() {
            let word = args::word(&self.key, group, errors, self.form)?;
            return words.expect(&word, errors);
        }
        let text = self.string(errors)?;
        let found = words.find(&text.value(), text.span());
        if found.is_none() {
            errors.help(&text, words.unknown(&text.value()), words.help(&text.value()));
        }
        found
    }

    /// `key = 5`: a number of this range, or a constant expression of type `ty`.
    pub(crate) fn number(&self, ty: &str, range: std::ops::RangeInclusive<f64>, errors: &mut Errors) -> Option<Number> {
        let Form::Value(value) = &self.value else {
            self.wrong(errors);
            return None;
        };
        let (negative, inner) = match value {
            Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => (-1.0, &*unary.expr),
            value => (1.0, value),
        };
        let parsed: Option<f64> = match inner {
            Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
            Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) if ty != "u32" => float.base10_parse().ok(),
            Expr::Lit(_) => None,
            _ => return Some(Number { text: None, written: value.clone() }),
        };
        let Some(parsed) = parsed.map(|number| number * negative) else {
            self.wrong(errors);
            return None;
        };
        if !range.contains(&parsed) {
            let (least, most) = (range.start(), range.end());
            let bounds = match most.is_finite() {
                true => format!("write a number from {least} to {most}"),
                false => format!("write {least} or more"),
            };
            errors.help(value, format_args!("`{}` is out of range", self.key), bounds);
            return None;
        }
        Some(Number { text: Some(parsed), written: value.clone() })
    }
}

/// A number, as written.
pub(crate) struct Number {
    /// Its value, if it is known here.
    text: Option<f64>,
    written: Expr,
}

impl Number {
    /// As a literal of a floating-point number.
    pub(crate) fn float(&self) -> TokenStream {
        match self.text {
            Some(number) => {
                let mut literal = proc_macro2::Literal::f64_unsuffixed(number);
                literal.set_span(Span::call_site());
                literal.to_token_stream()
            }
            None => self.written.to_token_stream(),
        }
    }

    /// As written.
    pub(crate) fn int(&self) -> TokenStream {
        self.written.to_token_stream()
    }
}

/// The string an expression is, if it is a literal one.
pub(crate) fn literal_string(expr: &Expr) -> Option<&LitStr> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        Expr::Group(group) => literal_string(&group.expr),
        _ => None,
    }
}
