//! The syntax tree of a watch.

use crate::errors::Errors;
use crate::syntax::args::ArgList;
use crate::syntax::duration::DurationValue;
use crate::syntax::item::last_segment;
use crate::syntax::span::outer_spans;
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, LitStr, Type};

/// The attribute that a watch is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchKeyword {
    Watch,
    Needs,
    After,
}

impl WatchKeyword {
    /// The keyword that the path of an attribute ends with.
    pub(crate) fn of(attr: &Attribute) -> Option<WatchKeyword> {
        let word = last_segment(attr.path())?;
        [WatchKeyword::Watch, WatchKeyword::Needs, WatchKeyword::After]
            .into_iter()
            .find(|keyword| word == keyword.word())
    }

    /// The name of the attribute: `watch`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            WatchKeyword::Watch => "watch",
            WatchKeyword::Needs => "needs",
            WatchKeyword::After => "after",
        }
    }

    /// The key in the arguments of `#[rxd::service]` that holds an attribute written before it.
    pub(crate) fn word_before_service(self) -> &'static str {
        match self {
            WatchKeyword::Watch => "__watch",
            WatchKeyword::Needs => "__needs",
            WatchKeyword::After => "__after",
        }
    }

    /// The keyword of such a key.
    pub(crate) fn of_word_before_service(word: &Ident) -> Option<WatchKeyword> {
        [WatchKeyword::Watch, WatchKeyword::Needs, WatchKeyword::After]
            .into_iter()
            .find(|keyword| word == keyword.word_before_service())
    }

    /// An example, for messages.
    pub(crate) fn example(self) -> &'static str {
        match self {
            WatchKeyword::Watch => "#[watch(any, entering, Run, \"service\")]",
            WatchKeyword::Needs => "#[needs(\"service\")]",
            WatchKeyword::After => "#[after(\"service\")]",
        }
    }
}

/// One `#[watch]`, `#[needs]` or `#[after]`.
///
/// What was written and what is valid are one type: the model changes nothing in a watch, and
/// leaves out those with faults. In a valid watch all of it was understood, and a `#[watch]` has
/// its sentence.
pub(crate) struct WatchAttr {
    pub(crate) keyword: WatchKeyword,
    /// The arguments, as written.
    pub(crate) list: ArgList,
    /// `None` for `#[needs]` and `#[after]`.
    pub(crate) sentence: Option<WatchSentence>,
    pub(crate) targets: Vec<WatchTarget>,
    /// The variant of `Effect` for `then(..)`.
    pub(crate) effect: Option<Ident>,
    pub(crate) within: Option<DurationValue>,
    /// `lasts = ..`, or of a `#[needs]` its `grace = ..`.
    pub(crate) lasts: Option<DurationValue>,
    pub(crate) stream: Option<Ident>,
    /// The function that returns what the target provides, and the target's type.
    pub(crate) value: Option<(Ident, Box<Type>)>,
    /// Errors about what was not understood. The model reports them.
    pub(crate) faults: Errors,
    /// Whether there are faults, or one that the compiler reports by itself.
    pub(crate) is_broken: bool,
}

/// The first three words of a `#[watch]`, as variants of `Mode`, `Action` and `State`.
pub(crate) struct WatchSentence {
    pub(crate) mode: Ident,
    pub(crate) action: Ident,
    pub(crate) state: Ident,
}

/// One service that is watched.
pub(crate) enum WatchTarget {
    Name(LitStr),
    Type(Box<Type>),
}

impl WatchTarget {
    /// Equal for equal targets.
    pub(crate) fn comparable_text(&self) -> String {
        match self {
            WatchTarget::Name(name) => format!("{:?}", name.value()),
            WatchTarget::Type(path) => path.to_token_stream().to_string().replace(' ', ""),
        }
    }

    /// The spans of its first and its last token.
    pub(crate) fn outer_spans(&self) -> (Span, Span) {
        match self {
            WatchTarget::Name(name) => (name.span(), name.span()),
            WatchTarget::Type(ty) => outer_spans(ty),
        }
    }

    /// The target in messages.
    pub(crate) fn display_text(&self) -> String {
        match self {
            WatchTarget::Name(name) => name.value(),
            WatchTarget::Type(_) => self.comparable_text(),
        }
    }
}

impl ToTokens for WatchTarget {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            WatchTarget::Name(name) => name.to_tokens(tokens),
            WatchTarget::Type(path) => path.to_tokens(tokens),
        }
    }
}
