//! The faults in the values that a daemon was given, other than those of its graph.
//!
//! [`Daemon::check`] and `start` call it. Which values are wrong, and the messages about them, are
//! in [`options::check`](crate::lifecycle::options::check).

use super::Daemon;
use super::config::DaemonConfig;
use crate::graph;
use crate::platform::{SIGNAL_KEYS, Signal};

impl Daemon {
    /// A message for each wrong value of the daemon's options, its stages, its services and its
    /// admin route.
    pub(super) fn option_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        // Made only if there is a fault: a start must not pay for it.
        let daemon = || format!("daemon {}", graph::quoted(&self.name));
        if let Some(fault) = graph::name_fault(&self.name) {
            faults.push(format!("{}: {fault}", daemon()));
        }
        for fault in self.options.faults() {
            faults.push(fault.message(&daemon()));
        }
        let signals = self.signals.as_deref().unwrap_or_default();
        for (at, &signal) in signals.iter().enumerate() {
            if signals[..at].contains(&signal) {
                let (daemon, signal) = (daemon(), key(signal));
                faults.push(format!("{daemon}, `signals`: `{signal}` is named twice\nhelp: remove one of them"));
            }
        }
        #[cfg(feature = "config-watch")]
        if self.config.as_ref().is_some_and(|config| !config.files.is_empty() && !config.has_source()) {
            let daemon = daemon();
            faults.push(format!(
                "{daemon}: `watch_config` watches the file of a configuration, and there is none\nhelp: write \
                 `.config(load)`, too; in an attribute `config = load`"
            ));
        }
        for stage in &self.prestart {
            for fault in stage.options().map(|options| options.faults()).unwrap_or_default() {
                let of = format!("prestart stage {} of {}", graph::quoted(stage.about().0), daemon());
                faults.push(fault.message(&of));
            }
        }
        for service in &self.services {
            let of = || format!("service {} of {}", graph::quoted(service.name()), daemon());
            service.option_faults(&of, &mut faults);
            if let Some(demand) = service.config_demand() {
                faults.extend(DaemonConfig::fault(self.config.as_deref(), &of, &demand));
            }
        }
        self.families.iter().for_each(|family| family.faults(&daemon, &mut faults));
        #[cfg(feature = "admin")]
        faults.extend(self.admin.as_ref().and_then(|admin| admin.checked().err()).map(|error| error.to_string()));
        faults
    }
}

/// The signal as it is written in `signals(..)`; its number, if it has no name there.
fn key(signal: Signal) -> String {
    let known = SIGNAL_KEYS.iter().find(|(known, _)| *known == signal);
    known.map_or_else(|| signal.as_raw().to_string(), |(_, key)| (*key).to_owned())
}
