//! What is valid: the sentence each attribute makes, and what one service alone can contradict.

use super::attr::{Keyword, Written};
use crate::errors::Errors;
use crate::syntax::args::Arg;
use crate::syntax::duration::Time;
use crate::syntax::keys::{self, Key, Table};
use crate::syntax::words as syntax;
use crate::syntax::words::{ACTIONS, EFFECTS, MODES, STATES, state_ident};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Lit, LitStr, Type};

/// One valid watch.
pub(crate) struct Edge {
    pub(crate) keyword: Keyword,
    pub(crate) sentence: Option<Sentence>,
    pub(crate) targets: Vec<Target>,
    /// The variant of `Effect`.
    pub(crate) effect: Option<Ident>,
    pub(crate) within: Option<Time>,
    pub(crate) stream: Option<Ident>,
    /// All that stands between the parentheses.
    pub(crate) tokens: TokenStream,
}

/// The first three words of a `#[watch]`, as variants of `Mode`, `Action` and `State`.
pub(crate) struct Sentence {
    pub(crate) mode: Ident,
    pub(crate) action: Ident,
    pub(crate) state: Ident,
}

/// One service that is watched.
pub(crate) enum Target {
    Name(LitStr),
    Type(Box<Type>),
}

impl Target {
    /// The target in a form that can be compared.
    fn text(&self) -> String {
        match self {
            Target::Name(name) => format!("{:?}", name.value()),
            Target::Type(path) => path.to_token_stream().to_string().replace(' ', ""),
        }
    }

    /// The target as it is written, for messages.
    fn shown(&self) -> String {
        match self {
            Target::Name(name) => name.value(),
            Target::Type(_) => self.text(),
        }
    }
}

impl ToTokens for Target {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Target::Name(name) => name.to_tokens(tokens),
            Target::Type(path) => path.to_tokens(tokens),
        }
    }
}

/// The service the watches are written on.
pub(crate) struct Owner<'a> {
    pub(crate) name: &'a str,
    pub(crate) ident: &'a Ident,
}

/// The watches of one service, and the streams of those that make no sense.
#[derive(Default)]
pub(crate) struct Edges {
    pub(crate) valid: Vec<Edge>,
    /// Streams of broken watches: their functions are generated all the same.
    pub(crate) lost: Vec<Ident>,
    /// States that are none, perhaps because they are still being typed.
    pub(crate) unfinished: Vec<Ident>,
}

impl Edges {
    /// Checks every attribute by itself, and all of them against each other.
    pub(crate) fn check(written: Vec<Written>, owner: &Owner<'_>, errors: &mut Errors) -> Edges {
        let mut edges = Edges::default();
        for written in written {
            let before = errors.len();
            let (edge, stream) = read(written, &mut edges.unfinished, errors);
            let Some(edge) = edge.filter(|_| errors.len() == before) else {
                edges.lost.extend(stream);
                continue;
            };
            edge.alone(owner, errors);
            edges.against(&edge, errors);
            if errors.len() == before {
                edges.valid.push(edge);
            } else if stream.as_ref().is_some_and(|stream| !edges.streams().any(|other| other == stream)) {
                edges.lost.extend(stream);
            }
        }
        edges
    }

    fn streams(&self) -> impl Iterator<Item = &Ident> {
        self.valid.iter().filter_map(|edge| edge.stream.as_ref()).chain(&self.lost)
    }

    /// What one edge can contradict in those before it.
    fn against(&self, edge: &Edge, errors: &mut Errors) {
        if let Some(stream) = &edge.stream {
            if self.streams().any(|earlier| earlier == stream) {
                errors.help(
                    stream,
                    format_args!("two streams are called `{stream}`"),
                    "each stream becomes a function of its own: give it another name",
                );
                return;
            }
        }
        if self.valid.iter().any(|earlier| earlier.says() == edge.says()) {
            errors.help(
                &edge.tokens,
                format_args!("this `#[{}]` is written twice", edge.keyword.word()),
                "remove one of them",
            );
            return;
        }
        let opposite = match edge.keyword {
            Keyword::Watch => return,
            Keyword::Needs => Keyword::After,
            Keyword::After => Keyword::Needs,
        };
        for target in &edge.targets {
            let mut others = self.valid.iter().filter(|earlier| earlier.keyword == opposite);
            if others.any(|earlier| earlier.targets.iter().any(|other| other.text() == target.text())) {
                errors.help(
                    target,
                    format_args!("`#[needs]` and `#[after]` contradict each other about `{}`", target.shown()),
                    "one waits until it is in Run, the other until it has ended: keep one of them",
                );
            }
        }
    }
}

impl Edge {
    /// Whether it holds its service back.
    fn is_gate(&self) -> bool {
        let reacts = self.effect.as_ref().is_some_and(|effect| effect == "Stop" || effect == "Exit");
        self.stream.is_none() && !reacts
    }

