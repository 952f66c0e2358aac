//! What is valid: each watch by itself, and the watches of one service together.

use super::ast::{WatchAttr, WatchKeyword, WatchTarget};
use crate::errors::Errors;
use crate::syntax::duration::DurationValue;
use proc_macro2::Ident;
use syn::{Generics, Type};

/// The service that the watches are written on.
pub(crate) struct WatchOwner<'a> {
    pub(crate) name: &'a str,
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
}

/// The watches of one service.
#[derive(Default)]
pub(crate) struct ServiceWatches {
    pub(crate) valid: Vec<WatchAttr>,
    /// The streams of watches that are not valid. Their functions are generated all the same, so
    /// that code which calls them is not an error, too.
    pub(crate) unresolved: Vec<Ident>,
    /// The watches that are not valid and have a value, for the same reason.
    pub(crate) unresolved_values: Vec<WatchAttr>,
}

impl ServiceWatches {
    /// Checks every watch by itself, and against those before it.
    pub(crate) fn check(attrs: Vec<WatchAttr>, owner: &WatchOwner<'_>, errors: &mut Errors) -> ServiceWatches {
        let mut watches = ServiceWatches::default();
        for watch in attrs {
            errors.extend(&watch.faults);
            if watch.is_broken {
                watches.keep_functions(watch, owner);
                continue;
            }
            let before = errors.len();
            watch.check_by_itself(owner, errors);
            watches.check_against_earlier(&watch, errors);
            if errors.len() == before {
                watches.valid.push(watch);
            } else {
                watches.keep_functions(watch, owner);
            }
        }
        watches
    }

    /// Keeps the functions of a watch that is not valid, except where one of that name exists.
    fn keep_functions(&mut self, watch: WatchAttr, owner: &WatchOwner<'_>) {
        let exists = |name: &Ident| self.streams().chain(self.values()).any(|other| other == name);
        if watch.stream.as_ref().is_some_and(|stream| !exists(stream)) {
            self.unresolved.extend(watch.stream);
        } else if watch.value_name().is_some_and(|value| !exists(value)) {
            // Neither provides anything, which would be an error that follows from the first.
            if !watch.targets.iter().any(|target| target.is_parameter(owner) || target.is_owner(owner)) {
                self.unresolved_values.push(watch);
            }
        }
    }

    /// The values of all watches so far.
    fn values(&self) -> impl Iterator<Item = &Ident> {
        self.valid.iter().chain(&self.unresolved_values).filter_map(WatchAttr::value_name)
    }

    /// The streams of all watches so far.
    fn streams(&self) -> impl Iterator<Item = &Ident> {
        self.valid.iter().filter_map(|watch| watch.stream.as_ref()).chain(&self.unresolved)
    }

    /// Reports what contradicts an earlier watch.
    fn check_against_earlier(&self, watch: &WatchAttr, errors: &mut Errors) {
        if let Some(name) = watch.stream.as_ref().or(watch.value_name()) {
            let (is_stream, is_value) =
                (self.streams().any(|other| other == name), self.values().any(|other| other == name));
            if is_stream || is_value {
                let what = match (is_stream, watch.stream.is_some()) {
                    (true, true) => "two streams are",
                    (false, false) => "two values are",
                    _ => "a stream and a value are",
                };
                errors.report_with_help(
                    name,
                    format_args!("{what} called `{name}`"),
                    "each becomes a function: give this one another name",
                );
                return;
            }
        }
        if self.valid.iter().any(|earlier| earlier.meaning() == watch.meaning()) {
            errors.report_with_help(
                &watch.list.tokens,
                format_args!("this `#[{}]` is written twice", watch.keyword.word()),
                "remove one of them",
            );
            return;
        }
        let opposite = match watch.keyword {
            WatchKeyword::Watch => return,
            WatchKeyword::Needs => WatchKeyword::After,
            WatchKeyword::After => WatchKeyword::Needs,
        };
        for target in &watch.targets {
            let mut others = self.valid.iter().filter(|earlier| earlier.keyword == opposite);
            if others
                .any(|earlier| earlier.targets.iter().any(|other| other.comparable_text() == target.comparable_text()))
            {
                errors.report_with_help(
                    target,
                    format_args!("`#[needs]` and `#[after]` contradict each other about `{}`", target.display_text()),
                    "`#[needs]` waits until it is in Run, `#[after]` until it has completed: keep one of them",
                );
            }
        }
    }
}

impl WatchAttr {
    /// The name of the function that returns its value.
    fn value_name(&self) -> Option<&Ident> {
        self.value.as_ref().map(|(name, _)| name)
    }

