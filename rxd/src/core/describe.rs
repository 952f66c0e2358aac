//! Gates and reactions in words.

use crate::board::{Condition, Id, WatcherSpec};
use crate::core::Core;
use crate::graph::Mode;
use crate::lifecycle::duration::ExactDuration;
use crate::lifecycle::state::Action;
use crate::text::add_item;

/// A gate in words: `` all of `db`, `cache` entering Run ``.
pub(crate) fn describe(core: &Core, gate: &WatcherSpec) -> String {
    describe_quoted(core, gate, "`")
}

/// A reaction in words, and the service whose transition made it fire, if it watches several:
/// `` any of `db`, `cache` exited Run (`db`) ``.
pub(crate) fn describe_reaction(core: &Core, watch: &WatcherSpec, by: Option<Id>, quote: &str) -> String {
    let text = describe_quoted(core, watch, quote);
    match by {
        Some(by) if has_many(core, watch) => format!("{text} ({quote}{}{quote})", core.name(by)),
        _ => text,
    }
}

/// What a watch asks for, without the time for which that has to last: `any of db, cache exited Run`.
pub(crate) fn describe_condition(core: &Core, watch: &WatcherSpec) -> String {
    describe_quoted(core, &WatcherSpec { lasts: None, ..watch.clone() }, "")
}

/// Whether the watch is on several services, or on a family.
fn has_many(core: &Core, watch: &WatcherSpec) -> bool {
    watch.targets.len() > 1 || watch.targets.iter().any(|&id| core.families.of(id).is_some())
}

fn describe_quoted(core: &Core, watch: &WatcherSpec, quote: &str) -> String {
    let mut names = String::new();
    for &id in &watch.targets {
        add_item(&mut names, &format!("{quote}{}{quote}", core.name(id)));
    }
    let mode = match watch.mode {
        _ if !has_many(core, watch) => "",
        Mode::Any => "any of ",
        Mode::All => "all of ",
    };
    let lasts = watch.lasts.map_or_else(String::new, |lasts| format!(" for {}", ExactDuration(lasts)));
    match watch.condition {
        Condition::State(action, state) => {
            let action = if action == Action::NotIn { "not in" } else { action.as_str() };
            format!("{mode}{names} {action} {}{lasts}", state.name())
        }
        Condition::Completed => format!("{mode}{names} to complete"),
        Condition::Failed => format!("{mode}{names} to fail"),
    }
}
