//! The parts of messages: a watch as it is written, what it asks, a list of names.

use super::model::{Edge, Effect, Keyword, Mode};
use super::reach;
use crate::lifecycle::state::Action;
use crate::text::Text;

/// How many names are listed before `.. and 37 more`.
const MAX_LISTED_NAMES: usize = 16;

/// What the watch asks of the service with this name: `` `b` to be in Run``.
pub(super) const fn write_condition(text: &mut Text, edge: &Edge<'_>, name: &str) {
    let condition = reach::condition_of(edge);
    text.quote(name);
    if condition.completed {
        text.push(" to have completed");
        return;
    }
    text.push(match condition.action {
        Action::Entering => " to be in ",
        Action::Exited => " to have left ",
        Action::Changing => " to enter or leave ",
        Action::NotIn => " not to be in ",
    });
    text.push(condition.state.name());
}

/// The name as messages show it.
pub(crate) fn quoted(name: &str) -> String {
    let mut text = Text::new();
    text.quote(name);
    text.as_str().to_owned()
}

/// The watch as [`write_watch`] shows it.
pub(crate) fn shown_watch(edge: &Edge<'_>) -> String {
    let mut text = Text::new();
    write_watch(&mut text, edge);
    text.as_str().to_owned()
}

/// The watch as it is written, in backticks; a long list of targets is shortened.
pub(super) const fn write_watch(text: &mut Text, edge: &Edge<'_>) {
    text.push("`#[");
    match edge.keyword {
        Keyword::Needs => text.push("needs("),
        Keyword::After => text.push("after("),
        Keyword::Watch => {
            text.push(match edge.mode {
                Mode::Any => "watch(any, ",
                Mode::All => "watch(all, ",
            });
            text.push(edge.action.as_str());
            text.push(", ");
            text.push(edge.state.name());
            if !edge.targets.is_empty() {
                text.push(", ");
            }
        }
    }
    let mut i = 0;
    while i < edge.targets.len() {
        if i > 0 {
            text.push(", ");
        }
        if i == 3 && edge.targets.len() > 4 {
            text.push("..");
            break;
        }
        let target = &edge.targets[i];
        text.push(if target.by_type { "" } else { "\"" });
        text.push(target.text);
        text.push(if target.by_type { "" } else { "\"" });
        i += 1;
    }
    if matches!(edge.keyword, Keyword::Watch) {
        text.push(match edge.effect {
            Effect::GateInit => ", then(init)",
            Effect::GateRun => "",
            Effect::Stop => ", then(stop)",
            Effect::Exit => ", then(exit)",
            Effect::Stream => ", stream(",
        });
        if matches!(edge.effect, Effect::Stream) {
            text.push(edge.stream);
            text.push(")");
        }
    }
    text.push(")]`");
}

/// The opposite of what a gate asks, as an attribute writes it: `` `not_in, Run` ``. That of `any` is
/// `all`; one target, or one of several, needs no such word.
pub(super) const fn write_opposite(text: &mut Text, gate: &Edge<'_>) {
    let condition = reach::condition_of(gate);
    text.push(if reach::requires_all(gate) { "`" } else { "`all, " });
    text.push(match condition.action {
        Action::NotIn | Action::Exited => "entering, ",
        Action::Entering | Action::Changing => "not_in, ",
    });
    text.push(condition.state.name());
    text.push("`");
}

/// The verb before the name of a target: `watches `.
pub(super) const fn write_verb(text: &mut Text, edge: &Edge<'_>) {
    text.push(match edge.keyword {
        Keyword::Watch => "watches ",
        Keyword::Needs => "needs ",
        Keyword::After => "comes after ",
    });
}

/// A list of names. A long one ends with the number of those that are left out.
pub(super) struct NameList<'t> {
    text: &'t mut Text,
    count: usize,
    end: usize,
}

impl<'t> NameList<'t> {
    pub(super) const fn new(text: &'t mut Text) -> Self {
        let end = text.len() + 1024;
        NameList { text, count: 0, end }
    }

    pub(super) const fn push(&mut self, name: &str) {
        if self.shows(name) {
            if self.count > 0 {
                self.text.push(", ");
            }
            self.text.quote(name);
        } else if self.end != 0 {
            // `end == 0` means: the list is full, and `count` counts what is left out.
            self.end = 0;
            self.text.push(if self.count > 0 { ", .. and " } else { "" });
            self.count = 0;
        }
        self.count += 1;
    }

    const fn shows(&self, name: &str) -> bool {
        self.count < MAX_LISTED_NAMES && self.text.len() + name.len() < self.end
    }

    pub(super) const fn end(self) {
        if self.end == 0 {
            self.text.number(self.count);
            self.text.push(" more");
        }
    }
}
