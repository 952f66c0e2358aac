//! The errors of one expansion. They are collected until its end, so that one compilation reports
//! every fault of an item, each once.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// A list of errors.
///
/// A message is lower case and has no full stop. Code in it is in backticks. A second line says
/// what to write instead: `help: ..`.
#[derive(Clone, Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// Reports `message`, spanned at all of `tokens`.
    pub(crate) fn report(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Reports `message` with a line of `help`, spanned at all of `tokens`.
    pub(crate) fn report_with_help(
        &mut self,
        tokens: impl ToTokens,
        message: impl std::fmt::Display,
        help: impl std::fmt::Display,
    ) {
        self.report(tokens, format_args!("{message}\nhelp: {help}"));
    }

    /// Reports an error of a `syn` parser.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Reports all errors of another list.
    pub(crate) fn extend(&mut self, others: &Errors) {
        self.0.extend(others.0.iter().cloned());
    }

    /// Whether there are no errors so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of errors so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first line of each message, and the source text at its span.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<(String, String)> {
        let text = |error: &syn::Error| error.span().source_text().unwrap_or_default();
        self.0.iter().map(|error| (error.to_string().lines().take(1).collect(), text(error))).collect()
    }
}

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for error in &self.0 {
            error.to_compile_error().to_tokens(tokens);
        }
    }
}
