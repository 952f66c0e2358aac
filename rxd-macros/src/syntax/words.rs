//! The words in attributes, and the items of `rxd` that they stand for.

use super::near;
use crate::errors::Errors;
use proc_macro2::{Ident, Span};
use syn::Type;

/// The words that may be written in one place.
pub(crate) struct WordSet {
    /// What a word is called in messages: `state`.
    pub(crate) noun: &'static str,
    /// Each with the variant or item that it stands for.
    pub(crate) words: &'static [(&'static str, &'static str)],
    /// Words that people write by mistake, and the words they mean.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
}

pub(crate) const STATES: WordSet = WordSet {
    noun: "state",
    words: &[
        ("Init", "Init"),
        ("Idle", "Idle"),
        ("Run", "Run"),
        ("Stop", "Stop"),
        ("Exit", "Exit"),
        ("Unknown", "Unknown"),
    ],
    aliases: &[
        ("Running", "Run"),
        ("Ready", "Run"),
        ("Started", "Run"),
        ("Stopped", "Stop"),
        ("Exited", "Exit"),
        ("Done", "Exit"),
    ],
};

/// The states with a method.
pub(crate) const METHODS: WordSet = WordSet {
    noun: "state",
    words: &[("Init", "Init"), ("Idle", "Idle"), ("Run", "Run"), ("Stop", "Stop")],
    aliases: &[],
};

pub(crate) const MODES: WordSet = WordSet { noun: "mode", words: &[("any", "Any"), ("all", "All")], aliases: &[] };

pub(crate) const ACTIONS: WordSet = WordSet {
    noun: "action",
    words: &[("entering", "Entering"), ("exited", "Exited"), ("changing", "Changing"), ("not_in", "NotIn")],
    aliases: &[
        ("enter", "entering"),
        ("leaving", "exited"),
        ("left", "exited"),
        ("exit", "exited"),
        ("exiting", "exited"),
        ("changed", "changing"),
        ("change", "changing"),
    ],
};

pub(crate) const EFFECTS: WordSet = WordSet {
    noun: "`then`",
    words: &[("init", "GateInit"), ("run", "GateRun"), ("stop", "Stop"), ("exit", "Exit")],
    aliases: &[],
};

pub(crate) const ON_FAILURE: WordSet = WordSet {
    noun: "`on_failure`",
    words: &[("exit", "Exit"), ("shutdown", "Shutdown"), ("ignore", "Ignore")],
    aliases: &[],
};

/// Variants of `Readiness`.
pub(crate) const READINESS: WordSet =
    WordSet { noun: "`readiness`", words: &[("required", "Required"), ("optional", "Optional")], aliases: &[] };

/// Variants of `FirstRun`.
pub(crate) const FIRST: WordSet = WordSet {
    noun: "`first`",
    words: &[("at_once", "AtOnce"), ("after_period", "AfterPeriod")],
    aliases: &[("now", "at_once"), ("immediately", "at_once"), ("later", "after_period")],
};

/// Variants of `MissedRun`.
pub(crate) const MISSED: WordSet = WordSet {
    noun: "`missed`",
    words: &[("skip", "Skip"), ("run_once", "RunOnce")],
    aliases: &[("once", "run_once"), ("catch_up", "run_once"), ("drop", "skip")],
};

pub(crate) const ON_STALE: WordSet =
    WordSet { noun: "`on_stale`", words: &[("stop_pinging", "StopPinging"), ("restart", "Restart")], aliases: &[] };

pub(crate) const MANAGERS: WordSet = WordSet {
    noun: "manager",
    words: &[("continuous", "continuous"), ("until_success", "until_success")],
    aliases: &[],
};

/// Constants of `Signal`.
pub(crate) const SIGNALS: WordSet = WordSet {
    noun: "signal",
    words: &[
        ("interrupt", "INTERRUPT"),
        ("terminate", "TERMINATE"),
        ("quit", "QUIT"),
        ("hangup", "HANGUP"),
        ("user1", "USER1"),
        ("user2", "USER2"),
    ],
    aliases: &[
        ("SIGINT", "interrupt"),
        ("SIGTERM", "terminate"),
        ("SIGQUIT", "quit"),
        ("SIGHUP", "hangup"),
        ("SIGUSR1", "user1"),
        ("SIGUSR2", "user2"),
    ],
};

impl WordSet {
    /// The words, in the order of the documentation.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        self.words.iter().map(|(word, _)| *word).collect()
    }

    /// The word that stands for this variant.
    pub(crate) fn word_of(&self, variant: &Ident) -> &'static str {
        self.words.iter().find(|(_, name)| variant == name).map_or("", |(word, _)| word)
    }

    /// The variant for `word`, at the span of the word.
    pub(crate) fn find_variant(&self, word: &Ident) -> Option<Ident> {
        self.find_variant_named(&word.to_string(), word.span())
    }

    /// The variant for `word`, at `span`.
    pub(crate) fn find_variant_named(&self, word: &str, span: Span) -> Option<Ident> {
        self.words.iter().find(|(name, _)| *name == word).map(|(_, variant)| Ident::new(variant, span))
    }

    /// The variant for `word`; otherwise an error.
    pub(crate) fn expect_variant(&self, word: &Ident, errors: &mut Errors) -> Option<Ident> {
        let found = self.find_variant(word);
        if found.is_none() {
            errors.report_with_help(
                word,
                self.unknown_message(&word.to_string()),
                self.help_message(&word.to_string()),
            );
        }
        found
    }

    /// The message about an unknown word: "unknown state `Rum`".
    pub(crate) fn unknown_message(&self, word: &str) -> String {
        match self.noun.strip_prefix('`') {
            Some(_) => format!("{} cannot be `{word}`", self.noun),
            None => format!("unknown {} `{word}`", self.noun),
        }
    }

    /// The help for an unknown word: the nearest word, or all words.
    pub(crate) fn help_message(&self, word: &str) -> String {
        match self.aliases.iter().find(|(also, _)| *also == word) {
            Some((_, meant)) => format!("did you mean `{meant}`?"),
            None => near::did_you_mean(word, &self.words()),
        }
    }
}

/// The state a path names: `Run`, `State::Run`, `rxd::State::Run`.
pub(crate) fn state_ident(path: &Type) -> Option<Ident> {
    let Type::Path(path) = path else { return None };
    let segments = &path.path.segments;
    let last = segments.last()?;
    if path.qself.is_some() || !last.arguments.is_none() {
        return None;
    }
    match segments.len() {
        1 => Some(last.ident.clone()),
        n => (segments[n - 2].ident == "State").then(|| last.ident.clone()),
    }
}
