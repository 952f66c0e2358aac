//! The faults in the values of one service. Which values are wrong, and the messages about them, are in
//! [`options::check`](crate::lifecycle::options::check).

use super::{Service, ServiceConfig};
use crate::graph::declaration::has_dependencies;
use crate::graph::{self, Edge, Keyword};
#[cfg(feature = "cron")]
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::manager::Table;
use crate::lifecycle::options::check;
#[cfg(feature = "cron")]
use crate::lifecycle::options::recurrence::Recurrence;
use crate::lifecycle::options::service::{Recurring, ServiceOptions};

impl Service {
    /// Adds the faults of its values to `faults`; `of` makes the begin of a message, which names
    /// the service.
    pub(crate) fn option_faults(&self, of: &dyn Fn() -> String, faults: &mut Vec<String>) {
        let ServiceConfig { group, options, table, declared, watches, .. } = &self.0.config;
        if let Some(fault) = group.as_deref().and_then(|group| graph::name_fault(group)) {
            faults.push(format!("{}, `group`: {fault}", of()));
        }
        // Values in attributes are checked where they stand.
        match options {
            ServiceOptions::Declared(_) => {}
            ServiceOptions::Overridden(options) => {
                for fault in options.faults() {
                    faults.push(fault.message(&of()));
                }
            }
            ServiceOptions::Recurring(recurring) => recurring_faults(recurring, table, of, faults),
        }
        // A declared service may have got another manager, or dependencies.
        let depends = has_dependencies(declared) || watches.iter().any(|when| when.edge.keyword != Keyword::Watch);
        faults.extend(options.on_failure_fault(table, depends).map(|fault| fault.message(&of())));
        for (at, when) in watches.iter().enumerate() {
            let is_grace = when.edge.keyword == Keyword::Needs;
            let found = [check::within(when.edge.within), check::lasts(when.edge.lasts, is_grace)];
            for fault in found.into_iter().flatten() {
                let (edge, targets) = &self.targets()[declared.len() + at];
                faults.push(fault.message(&format!("{}, {}", of(), graph::shown_watch(&Edge { targets, ..*edge }))));
            }
        }
    }
}

/// The faults of the values of a periodic service, under a manager with this table.
#[cold]
fn recurring_faults(recurring: &Recurring, table: &Table, of: &dyn Fn() -> String, faults: &mut Vec<String>) {
    let found = recurring.options.faults().into_iter().chain(recurring.recurrence.faults(table));
    faults.extend(found.map(|fault| fault.message(&of())));
    #[cfg(feature = "cron")]
    if let Recurrence::Schedule(schedule) = &recurring.recurrence {
        let fault = Calendar::new(&schedule.expression, &schedule.zone).err();
        faults.extend(fault.map(|(what, help)| format!("{}: {what}\nhelp: {help}", of())));
    }
}
