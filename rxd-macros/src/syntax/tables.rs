//! The keys of each attribute, each with an example for messages.
//!
//! All tables are here, because they name each other: a key in the wrong attribute is reported with
//! the right one.

use super::keys::{AttributeKey, KeyTable};

/// The key that says where `rxd` is.
pub(crate) const CRATE: AttributeKey = AttributeKey { name: "crate", form: "crate = path::to::rxd" };

/// The keys of `#[rxd::service(..)]`.
pub(crate) const SERVICE_KEYS: &[AttributeKey] = &[
    AttributeKey { name: "name", form: "name = \"my-service\"" },
    AttributeKey { name: "manager", form: "manager = \"until_success\"` or `manager(path::to::Manager)" },
    AttributeKey { name: "startup_delay", form: "startup_delay = \"100ms\"" },
    AttributeKey { name: "delay", form: "delay = \"100ms\"" },
    AttributeKey { name: "delays", form: "delays(Run = \"1s\", Stop = \"5s\")" },
    AttributeKey { name: "timeouts", form: "timeouts(Init = \"5s\", Stop = \"10s\")" },
    AttributeKey { name: "backoff", form: "backoff(base = \"100ms\", factor = 2.0, max = \"30s\", jitter = 0.2)" },
    AttributeKey { name: "restarts", form: "restarts(max = 5, within = \"1m\")" },
    AttributeKey { name: "on_failure", form: "on_failure = \"shutdown\"" },
    AttributeKey { name: "heartbeat", form: "heartbeat = \"2s\"" },
    AttributeKey { name: "readiness", form: "readiness = \"optional\"" },
    AttributeKey { name: "autostart", form: "autostart = false" },
    AttributeKey { name: "group", form: "group = \"ingest\"" },
    AttributeKey { name: "provides", form: "provides(Type)" },
    AttributeKey { name: "config", form: "config = MyConfig" },
    THREAD,
    BLOCKING,
    AttributeKey { name: "delegate", form: "delegate" },
    AttributeKey { name: "every", form: "every = \"5m\"" },
    AttributeKey { name: "schedule", form: "schedule = \"0 3 * * *\"" },
    AttributeKey { name: "zone", form: "zone = \"Europe/Berlin\"" },
    AttributeKey { name: "jitter", form: "jitter = \"10s\"" },
    AttributeKey { name: "within", form: "within = \"30s\"" },
    AttributeKey { name: "first", form: "first = \"after_period\"" },
    AttributeKey { name: "missed", form: "missed = \"run_once\"" },
    CRATE,
];

/// The word that gives a service a thread with a runtime.
pub(crate) const THREAD: AttributeKey = AttributeKey { name: "thread", form: "thread" };

/// The word that gives a service a thread to block.
pub(crate) const BLOCKING: AttributeKey = AttributeKey { name: "blocking", form: "blocking" };

/// The table of `#[rxd::service(..)]`.
pub(crate) const SERVICE: KeyTable =
    KeyTable::new(SERVICE_KEYS).with_foreign_keys(DAEMON_KEYS, "is for the daemon: write it in `#[rxd::daemon(..)]`");

/// The keys of `backoff(..)`.
pub(crate) const BACKOFF: KeyTable = KeyTable::new(&[
    AttributeKey { name: "base", form: "base = \"100ms\"" },
    AttributeKey { name: "factor", form: "factor = 2.0" },
    AttributeKey { name: "max", form: "max = \"30s\"" },
    AttributeKey { name: "jitter", form: "jitter = 0.2" },
    AttributeKey { name: "reset", form: "reset = \"60s\"" },
])
.nested();

/// The keys of `restarts(..)`.
pub(crate) const RESTARTS: KeyTable = KeyTable::new(&[
    AttributeKey { name: "max", form: "max = 5" },
    AttributeKey { name: "within", form: "within = \"1m\"" },
])
.nested();

/// The keys of `delays(..)` and `timeouts(..)`: the states with a method.
pub(crate) const STATES: KeyTable = KeyTable::new(&[
    AttributeKey { name: "Init", form: "Init = \"5s\"" },
    AttributeKey { name: "Idle", form: "Idle = \"5s\"" },
    AttributeKey { name: "Run", form: "Run = \"5s\"" },
    AttributeKey { name: "Stop", form: "Stop = \"5s\"" },
])
.with_noun("state")
.nested();

/// The example of `prestart(..)`.
pub(crate) const PRESTART: &str = "prestart(first, second(retry = \"1s\", attempts = 3, timeout = \"5s\"))";

