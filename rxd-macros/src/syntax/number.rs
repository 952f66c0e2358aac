//! Numbers: `5`, `0.2`, or any constant expression.

use crate::errors::Errors;
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use std::ops::RangeInclusive;
use syn::{Expr, ExprLit, Lit, UnOp};

/// The value is a literal of another kind. It was not reported: only its key knows an example.
pub(super) struct NotANumber;

/// The number in `value`, an expression of type `ty`. `Ok(None)` if it is not in `range`, which was
/// reported as an error about `key`.
pub(super) fn parse_number(
    key: &Ident,
    value: &Expr,
    ty: &str,
    range: RangeInclusive<f64>,
    errors: &mut Errors,
) -> Result<Option<NumberValue>, NotANumber> {
    let (negative, inner) = match value {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => (-1.0, &*unary.expr),
        value => (1.0, value),
    };
    let parsed: Option<f64> = match inner {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) if ty == "f64" => float.base10_parse().ok(),
        Expr::Lit(_) => None,
        // The compiler checks the type and the value of any other expression.
        _ => return Ok(Some(NumberValue { known: None, written: value.clone() })),
    };
    let parsed = parsed.ok_or(NotANumber)? * negative;
    // The literal `1e400` is parsed as infinity.
    if !range.contains(&parsed) || !parsed.is_finite() {
        let (least, most) = (range.start(), range.end());
        let bounds = match most.is_finite() {
            true => format!("write a number from {least} to {most}"),
            false => format!("write a finite number, {least} or more"),
        };
        let written = value.to_token_stream().to_string().replace(' ', "");
        errors.report_with_help(value, format_args!("`{key}` cannot be {written}"), bounds);
        return Ok(None);
    }
    Ok(Some(NumberValue { known: Some(parsed), written: value.clone() }))
}

/// The value of a key that takes a number.
pub(crate) struct NumberValue {
    /// The number, if it is a literal.
    known: Option<f64>,
    written: Expr,
}

impl NumberValue {
    /// Whether it is a literal of at most this number.
    pub(crate) fn is_known_up_to(&self, most: f64) -> bool {
        self.known.is_some_and(|number| number <= most)
    }

    /// Whether only the compiler can evaluate it.
    pub(crate) fn is_constant_expression(&self) -> bool {
        self.known.is_none()
    }

    /// The number as a floating-point literal, or the expression.
    pub(crate) fn float_tokens(&self) -> TokenStream {
        match self.known {
            Some(number) => {
                let mut literal = proc_macro2::Literal::f64_unsuffixed(number);
                literal.set_span(Span::call_site());
                literal.to_token_stream()
            }
            None => self.written.to_token_stream(),
        }
    }

    /// The literal or the expression, as written.
    pub(crate) fn integer_tokens(&self) -> TokenStream {
        self.written.to_token_stream()
    }
}
