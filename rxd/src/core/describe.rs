//! Gates in words.

use crate::board::{Condition, WatcherSpec};
use crate::core::Core;
use crate::graph::Mode;

/// A gate in words: `` all of `db`, `cache` entering Run ``.
pub(crate) fn describe(core: &Core, gate: &WatcherSpec) -> String {
    let names: Vec<String> = gate.targets.iter().map(|&id| format!("`{}`", core.name(id))).collect();
    let names = names.join(", ");
    let mode = match gate.mode {
        _ if gate.targets.len() == 1 => "",
        Mode::Any => "any of ",
        Mode::All => "all of ",
    };
    match gate.condition {
        Condition::State(action, state) => {
            let action = action.as_str().replace('_', " ");
            format!("{mode}{names} {action} {}", state.name())
        }
        Condition::Completed => format!("{mode}{names} to complete"),
        Condition::Failed => format!("{mode}{names} to fail"),
    }
}
