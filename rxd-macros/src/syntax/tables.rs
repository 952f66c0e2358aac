//! The tables of keys: which each attribute has, and how each is written.

use super::keys::{Key, Table};

/// The key that says where `rxd` is.
pub(crate) const CRATE: Key = Key { name: "crate", form: "crate = path::to::rxd" };

/// The keys of `#[rxd::service(..)]`.
pub(crate) const SERVICE_KEYS: &[Key] = &[
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
    CRATE,
];

/// The table of `#[rxd::service(..)]`.
pub(crate) const SERVICE: Table =
    Table::new(SERVICE_KEYS).elsewhere(DAEMON_KEYS, "is for the daemon: write it in `#[rxd::daemon(..)]`");

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

pub(crate) const PRESTART: &str = "prestart(first, second(retry = \"1s\", attempts = 3, timeout = \"5s\"))";

/// The keys of `#[rxd::daemon(..)]`.
pub(crate) const DAEMON_KEYS: &[Key] = &[
    Key { name: "name", form: "name = \"my-daemon\"" },
    Key { name: "shutdown_timeout", form: "shutdown_timeout = \"30s\"" },
    Key { name: "signals", form: "signals(interrupt, terminate)" },
    Key { name: "prestart", form: PRESTART },
    Key { name: "exit_code", form: "exit_code = 3" },
    Key { name: "blocking_threshold", form: "blocking_threshold = \"1s\"" },
    Key { name: "watchdog_interval", form: "watchdog_interval = \"5s\"" },
    Key { name: "on_stale", form: "on_stale(restart)" },
    Key { name: "history", form: "history = 4096" },
    Key { name: "admin", form: "admin = \"127.0.0.1:1337\"" },
    CRATE,
];

/// The keys of one stage of `prestart(..)`.
pub(crate) const STAGE: Table = Table::new(&[
    Key { name: "retry", form: "retry = \"1s\"" },
    Key { name: "attempts", form: "attempts = 3" },
    Key { name: "timeout", form: "timeout = \"5s\"" },
]);

/// The keys of a field's `#[service(..)]`.
pub(crate) const FIELD: Table = Table::new(&[Key { name: "name", form: "name = \"worker-2\"" }])
    .elsewhere(SERVICE_KEYS, "is for the service: write it in `#[rxd::service(..)]` on its type");

/// The table of `#[rxd::daemon(..)]`.
pub(crate) const DAEMON: Table =
    Table::new(DAEMON_KEYS).elsewhere(SERVICE_KEYS, "is for services: write it in `#[rxd::service(..)]`");

/// The keys of `#[watch(..)]`.
pub(crate) const WATCH: Table = Table::new(&[THEN, WITHIN, STREAM]);

/// The keys of `#[needs(..)]` and `#[after(..)]`.
pub(crate) const SHORT: Table = Table::new(&[WITHIN]);

const THEN: Key = Key { name: "then", form: "then(stop)" };
const WITHIN: Key = Key { name: "within", form: "within = \"30s\"" };
const STREAM: Key = Key { name: "stream", form: "stream(name)" };
