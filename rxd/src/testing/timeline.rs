//! A trace as a table.

use super::trace::{Step, Trace};
use crate::lifecycle::state::{Cause, State, Transition};
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

/// More columns than this are no table any more: then there is one, with the service's name in it.
const MOST: usize = 8;

/// The steps of this range, of which one is marked.
///
/// ```text
///    seq     at  db     api
///      5     0s  run+   idle
/// ->   6     2s  run    idle-
/// ```
pub(super) fn draw(trace: &Trace, range: Range<usize>, mark: Option<u64>) -> String {
    let steps = &trace.steps[range.clone()];
    let shown =
        |name: &&String| at(trace, range.start, name).is_some() || steps.iter().any(|step| step.service == **name);
    let mut columns: Vec<&str> = trace.services.iter().filter(shown).map(String::as_str).collect();
    if columns.len() > MOST {
        columns = Vec::new();
    }
    let written_time = |time: Duration| if time.is_zero() { "0s".to_owned() } else { format!("{time:?}") };
    let times: Vec<String> = steps.iter().map(|step| written_time(step.at)).collect();
    let time = times.iter().map(String::len).max().unwrap_or(0).max(2);
    let widths: Vec<usize> = columns.iter().map(|name| name.len().max("init+".len())).collect();
    let mut text = format!("   {:>5}  {:>time$}", "seq", "at");
    for (name, width) in columns.iter().zip(&widths) {
        let _ = write!(text, "  {name:width$}");
    }
    text.truncate(text.trim_end().len());
    let mut inside: Vec<Option<State>> = columns.iter().map(|name| at(trace, range.start, name)).collect();
    for (step, at) in steps.iter().zip(&times) {
        let sign = if mark == Some(step.seq) { "->" } else { "  " };
        let _ = write!(text, "\n{sign} {:>5}  {at:>time$}", step.seq);
        for ((name, width), inside) in columns.iter().zip(&widths).zip(&mut inside) {
            let cell = match inside {
                _ if step.service == *name => written(step),
                Some(state) => state.to_string(),
                None => String::new(),
            };
            let _ = write!(text, "  {cell:width$}");
            if step.service == *name {
                *inside = (step.transition == Transition::Entering).then_some(step.state);
            }
        }
        if columns.is_empty() {
            let _ = write!(text, "  {} {}", step.service, written(step));
        }
        if step.cause != Cause::Normal {
            let _ = write!(text, "  {}", step.cause);
        }
        text.truncate(text.trim_end().len());
    }
    text
}

fn written(step: &Step) -> String {
    format!("{}{}", step.state, if step.transition == Transition::Entering { '+' } else { '-' })
}

/// Where a service is before this step.
fn at(trace: &Trace, before: usize, service: &str) -> Option<State> {
    let last = trace.steps[..before].iter().rev().find(|step| step.service == service)?;
    (last.transition == Transition::Entering).then_some(last.state)
}
