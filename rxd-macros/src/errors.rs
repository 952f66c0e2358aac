//! What is wrong, gathered until the end: every fault of an item is reported in one go, each once.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// An accumulator of errors.
///
/// A message is lower case, without a full stop, with code in backticks; a `help: ..` line says
/// what to write instead.
#[derive(Clone, Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// Reports `message` at all of `tokens`.
    pub(crate) fn report(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Reports `message`, and what to write instead, at all of `tokens`.
    pub(crate) fn report_with_help(
        &mut self,
        tokens: impl ToTokens,
        message: impl std::fmt::Display,
        help: impl std::fmt::Display,
    ) {
        self.report(tokens, format_args!("{message}\nhelp: {help}"));
    }

    /// Reports what a parser of `syn` found.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Reports what was found elsewhere.
    pub(crate) fn extend(&mut self, others: &Errors) {
        self.0.extend(others.0.iter().cloned());
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many faults there are so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first line of every message, and the text it points at.
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
