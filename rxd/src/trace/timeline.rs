//! A trace as a table: [`Trace::timeline`] and [`Trace::around`].

use super::{Trace, TraceStep};
use crate::lifecycle::state::{Cause, State, Transition};
use std::ops::Range;
use std::time::Duration;

/// The greatest number of columns. With more services, all share one column that names the service.
const MAX_COLUMNS: usize = 8;
/// How many transitions [`Trace::around`] shows: before the marked one, and in all.
const SHOWN_BEFORE: usize = 25;
const SHOWN: usize = 35;

impl Trace {
    /// The transitions around one, which is marked. See [`timeline`](Trace::timeline).
    #[must_use]
    pub fn around(&self, seq: u64) -> String {
        let at = self.steps.iter().position(|step| step.seq >= seq).unwrap_or(self.steps.len());
        let from = at.saturating_sub(SHOWN_BEFORE);
        render(self, from..self.steps.len().min(from + SHOWN), Some(seq))
    }

    /// The whole trace as a table. Each transition has a line, and each service that made one has a
    /// column: with its transition on that line, or with the state in which it is meanwhile.
    #[must_use]
    pub fn timeline(&self) -> String {
        render(self, 0..self.steps.len(), None)
    }
}

/// The transitions of this range, of which one is marked.
///
/// ```text
///    seq     at  db     api
///      5     0s  run+   idle
/// ->   6     2s  run    idle-
/// ```
fn render(trace: &Trace, range: Range<usize>, mark: Option<u64>) -> String {
    let steps = &trace.steps[range.clone()];
    let shown = |name: &&String| {
        state_before(trace, range.start, name).is_some() || steps.iter().any(|step| step.service == **name)
    };
    let mut columns: Vec<&str> = trace.services.iter().filter(shown).map(String::as_str).collect();
    if columns.len() > MAX_COLUMNS {
        columns = Vec::new();
    }
    let time_text = |time: Duration| if time.is_zero() { "0s".to_owned() } else { format!("{time:?}") };
    let times: Vec<String> = steps.iter().map(|step| time_text(step.at)).collect();
    let time = times.iter().map(String::len).max().unwrap_or(0).max(2);
    let widths: Vec<usize> = columns.iter().map(|name| name.len().max("init+".len())).collect();
    let mut text = format!("   {:>5}  {:>time$}", "seq", "at");
    for (name, width) in columns.iter().zip(&widths) {
        let _ = write!(text, "  {name:width$}");
    }
    text.truncate(text.trim_end().len());
    let mut states: Vec<Option<State>> = columns.iter().map(|name| state_before(trace, range.start, name)).collect();
    for (step, at) in steps.iter().zip(&times) {
        let sign = if mark == Some(step.seq) { "->" } else { "  " };
        let _ = write!(text, "\n{sign} {:>5}  {at:>time$}", step.seq);
        for ((name, width), state) in columns.iter().zip(&widths).zip(&mut states) {
            let cell = match state {
                _ if step.service == *name => transition_text(step),
                Some(state) => state.to_string(),
                None => String::new(),
            };
            let _ = write!(text, "  {cell:width$}");
            if step.service == *name {
                *state = (step.transition == Transition::Entering).then_some(step.state);
            }
        }
        if columns.is_empty() {
            let _ = write!(text, "  {} {}", step.service, transition_text(step));
        }
        if step.cause != Cause::Normal {
            let _ = write!(text, "  {}", step.cause);
        }
        text.truncate(text.trim_end().len());
    }
    text
}

fn transition_text(step: &TraceStep) -> String {
    format!("{}{}", step.state, if step.transition == Transition::Entering { '+' } else { '-' })
}

/// The state in which a service is before this step.
fn state_before(trace: &Trace, before: usize, service: &str) -> Option<State> {
    let last = trace.steps[..before].iter().rev().find(|step| step.service == service)?;
    (last.transition == Transition::Entering).then_some(last.state)
}
