//! What was written: the arguments of `#[rxd::service]`, and the watches next to it.

use crate::daemon::attr as daemon;
use crate::errors::Errors;
use crate::runtime;
use crate::syntax::args;
use crate::syntax::item::{Item, last_word};
use crate::syntax::keys::{self, Entry, Key, Table};
use crate::watch::attr::{self as watch, Written as Watch};
use proc_macro2::TokenStream;

/// The keys of `#[rxd::service(..)]`.
pub(crate) const KEYS: &[Key] = &[
    Key { name: "name", form: "name = \"my-service\"" },
    Key { name: "manager", form: "manager = \"until_success\"` or `manager(path::to::Manager)" },
    Key { name: "startup_delay", form: "startup_delay = \"100ms\"" },
    Key { name: "delay", form: "delay = \"100ms\"" },
    Key { name: "delays", form: "delays(Run = \"1s\", Stop = \"5s\")" },
    Key { name: "timeouts", form: "timeouts(Init = \"5s\", Stop = \"10s\")" },
    Key { name: "backoff", form: "backoff(base = \"100ms\", factor = 2.0, max = \"30s\", jitter = 0.2)" },
    Key { name: "restarts", form: "restarts(max = 5, within = \"1m\")" },
    Key { name: "on_failure", form: "on_failure = \"shutdown\"" },
    Key { name: "heartbeat", form: "heartbeat = \"2s\"" },
    runtime::KEY,
];

const TABLE: Table = Table::new(KEYS).elsewhere(daemon::KEYS, "is for the daemon: write it in `#[rxd::daemon(..)]`");

/// The keys of `backoff(..)`.
pub(crate) const BACKOFF: Table = Table::new(&[
    Key { name: "base", form: "base = \"100ms\"" },
    Key { name: "factor", form: "factor = 2.0" },
    Key { name: "max", form: "max = \"30s\"" },
    Key { name: "jitter", form: "jitter = 0.2" },
    Key { name: "reset", form: "reset = \"60s\"" },
]);

/// The keys of `restarts(..)`.
pub(crate) const RESTARTS: Table =
    Table::new(&[Key { name: "max", form: "max = 5" }, Key { name: "within", form: "within = \"1m\"" }]);

/// The keys of `delays(..)` and `timeouts(..)`: the states that have a method.
pub(crate) const STATES: Table = Table::new(&[
    Key { name: "Init", form: "Init = \"5s\"" },
    Key { name: "Idle", form: "Idle = \"5s\"" },
    Key { name: "Run", form: "Run = \"5s\"" },
    Key { name: "Stop", form: "Stop = \"5s\"" },
])
.of("state");

/// All of it, as written.
pub(crate) struct Written {
    pub(crate) entries: Vec<Entry>,
    pub(crate) watches: Vec<Watch>,
}

/// Reads the arguments, and takes what belongs to `rxd` out of the item's attributes.
pub(crate) fn read(tokens: TokenStream, item: &mut Item, errors: &mut Errors) -> Written {
    let mut list = args::parse(tokens, errors);
    let mut watches = watch::above(&mut list, errors);
    let entries = keys::read(list, &TABLE, errors);
    item.attrs.retain(|attr| {
        let twice = last_word(attr.path()).is_some_and(|word| word == "service");
        if twice {
            errors.help(attr, "`#[rxd::service]` is written twice", "keep one, and put the keys of both into it");
        }
        !twice
    });
    watches.extend(watch::below(&mut item.attrs, errors));
    Written { entries, watches }
}