    /// What is wrong with it whatever else is written.
    fn alone(&self, owner: &Owner<'_>, errors: &mut Errors) {
        for (i, target) in self.targets.iter().enumerate() {
            if self.targets[..i].iter().any(|earlier| earlier.text() == target.text()) {
                errors.help(target, format_args!("`{}` is named twice", target.shown()), "remove one of them");
            } else if target.is(owner) {
                let what = if self.is_gate() { "waits for" } else { "watches" };
                errors.help(
                    target,
                    format_args!("service `{}` {what} itself", owner.name),
                    "name another service; what a service does in its own states goes into its methods",
                );
            }
        }
        if let (Some(within), false) = (&self.within, self.is_gate()) {
            let what = if self.stream.is_some() { "a stream" } else { "a reaction" };
            errors.help(
                within.written(),
                format_args!("`within` is for gates, and this watch is {what}"),
                "a gate holds its service back (no `then`, `then(init)` or `then(run)`); `within` limits for how long",
            );
        }
    }

    /// The edge in a form that can be compared: two that say the same are one too many.
    fn says(&self) -> String {
        let mut targets: Vec<String> = self.targets.iter().map(Target::text).collect();
        targets.sort();
        let sentence = self.sentence.as_ref().map(|sentence| {
            // Of a single target, any is all.
            let mode = if targets.len() == 1 { String::new() } else { sentence.mode.to_string() };
            format!("{mode} {} {}", sentence.action, sentence.state)
        });
        let effect = self.effect.as_ref().map_or("GateRun".to_owned(), Ident::to_string);
        let stream = self.stream.as_ref().map(Ident::to_string);
        format!("{:?} {sentence:?} {effect} {stream:?} {targets:?}", self.keyword)
    }
}

impl Target {
    fn is(&self, owner: &Owner<'_>) -> bool {
        match self {
            Target::Name(name) => name.value() == owner.name,
            Target::Type(ty) => match &**ty {
                Type::Path(path) if path.path.segments.len() == 1 => {
                    let ident = &path.path.segments[0].ident;
                    ident == owner.ident || ident == "Self"
                }
                _ => false,
            },
        }
    }
}

const THEN: Key = Key { name: "then", form: "then(stop)" };
const WITHIN: Key = Key { name: "within", form: "within = \"30s\"" };
const STREAM: Key = Key { name: "stream", form: "stream(name)" };
const WATCH: Table = Table::new(&[THEN, WITHIN, STREAM]);
const SHORT: Table = Table::new(&[WITHIN]);

/// Reads one attribute; the second part is its stream, also if the rest makes no sense.
fn read(written: Written, unfinished: &mut Vec<Ident>, errors: &mut Errors) -> (Option<Edge>, Option<Ident>) {
    let Written { keyword, word, args, broken, tokens } = written;
    let before = errors.len();
    if args.is_empty() && !broken {
        errors.help(&word, format_args!("`#[{word}]` says nothing"), format_args!("write `{}`", keyword.form()));
        return (None, None);
    }
    let (options, words): (Vec<Arg>, Vec<Arg>) =
        args.into_iter().partition(|arg| matches!(arg, Arg::List { .. } | Arg::Value { .. }));

    let mut edge =
        Edge { keyword, sentence: None, targets: Vec::new(), effect: None, within: None, stream: None, tokens };
    let known = match keyword {
        Keyword::Watch => &WATCH,
        Keyword::Needs | Keyword::After => &SHORT,
    };
    let (options, foreign): (Vec<Arg>, Vec<Arg>) = options.into_iter().partition(|arg| match arg {
        Arg::List { key, .. } | Arg::Value { key, .. } => {
            keyword == Keyword::Watch || (key != "then" && key != "stream")
        }
        _ => true,
    });
    let mut words = words.into_iter().peekable();
    if keyword == Keyword::Watch {
        edge.sentence = sentence(&word, &mut words, broken, unfinished, errors);
    } else {
        no_sentence(&word, &mut words, errors);
    }
    let mut written_targets = 0;
    for arg in words {
        written_targets += 1;
        edge.targets.extend(target(arg, errors));
    }
    for arg in foreign {
        let what = match keyword {
            Keyword::Needs => "`#[needs]` always holds back before Run and leaves Run",
            _ => "`#[after]` always holds back before Run",
        };
        errors.help(arg, what, "write a `#[watch(..)]` for anything else");
    }
    for entry in keys::read(options, known, errors) {
        match entry.name {
            "then" => edge.effect = entry.word(&EFFECTS, errors),
            "within" => edge.within = entry.positive(errors),
            _ => edge.stream = stream(&entry, errors),
        }
        // At the second of the two.
        if entry.name != "within" && edge.effect.is_some() && edge.stream.is_some() {
            errors.help(&entry.key, "a stream has no `then`", "write two watches: one with `then`, one with `stream`");
        }
    }
    if written_targets == 0 && errors.len() == before && !broken {
        errors.help(
            &word,
            format_args!("this `#[{word}]` names no service"),
            format_args!("write `{}`", keyword.form()),
        );
    }
    let stream = edge.stream.clone();
    (Some(edge).filter(|_| errors.len() == before && !broken), stream)
}