    /// Whether it is a gate.
    fn is_gate(&self) -> bool {
        let reacts = self.effect.as_ref().is_some_and(|effect| effect == "Stop" || effect == "Exit");
        self.stream.is_none() && !reacts
    }

    /// Reports what is wrong with this watch alone.
    fn check_by_itself(&self, owner: &WatchOwner<'_>, errors: &mut Errors) {
        for (i, target) in self.targets.iter().enumerate() {
            if self.targets[..i].iter().any(|earlier| earlier.comparable_text() == target.comparable_text()) {
                errors.report_with_help(
                    target,
                    format_args!("`{}` is named twice", target.display_text()),
                    "remove one of them",
                );
            } else if target.is_parameter(owner) {
                errors.report_with_help(
                    target,
                    format_args!("`{}` is a parameter of `{}`, not a service", target.display_text(), owner.ident),
                    "a watch names one service for all parameters: write its type, or its name as a string",
                );
            } else if target.is_owner(owner) {
                let what = if self.is_gate() { "waits for" } else { "watches" };
                errors.report_with_help(
                    target,
                    format_args!("service `{}` {what} itself", owner.name),
                    "name another service; what a service does in its own states goes into its methods",
                );
            }
        }
        self.check_lasts(errors);
        if let (Some(within), false) = (&self.within, self.is_gate()) {
            let what = if self.stream.is_some() { "a stream" } else { "a reaction" };
            errors.report_with_help(
                within.expression(),
                format_args!("`within` is for gates, and this watch is {what}"),
                "a gate holds its service back (no `then`, `then(init)` or `then(run)`); `within` limits for how long",
            );
        }
    }

    /// Reports a time for which the condition cannot last.
    fn check_lasts(&self, errors: &mut Errors) {
        let (Some(lasts), WatchKeyword::Watch) = (&self.lasts, self.keyword) else { return };
        if self.stream.is_some() {
            errors.report_with_help(
                lasts.expression(),
                "`lasts` is for gates and reactions, and this watch is a stream",
                "a stream yields each time that the condition comes true: remove `lasts`",
            );
        } else if self.sentence.as_ref().is_some_and(|sentence| sentence.action == "Changing") {
            errors.report_with_help(
                lasts.expression(),
                "`changing` comes true for an instant only, and cannot last",
                "write `entering`, `exited` or `not_in`, or remove `lasts`",
            );
        } else if let (Some(time), Some(within)) = (lasts.known(), self.within.as_ref().and_then(DurationValue::known))
        {
            if time > within && self.is_gate() {
                errors.report_with_help(
                    lasts.expression(),
                    format_args!("the gate never opens: `lasts` is {time:?}, and `within` is {within:?}"),
                    "make `within` longer, or `lasts` shorter",
                );
            }
        }
    }

    /// Equal for watches that mean the same, however they are written.
    fn meaning(&self) -> String {
        let mut targets: Vec<String> = self.targets.iter().map(WatchTarget::comparable_text).collect();
        targets.sort();
        let sentence = self.sentence.as_ref().map(|sentence| {
            // With a single target, `any` and `all` mean the same.
            let mode = if targets.len() == 1 { String::new() } else { sentence.mode.to_string() };
            format!("{mode} {} {}", sentence.action, sentence.state)
        });
        // Without `then`, a watch is a gate before Run.
        let effect = self.effect.as_ref().map_or("GateRun".to_owned(), Ident::to_string);
        let stream = self.stream.as_ref().map(Ident::to_string);
        format!("{:?} {sentence:?} {effect} {stream:?} {targets:?}", self.keyword)
    }
}

impl WatchTarget {
    /// Whether the target is a type parameter of the watch's service.
    fn is_parameter(&self, owner: &WatchOwner<'_>) -> bool {
        let WatchTarget::Type(ty) = self else { return false };
        let Type::Path(path) = &**ty else { return false };
        owner.generics.type_params().any(|param| path.path.is_ident(&param.ident))
    }

    /// Whether the target is the service of the watch itself, by name or by type.
    fn is_owner(&self, owner: &WatchOwner<'_>) -> bool {
        match self {
            WatchTarget::Name(name) => name.value() == owner.name,
            WatchTarget::Type(ty) => match &**ty {
                // `other::Poller` may be another type of the same name.
                Type::Path(path) if path.path.segments.len() == 1 => {
                    let ident = &path.path.segments[0].ident;
                    ident == owner.ident || ident == "Self"
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests;