/// The keys of `#[rxd::daemon(..)]`.
pub(crate) const DAEMON_KEYS: &[AttributeKey] = &[
    AttributeKey { name: "name", form: "name = \"my-daemon\"" },
    AttributeKey { name: "shutdown_timeout", form: "shutdown_timeout = \"30s\"" },
    AttributeKey { name: "start_timeout", form: "start_timeout = \"60s\"" },
    AttributeKey { name: "drain", form: "drain = \"5s\"" },
    AttributeKey { name: "signals", form: "signals(interrupt, terminate)" },
    AttributeKey { name: "config", form: "config = load" },
    AttributeKey { name: "watch_config", form: "watch_config = \"/etc/my-daemon.toml\"" },
    AttributeKey { name: "prestart", form: PRESTART },
    AttributeKey { name: "exit_code", form: "exit_code = 3" },
    AttributeKey { name: "blocking_threshold", form: "blocking_threshold = \"1s\"" },
    AttributeKey { name: "watchdog_interval", form: "watchdog_interval = \"5s\"" },
    AttributeKey { name: "on_stale", form: "on_stale(restart)" },
    AttributeKey { name: "history", form: "history = 4096" },
    AttributeKey { name: "admin", form: "admin = \"127.0.0.1:1337\"" },
    CRATE,
];

/// The keys of one stage of `prestart(..)`.
pub(crate) const STAGE: KeyTable = KeyTable::new(&[
    AttributeKey { name: "retry", form: "retry = \"1s\"" },
    AttributeKey { name: "attempts", form: "attempts = 3" },
    AttributeKey { name: "timeout", form: "timeout = \"5s\"" },
])
.nested();

/// The keys of `prestart(..)` besides its stages.
pub(crate) const PRESTART_KEYS: KeyTable =
    KeyTable::new(&[AttributeKey { name: "restart", form: "restart = \"10s\"" }])
        .with_foreign_keys(STAGE.keys, "is for one stage: write it behind that, as in `reach_db(retry = \"1s\")`")
        .nested();

/// The keys of a field's `#[service(..)]`.
pub(crate) const FIELD: KeyTable = KeyTable::new(&[AttributeKey { name: "name", form: "name = \"worker-2\"" }])
    .with_foreign_keys(SERVICE_KEYS, "is for the service: write it in `#[rxd::service(..)]` on its type");

/// The table of `#[rxd::daemon(..)]`.
pub(crate) const DAEMON: KeyTable =
    KeyTable::new(DAEMON_KEYS).with_foreign_keys(SERVICE_KEYS, "is for services: write it in `#[rxd::service(..)]`");

/// The keys of `#[watch(..)]`.
pub(crate) const WATCH: KeyTable = KeyTable::new(&[THEN, WITHIN, LASTS, STREAM])
    .with_foreign_keys(&[VALUE], VALUE_PLACE)
    .with_foreign_keys(&[GRACE], GRACE_PLACE);

/// The keys of `#[needs(..)]`.
pub(crate) const NEEDS: KeyTable = KeyTable::new(&[WITHIN, GRACE, VALUE]).with_foreign_keys(&[LASTS], LASTS_PLACE);

/// The keys of `#[after(..)]`.
pub(crate) const AFTER: KeyTable =
    KeyTable::new(&[WITHIN]).with_foreign_keys(&[VALUE], VALUE_PLACE).with_foreign_keys(&[GRACE], GRACE_PLACE);

const THEN: AttributeKey = AttributeKey { name: "then", form: "then(stop)" };
const WITHIN: AttributeKey = AttributeKey { name: "within", form: "within = \"30s\"" };
const LASTS: AttributeKey = AttributeKey { name: "lasts", form: "lasts = \"3s\"" };
const GRACE: AttributeKey = AttributeKey { name: "grace", form: "grace = \"2s\"" };
const VALUE: AttributeKey = AttributeKey { name: "value", form: "value(name)" };
const VALUE_PLACE: &str = "asks for what a service provides while it is needed: write it in `#[needs(..)]`";
const GRACE_PLACE: &str =
    "is how long what a service needs may be out of Run: write it in `#[needs(..)]`, and `lasts` in a `#[watch(..)]`";
const LASTS_PLACE: &str = "is for `#[watch(..)]`: in `#[needs(..)]`, write `grace` for how long they may be out of Run";
const STREAM: AttributeKey = AttributeKey { name: "stream", form: "stream(name)" };