/// `any, entering, Run` in an attribute that only names services.
fn no_sentence(attr: &Ident, words: &mut Words<impl Iterator<Item = Arg>>, errors: &mut Errors) {
    let is = |arg: &Arg, all: &[&syntax::Words]| {
        arg.as_ident().is_some_and(|word| all.iter().any(|all| all.get(word).is_some()))
    };
    if let Some(first) = words.next_if(|arg| is(arg, &[&MODES, &ACTIONS])) {
        errors.help(
            first,
            format_args!("`#[{attr}]` only names services"),
            "it says by itself what it waits for; write a `#[watch(..)]` for anything else",
        );
        while words.next_if(|arg| is(arg, &[&MODES, &ACTIONS, &STATES])).is_some() {}
    }
}

/// `any, entering, Run`: each missing or unknown word is one error. What is missing is not
/// reported if some words could not be read.
fn sentence(
    attr: &Ident,
    words: &mut Words<impl Iterator<Item = Arg>>,
    broken: bool,
    unfinished: &mut Vec<Ident>,
    errors: &mut Errors,
) -> Option<Sentence> {
    let missing = |errors: &mut Errors, at: Option<&Arg>, what: &str| {
        let at = at.map_or_else(|| attr.to_token_stream(), ToTokens::to_token_stream);
        if !broken {
            errors.help(at, format_args!("expected {what}"), "a watch reads `any, entering, Run, \"service\"`");
        }
    };
    let mode = match words.peek().and_then(ident) {
        // The word after it, or a target: the first is missing.
        Some(word) if ACTIONS.get(&word).is_some() || STATES.get(&word).is_some() => {
            missing(errors, words.peek(), "`any` or `all` first");
            None
        }
        Some(word) => {
            words.next();
            MODES.expect(&word, errors)
        }
        None => {
            missing(errors, words.peek(), "`any` or `all` first");
            return None;
        }
    };
    let action = match words.peek().and_then(ident) {
        Some(word) if STATES.get(&word).is_some() => {
            missing(errors, words.peek(), "`entering`, `exited`, `changing` or `not_in` before the state");
            None
        }
        Some(word) => {
            words.next();
            ACTIONS.expect(&word, errors)
        }
        None => {
            missing(errors, words.peek(), "`entering`, `exited`, `changing` or `not_in`");
            return None;
        }
    };
    let state = match words.peek() {
        Some(Arg::Path(path)) => match state_ident(path) {
            Some(state) => {
                words.next();
                let found = STATES.expect(&state, errors);
                if found.is_none() {
                    unfinished.push(state);
                }
                found
            }
            None => {
                missing(errors, words.peek(), "a state");
                words.next();
                None
            }
        },
        Some(Arg::Lit(Lit::Str(text))) if STATES.find(&text.value(), text.span()).is_some() => {
            errors.help(text, "a state is written without quotes", format_args!("write `{}`", text.value()));
            words.next();
            None
        }
        other => {
            missing(errors, other, "a state");
            None
        }
    };
    Some(Sentence { mode: mode?, action: action?, state: state? })
}

fn ident(arg: &Arg) -> Option<Ident> {
    arg.as_ident().cloned()
}

type Words<I> = std::iter::Peekable<I>;

fn target(arg: Arg, errors: &mut Errors) -> Option<Target> {
    if let Some(word) = arg.as_ident() {
        if word.to_string().starts_with(|letter: char| letter.is_lowercase()) {
            errors.help(
                word,
                format_args!("`{word}` is neither a name nor a type"),
                format_args!("write the service's name as a string, `\"{word}\"`, or its type"),
            );
            return None;
        }
    }
    match arg {
        Arg::Lit(Lit::Str(name)) => {
            crate::syntax::name::checked(&name, errors)?;
            Some(Target::Name(name))
        }
        Arg::Path(path) => Some(Target::Type(Box::new(path))),
        other => {
            errors.help(other, "expected a service", "write its name, `\"health\"`, or its type");
            None
        }
    }
}

fn stream(entry: &keys::Entry, errors: &mut Errors) -> Option<Ident> {
    let Some(group) = entry.as_list() else {
        entry.wrong("one word", errors);
        return None;
    };
    let word = crate::syntax::args::word(&entry.key, group, errors, STREAM.form)?;
    if syn::parse2::<Ident>(word.to_token_stream()).is_err() {
        errors.help(&word, format_args!("`{word}` cannot be the name of a function"), "give the stream another name");
        return None;
    }
    Some(word)
}

#[cfg(test)]
mod tests;
