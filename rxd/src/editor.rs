//! What rust-analyzer shows and completes for the words in attributes. The compiler never sees it.

#![allow(missing_docs, non_camel_case_types, missing_debug_implementations)]

/// Makes one item for each word, so that generated paths have something to name.
macro_rules! words {
    ($table:ident { $($word:ident = $doc:literal)* }) => {
        pub mod $table {
            $(#[doc = $doc] pub struct $word;)*
        }
    };
}

words!(service {
    name = "`name = \"poller\"`: the service's name. By default the type's, in kebab-case."
    manager = "`manager = \"until_success\"` or `manager(my::FailFast)`: which state follows when a method has ended. By default `continuous`."
    startup_delay = "`startup_delay = \"100ms\"`: waits before the first Init."
    delay = "`delay = \"100ms\"`: waits before each state is entered, Stop included."
    delays = "`delays(Run = \"1s\", Stop = \"5s\")`: waits before these states are entered."
    timeouts = "`timeouts(Init = \"5s\", Stop = \"10s\")`: limits how long the methods of these states may take."
    backoff = "`backoff(base = \"100ms\", factor = 2.0, max = \"30s\", jitter = 0.2, reset = \"60s\")`: sets the delays before a restart after a failure."
    restarts = "`restarts(max = 5, within = \"1m\")`: allows five restarts within a minute; at the sixth the restart limit is reached. By default any number."
    on_failure = "`on_failure(exit)`, `on_failure(shutdown)` or `on_failure(ignore)`: what the daemon does when the service fails for good."
    heartbeat = "`heartbeat = \"2s\"`: the service must call `Context::heartbeat` at least this often in Run."
    readiness = "`readiness(required)` or `readiness(optional)`: whether the daemon is ready only with this service."
    autostart = "`autostart = false`: the service is started only by an operator or by code. By default it starts with the daemon."
    group = "`group = \"ingest\"`: the group of the service. Operators act on all services of a group at once."
    provides = "`provides(Pool)`: the type of what it provides to services that need it."
    config = "`config = MyConfig`: the type of the configuration that it takes; implement `rxd::Configure<MyConfig>` for it."
    thread = "`thread`: the service has a thread of its own, with a runtime. Implement `rxd::LocalRunner` for it."
    blocking = "`blocking`: the service has a thread of its own, and may block it. Implement `rxd::BlockingRunner` for it."
    delegate = "`delegate`: the methods of the service are those of its only field."
    every = "`every = \"5m\"`: calls `run` once each period; the service stays in Run between two runs."
    schedule = "`schedule = \"0 3 * * *\"`: calls `run` at the times of this cron expression; the service stays in Run between two runs. Needs the feature `cron`."
    zone = "`zone = \"Europe/Berlin\"`: the time zone of `schedule`. By default UTC."
    jitter = "`jitter = \"10s\"`: delays each run by a random time shorter than this. With `every` or `schedule`."
    within = "`within = \"30s\"`: limits each run; a longer one is a failure. With `every` or `schedule`."
    first = "`first = \"at_once\"` or `first = \"after_period\"`: when the first run is due. By default at once. Needs `every`."
    missed = "`missed = \"skip\"` or `missed = \"run_once\"`: what becomes of a run that could not begin when it was due. By default it is skipped. With `every` or `schedule`."
});

words!(backoff {
    base = "`base = \"100ms\"`: how long the first delay is."
    factor = "`factor = 2.0`: by how much each delay is longer than the one before."
    max = "`max = \"30s\"`: how long a delay can become."
    jitter = "`jitter = 0.2`: by which share, at most, a delay is longer or shorter at random."
    reset = "`reset = \"60s\"`: after how long in Run the delays start again from `base`."
});

words!(restarts {
    max = "`max = 5`: how many restarts are allowed."
    within = "`within = \"1m\"`: the time in which they are counted."
});

words!(daemon {
    name = "`name = \"edge-agent\"`: the daemon's name, or a constant. By default the type's, in kebab-case."
    shutdown_timeout = "`shutdown_timeout = \"30s\"`: how long all services together may take to stop."
    start_timeout = "`start_timeout = \"60s\"`: how long the services may take until the daemon is ready; after that the start has failed."
    drain = "`drain = \"5s\"`: how long the services go on, with `/readyz` at 503, before the daemon stops them."
    signals = "`signals(interrupt, terminate)`: the signals that stop it."
    config = "`config = load`: the function that loads the configuration of the services, at the start and at each reload."
    watch_config = "`watch_config = \"/etc/edge-agent.toml\"`: a change of this file reloads. Needs the feature `config-watch`."
    prestart = "`prestart(check_disk, reach_db(retry = \"1s\", attempts = 3, timeout = \"5s\"))`: the async functions that must pass, in this order, before any service is started."
    exit_code = "`exit_code = 3`: the exit status of a daemon that failed, from 1 to 255."
    blocking_threshold = "`blocking_threshold = \"1s\"`: after how long a method or a task that blocks its thread is reported."
    watchdog_interval = "`watchdog_interval = \"5s\"`: how often the watchdog of the service manager is pinged; zero turns all messages to the service manager off."
    on_stale = "`on_stale(restart)`: what happens when a service has no heartbeat."
    history = "`history = 4096`: how many past transitions are kept."
    admin = "`admin = \"127.0.0.1:1337\"`: the address of the admin route. Needs the feature `admin`."
});

words!(field {
    name = "`name = \"worker-2\"`: the service's name in this daemon."
});

words!(prestart {
    restart = "`restart = \"10s\"`: when one has failed, all begin again from the first after this long."
});

words!(stage {
    retry = "`retry = \"1s\"`: tries again after this long."
    attempts = "`attempts = 3`: how often it is tried at most."
    timeout = "`timeout = \"5s\"`: how long one attempt may take."
});

/// The built-in managers, which have documentation already.
pub mod manager {
    pub use crate::lifecycle::manager::{continuous, until_success};
}

words!(watch {
    grace = "`grace = \"2s\"`, in `#[needs(..)]`: for how long the services may be out of Run before this one leaves it, too."
    value = "`value(pool)`, in `#[needs(Db, ..)]`: makes a function `pool(cx)`, which returns what that service provides."
    then = "`then(init)`, `then(run)`, `then(stop)` or `then(exit)`: what the service does when the condition holds, or comes true."
    within = "`within = \"30s\"`: how long the service waits before that counts as a failure."
    lasts = "`lasts = \"3s\"`: for how long the condition has to hold without a break before the gate opens, or the reaction acts."
    stream = "`stream(news)`: makes a function `news(cx)`, which returns the watch for use in the service's methods."
});

words!(mode {
    any = "For at least one of the services."
    all = "For every one of the services at the same time."
});

words!(action {
    entering = "Holds while a service is in the state."
    exited = "Holds once a service has left the state, until it enters it again."
    changing = "Comes true whenever a service enters or leaves the state."
    not_in = "Holds while a service is not in the state."
});

words!(then {
    init = "Waits before Init."
    run = "Waits in Idle, before Run."
    stop = "Leaves Run, and is restarted."
    exit = "Leaves Run, and ends."
});

words!(on_failure {
    exit = "The service ends; the others go on."
    shutdown = "The daemon is shut down."
    ignore = "The service ends, and the daemon does not call it a failure."
});

words!(readiness {
    required = "The daemon is not ready without the service."
    optional = "The daemon is ready without the service, and degraded."
});

words!(first {
    at_once = "As soon as the service is in Run."
    after_period = "One period after the service is in Run."
});

words!(missed {
    skip = "It does not take place."
    run_once = "One run takes place as soon as it can, however many were missed."
});

words!(on_stale {
    stop_pinging = "The watchdog is no longer pinged."
    restart = "The service is restarted first."
});

words!(signals {
    interrupt = "SIGINT"
    terminate = "SIGTERM"
    quit = "SIGQUIT"
    hangup = "SIGHUP"
    user1 = "SIGUSR1"
    user2 = "SIGUSR2"
});
