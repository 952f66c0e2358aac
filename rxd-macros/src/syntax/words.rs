//! The words of the attributes, and the items of `rxd` they stand for.

use super::near;
use crate::errors::Errors;
use proc_macro2::{Ident, Span};
use syn::Type;

/// One set of words: each with the variant it stands for.
pub(crate) struct WordSet {
    /// What the words are, for messages.
    pub(crate) what: &'static str,
    pub(crate) all: &'static [(&'static str, &'static str)],
    /// Other words people write, and what they mean by them.
    pub(crate) also: &'static [(&'static str, &'static str)],
}

pub(crate) const STATES: WordSet = WordSet {
    what: "state",
    all: &[
        ("Init", "Init"),
        ("Idle", "Idle"),
        ("Run", "Run"),
        ("Stop", "Stop"),
        ("Exit", "Exit"),
        ("Unknown", "Unknown"),
    ],
    also: &[
        ("Running", "Run"),
        ("Ready", "Run"),
        ("Started", "Run"),
        ("Stopped", "Stop"),
        ("Exited", "Exit"),
        ("Done", "Exit"),
    ],
};

/// The states in which a method of the service is called.
pub(crate) const METHODS: WordSet =
    WordSet { what: "state", all: &[("Init", "Init"), ("Idle", "Idle"), ("Run", "Run"), ("Stop", "Stop")], also: &[] };

pub(crate) const MODES: WordSet = WordSet { what: "mode", all: &[("any", "Any"), ("all", "All")], also: &[] };

pub(crate) const ACTIONS: WordSet = WordSet {
    what: "action",
    all: &[("entering", "Entering"), ("exited", "Exited"), ("changing", "Changing"), ("not_in", "NotIn")],
    also: &[
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
    what: "`then`",
    all: &[("init", "GateInit"), ("run", "GateRun"), ("stop", "Stop"), ("exit", "Exit")],
    also: &[],
};

pub(crate) const ON_FAILURE: WordSet = WordSet {
    what: "`on_failure`",
    all: &[("exit", "Exit"), ("shutdown", "Shutdown"), ("ignore", "Ignore")],
    also: &[],
};

pub(crate) const ON_STALE: WordSet =
    WordSet { what: "`on_stale`", all: &[("stop_pinging", "StopPinging"), ("restart", "Restart")], also: &[] };

pub(crate) const MANAGERS: WordSet =
    WordSet { what: "manager", all: &[("continuous", "continuous"), ("until_success", "until_success")], also: &[] };

/// Constructors of `SignalKind`.
pub(crate) const SIGNALS: WordSet = WordSet {
    what: "signal",
    all: &[
        ("interrupt", "INTERRUPT"),
        ("terminate", "TERMINATE"),
        ("quit", "QUIT"),
        ("hangup", "HANGUP"),
        ("user1", "USER1"),
        ("user2", "USER2"),
    ],
    also: &[
        ("SIGINT", "interrupt"),
        ("SIGTERM", "terminate"),
        ("SIGQUIT", "quit"),
        ("SIGHUP", "hangup"),
        ("SIGUSR1", "user1"),
        ("SIGUSR2", "user2"),
    ],
};

impl WordSet {
    /// The words themselves.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.all.iter().map(|(word, _)| *word).collect()
    }

    /// The variant `word` stands for, with its span.
    pub(crate) fn get(&self, word: &Ident) -> Option<Ident> {
        self.find(&word.to_string(), word.span())
    }

    /// The variant `word` stands for.
    pub(crate) fn find(&self, word: &str, span: Span) -> Option<Ident> {
        self.all.iter().find(|(name, _)| *name == word).map(|(_, variant)| Ident::new(variant, span))
    }

    /// The variant `word` stands for; otherwise an error.
    pub(crate) fn expect(&self, word: &Ident, errors: &mut Errors) -> Option<Ident> {
        let found = self.get(word);
        if found.is_none() {
            errors.help(word, self.unknown(&word.to_string()), self.help(&word.to_string()));
        }
        found
    }

    /// "unknown state `Rum`"
    pub(crate) fn unknown(&self, word: &str) -> String {
        match self.what.strip_prefix('`') {
            Some(_) => format!("{} cannot be `{word}`", self.what),
            None => format!("unknown {} `{word}`", self.what),
        }
    }

    /// The nearest word, or all of them.
    pub(crate) fn help(&self, word: &str) -> String {
        match self.also.iter().find(|(also, _)| *also == word) {
            Some((_, meant)) => format!("did you mean `{meant}`?"),
            None => near::help(word, &self.names()),
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
