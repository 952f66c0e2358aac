//! Every key, the values that it takes, and the error about any other value.

use super::{around, service};
use rxd::prestart::Stage;
use rxd::{Action, Backoff, Daemon, Effect, Every, OnFailure, Options, Schedule, Signal, State, When};
use std::time::Duration;

/// One key of an attribute.
pub(super) struct KeyRow {
    /// The attribute and the key, and the keys that it is nested in.
    pub(super) key: &'static str,
    pub(super) takes: &'static str,
    pub(super) wrong: Vec<WrongValue>,
}

/// A value that the key does not take.
pub(super) struct WrongValue {
    /// The case with the value as a literal in the attribute.
    pub(super) literal: Option<&'static str>,
    /// The case with the value as a constant in the attribute, if the key takes constants.
    pub(super) constant: Option<&'static str>,
    pub(super) build: Box<dyn Fn() -> Daemon>,
    /// The beginning of the builder's error: the service or daemon with the option.
    pub(super) of: &'static str,
    /// The sentence and the help of all three errors.
    pub(super) says: String,
}

const ZERO: Duration = Duration::ZERO;
const ANY_TIME: &str = "any duration; zero is no delay";
const LONGER: &str = "a duration longer than zero";
const WORD: &str = "one of its words; each is a variant of an enum in the builder";
const NAME: &str = "1 to 64 ASCII letters, digits, `-`, `_` and `.`, not beginning with `_rxd`";
const RULE: &str = "a name is made of ASCII letters, digits, `-`, `_` and `.`";

fn free(key: &'static str, takes: &'static str) -> KeyRow {
    KeyRow { key, takes, wrong: Vec::new() }
}

fn row(key: &'static str, takes: &'static str, wrong: impl IntoIterator<Item = WrongValue>) -> KeyRow {
    KeyRow { key, takes, wrong: wrong.into_iter().collect() }
}

fn zero(key: &str) -> String {
    format!("`{key}` cannot be zero\nhelp: write how long: `\"5s\"` or `Duration::from_secs(5)`")
}

fn unreachable(max: u32, least: &str, within: &str, largest: u32) -> String {
    format!(
        "`max` cannot be reached: from the first to the last of {max} restarts there are delays of at least {least}, \
         and `within` is {within}\nhelp: write `max = {largest}` or less, a longer `within`, or a shorter `backoff`"
    )
}

/// A wrong value of a daemon.
fn daemon(
    [literal, constant]: [Option<&'static str>; 2],
    build: impl Fn(Daemon) -> Daemon + 'static,
    says: String,
) -> WrongValue {
    let build = Box::new(move || build(Daemon::new("edge").add(service("health"))));
    WrongValue { literal, constant, build, of: "daemon `edge`", says }
}

/// A wrong option of a service.
fn option(
    cases: [Option<&'static str>; 2],
    of: &'static str,
    options: impl Fn(Options) -> Options + 'static,
    says: String,
) -> WrongValue {
    let [literal, constant] = cases;
    let build = Box::new(move || around(service("poller").options(options(Options::DEFAULT))));
    WrongValue { literal, constant, build, of, says }
}

/// A wrong value of a periodic service.
fn periodic(cases: [Option<&'static str>; 2], every: impl Fn() -> Every + 'static, says: String) -> WrongValue {
    let [literal, constant] = cases;
    let build = Box::new(move || around(service("poller").every(every())));
    WrongValue { literal, constant, build, of: "service `poller` of daemon `edge`", says }
}

/// A wrong value of a scheduled service.
fn scheduled(literal: Option<&'static str>, schedule: fn() -> Schedule, says: &str) -> WrongValue {
    let build = Box::new(move || around(service("poller").schedule(schedule())));
    WrongValue { literal, constant: None, build, of: "service `poller` of daemon `edge`", says: says.to_owned() }
}

/// A wrong name of a service or a daemon.
fn name(literal: &'static str, name: &'static str, of: &'static str, says: &str) -> WrongValue {
    let build: Box<dyn Fn() -> Daemon> = match of.starts_with("daemon") {
        true => Box::new(move || Daemon::new(name).add(service("health"))),
        false => Box::new(move || Daemon::new("edge").add(service(name))),
    };
    WrongValue { literal: Some(literal), constant: None, build, of, says: says.to_owned() }
}

pub(super) fn rows() -> Vec<KeyRow> {
    let mut rows = services();
    rows.extend(backoff());
    rows.extend(daemons());
    rows.extend(watches());
    rows
}

fn services() -> Vec<KeyRow> {
    let poller = "service `poller` of daemon `edge`";
    let dashes = "poll-poll-poll-poll-poll-poll-poll-poll-poll-poll-poll-poll-poll-";
    let long = format!("service `{dashes}` of daemon `edge`").leak();
    let space = format!("a name cannot contain a space\nhelp: {RULE}: write `\"the-poller\"`");
    let slash = format!("a name cannot contain `/`\nhelp: {RULE}: write `\"edge-poller\"`");
    let reserved = "is reserved\nhelp: write a name that does not begin with `_rxd`";
    vec![
        row(
            "service(name), and that of a field",
            NAME,
            [
                name(
                    "service/name_empty",
                    "",
                    "service 1 of daemon `edge`",
                    &format!("a name cannot be empty\nhelp: {RULE}"),
                ),
                name("service/name_with_space", "the poller", "service `the poller` of daemon `edge`", &space),
                name("service/name_with_slash", "edge/poller", "service `edge/poller` of daemon `edge`", &slash),
                name(
                    "service/name_reserved",
                    "_rxd.poller",
                    "service `_rxd.poller` of daemon `edge`",
                    &format!("`_rxd.poller` {reserved}"),
                ),
                name(
                    "daemon/field_name_reserved",
                    "_rxd.health",
                    "service `_rxd.health` of daemon `edge`",
                    &format!("`_rxd.health` {reserved}"),
                ),
                name(
                    "service/name_too_long",
                    dashes,
                    long,
                    "this name is 65 bytes long\nhelp: a name is at most 64 bytes long",
                ),
            ],
        ),
        row(
            "service(group)",
            NAME,
            [WrongValue {
                literal: Some("service/group_empty"),
                constant: None,
                build: Box::new(|| around(service("poller").group(""))),
                of: "service `poller` of daemon `edge`, `group`",
                says: format!("a name cannot be empty\nhelp: {RULE}"),
            }],
        ),
        free("service(manager)", "a type that implements `Manager`"),
        free("service(startup_delay)", ANY_TIME),
        free("service(delay)", ANY_TIME),
        row(
            "service(delays(Init, Idle, Run, Stop))",
            ANY_TIME,
            [option(
                [Some("service/delays_of_exit"), None],
                "service `poller` of daemon `edge`, `delays`",
                |options| options.delay_of(State::Exit, Duration::from_secs(1)),
                "`Exit` has no method, so `delays` cannot name it\nhelp: write `Init`, `Idle`, `Run` or `Stop`"
                    .to_owned(),
            )],
        ),
        row(
            "service(timeouts(Init, Idle, Run, Stop))",
            LONGER,
            [
                option(
                    [Some("service/timeout_zero"), None],
                    "service `poller` of daemon `edge`, `timeouts`",
                    |options| options.timeout_of(State::Init, ZERO),
                    zero("Init"),
                ),
                option(
                    [None, Some("service/timeout_zero_const")],
                    "service `poller` of daemon `edge`, `timeouts`",
                    |options| options.timeout_of(State::Stop, ZERO),
                    zero("Stop"),
                ),
            ],
        ),
        row(
            "service(restarts(max, within))",
            "`within`: a time longer than zero; `max`: any `u32` that the delays of the back-off let it reach",
            [
                option(
                    [Some("service/restarts_within_zero"), Some("service/restarts_within_zero_const")],
                    "service `poller` of daemon `edge`, `restarts`",
                    |options| options.restarts(5, ZERO),
                    zero("within"),
                ),
                option(
                    [None, Some("service/restarts_out_of_reach")],
                    "service `poller` of daemon `edge`, `restarts`",
                    |options| options.restarts(10, Duration::from_secs(60)),
                    unreachable(10, "64.8s", "60s", 9),
                ),
                option(
                    [None, Some("service/restarts_out_of_reach_const")],
                    "service `poller` of daemon `edge`, `restarts`",
                    |options| {
                        options
                            .backoff(Backoff::fixed(Duration::from_secs(1)))
                            .restarts(4_000_000_000, Duration::from_secs(90))
                    },
                    unreachable(4_000_000_000, "3999999999s", "90s", 90),
                ),
            ],
        ),
        row(
            "service(on_failure)",
            "one of its words, each of which is a variant of an enum in the builder; `shutdown` only where it can act",
            [option(
                [None, Some("service/on_failure_never_acts")],
                poller,
                |options| options.on_failure(OnFailure::Shutdown),
                "`on_failure` never acts: this service has no restart limit, and its manager restarts it after each \
                 failure\nhelp: limit the restarts, such as `restarts(max = 0, within = \"1s\")`, or remove `on_failure`"
                    .to_owned(),
            )],
        ),
        free("service(readiness)", WORD),
        free("service(autostart)", "a `bool`, as a literal or an expression"),
        row(
            "service(heartbeat)",
            LONGER,
            [option(
                [Some("service/heartbeat_zero"), Some("service/heartbeat_zero_const")],
                poller,
                |options| options.heartbeat(ZERO),
                zero("heartbeat"),
            )],
        ),
        free("service(thread)", "no value; `Service::local` in the builder"),
        free("service(blocking)", "no value; `Service::blocking` in the builder"),
        free("service(provides)", "a type"),
        free("service(config)", "a type; `Service::configured` in the builder"),
        free("daemon(watch_config)", "a path, as a literal or an expression"),
        free("daemon(config)", "a function; `Daemon::config` in the builder"),
        free("service(delegate)", "no value, for the macro alone"),
        row(
            "service(every)",
            LONGER,
            [
                periodic(
                    [Some("service/every_zero"), Some("service/every_zero_const")],
                    || Every::new(ZERO),
                    zero("every"),
                ),
                WrongValue {
                    literal: Some("service/every_of_a_one_shot"),
                    constant: Some("service/every_of_a_one_shot"),
                    build: Box::new(|| {
                        let every = Every::new(Duration::from_secs(300));
                        around(service("poller").every(every).manager(rxd::manager::until_success))
                    }),
                    of: poller,
                    says: "`every` does not fit the manager, which ends the service after the first run that \
                           succeeds\nhelp: write `manager = \"continuous\"`, or remove `every`"
                        .to_owned(),
                },
            ],
        ),
        row(
            "service(jitter)",
            "a duration shorter than `every`",
            [periodic(
                [Some("service/every_jitter_too_long"), Some("service/every_jitter_too_long_const")],
                || Every::new(Duration::from_secs(30)).jitter(Duration::from_secs(30)),
                "`jitter` must be shorter than `every`: it is 30s, and `every` is 30s\nhelp: each run is later by \
                 less than `jitter`: make it shorter, or `every` longer"
                    .to_owned(),
            )],
        ),
        row(
            "service(within)",
            LONGER,
            [periodic(
                [Some("service/every_within_zero"), Some("service/every_within_zero_const")],
                || Every::new(Duration::from_secs(300)).within(ZERO),
                zero("within"),
            )],
        ),
        row(
            "service(schedule)",
            "a cron expression that some date fits",
            [
                scheduled(
                    Some("service/schedule_that_never_runs"),
                    || Schedule::new("0 0 31 2 *"),
                    "`0 0 31 2 *` never runs: no date fits it\nhelp: write a day that the month has",
                ),
                scheduled(
                    Some("service/schedule_with_four_fields"),
                    || Schedule::new("0 3 * *"),
                    "`0 3 * *` is not a cron expression: Invalid pattern: Pattern must have 5 fields when seconds are \
                     disallowed\nhelp: write minute, hour, day of the month, month and day of the week: `\"0 3 * * *\"` is 03:00 \
                     each day",
                ),
                WrongValue {
                    literal: Some("service/schedule_and_every"),
                    constant: None,
                    build: Box::new(|| {
                        let every = Every::new(Duration::from_secs(300));
                        around(service("poller").every(every).schedule(Schedule::new("0 3 * * *")))
                    }),
                    of: poller,
                    says: "`schedule` and `every` both say when the service runs\nhelp: remove one of them".to_owned(),
                },
            ],
        ),
        row(
            "service(zone)",
            "the name of a time zone",
            [scheduled(
                Some("service/schedule_in_an_unknown_zone"),
                || Schedule::new("0 3 * * *").zone("Europe/Berln"),
                "`Europe/Berln` is not a time zone\nhelp: write a name of the IANA time zone database, such as \
                 `\"Europe/Berlin\"`, or `\"UTC\"`",
            )],
        ),
        free("service(first)", WORD),
        free("service(missed)", WORD),
        free("service(crate), daemon(crate)", "a path, for the macro alone"),
    ]
}

fn backoff() -> Vec<KeyRow> {
    let of = "service `poller` of daemon `edge`, `backoff`";
    let wrong = |cases, backoff: fn(Backoff) -> Backoff, says: &str| {
        option(cases, of, move |options| options.backoff(backoff(Backoff::DEFAULT)), says.to_owned())
    };
    let factor = |value: &str| format!("`factor` cannot be {value}\nhelp: write a finite number, 1 or more");
    let jitter = |value: &str| format!("`jitter` cannot be {value}\nhelp: write a number from 0 to 1");
    let shorter = |max: &str, base: &str| {
        format!(
            "`max` cannot be shorter than `base`: it is {max}, and `base` is {base}\n\
             help: the first delay is `base`, the longest `max`: make `max` longer, or `base` shorter"
        )
    };
    vec![
        row(
            "service(backoff(base, max))",
            "any times of which `max` is not the shorter, also where one is the default",
            [
                wrong(
                    [Some("service/backoff_max_below_base"), Some("service/backoff_max_below_base_const")],
                    |backoff| backoff.base(Duration::from_secs(10)).max(Duration::from_secs(1)),
                    &shorter("1s", "10s"),
                ),
                wrong(
                    [None, Some("service/backoff_base_over_the_default_max_const")],
                    |backoff| backoff.base(Duration::from_secs(31)),
                    &shorter("30s", "31s"),
                ),
                wrong(
                    [Some("service/backoff_max_below_the_default_base"), None],
                    |backoff| backoff.max(Duration::from_millis(50)),
                    &shorter("50ms", "100ms"),
                ),
            ],
        ),
        row(
            "service(backoff(factor))",
            "a finite number, 1 or more",
            [
                wrong([Some("service/backoff_factor_below_one"), None], |backoff| backoff.factor(0.5), &factor("0.5")),
                wrong([None, Some("service/backoff_factor_const")], |backoff| backoff.factor(-2.0), &factor("-2")),
                wrong([None, Some("service/backoff_factor_nan")], |backoff| backoff.factor(f64::NAN), &factor("NaN")),
                wrong(
                    [None, Some("service/backoff_factor_infinite")],
                    |backoff| backoff.factor(f64::INFINITY),
                    &factor("infinity"),
                ),
            ],
        ),
        row(
            "service(backoff(jitter))",
            "a number from 0 to 1",
            [
                wrong(
                    [Some("service/backoff_jitter_above_one"), Some("service/backoff_jitter_const")],
                    |backoff| backoff.jitter(1.5),
                    &jitter("1.5"),
                ),
                wrong([None, None], |backoff| backoff.jitter(f64::NAN), &jitter("NaN")),
                wrong([None, None], |backoff| backoff.jitter(-0.25), &jitter("-0.25")),
                wrong([None, None], |backoff| backoff.jitter(1.0 + 1e-10), &jitter("almost 1")),
                wrong([None, None], |backoff| backoff.jitter(1e300), &jitter("1e300")),
            ],
        ),
        row(
            "service(backoff(reset))",
            LONGER,
            [wrong(
                [Some("service/backoff_reset_zero"), Some("service/backoff_reset_zero_const")],
                |backoff| backoff.reset(ZERO),
                &zero("reset"),
            )],
        ),
    ]
}

fn daemons() -> Vec<KeyRow> {
    let exit_code = || "`exit_code` cannot be 0\nhelp: write a number from 1 to 255".to_owned();
    let history = |value: &str| format!("`history` cannot be {value}\nhelp: write a number from 1 to 4294967295");
    vec![
        row(
            "daemon(name)",
            NAME,
            [
                name(
                    "daemon/name_with_space",
                    "edge agent",
                    "daemon `edge agent`",
                    &format!("a name cannot contain a space\nhelp: {RULE}: write `\"edge-agent\"`"),
                ),
                name(
                    "daemon/name_reserved",
                    "_rxd-edge",
                    "daemon `_rxd-edge`",
                    "`_rxd-edge` is reserved\nhelp: write a name that does not begin with `_rxd`",
                ),
            ],
        ),
        row(
            "daemon(start_timeout)",
            LONGER,
            [daemon(
                [Some("daemon/start_timeout_zero"), Some("daemon/start_timeout_zero_const")],
                |daemon| daemon.start_timeout(ZERO),
                zero("start_timeout"),
            )],
        ),
        row(
            "daemon(shutdown_timeout)",
            LONGER,
            [daemon(
                [Some("daemon/shutdown_timeout_zero"), Some("daemon/shutdown_timeout_zero_const")],
                |daemon| daemon.shutdown_timeout(ZERO),
                zero("shutdown_timeout"),
            )],
        ),
        row(
            "daemon(signals)",
            "signals, each once; none at all leaves the process's signals alone",
            [WrongValue {
                of: "daemon `edge`, `signals`",
                ..daemon(
                    [Some("daemon/signal_twice"), None],
                    |daemon| daemon.signals([Signal::INTERRUPT, Signal::TERMINATE, Signal::INTERRUPT]),
                    "`interrupt` is named twice\nhelp: remove one of them".to_owned(),
                )
            }],
        ),
        row(
            "daemon(prestart(stage(attempts)))",
            "a number from 1 to 4294967295",
            [WrongValue {
                of: "prestart stage `check-disk` of daemon `edge`",
                ..daemon(
                    [Some("daemon/prestart_attempts_zero"), Some("daemon/prestart_attempts_zero_const")],
                    |daemon| daemon.prestart(Stage::new("check-disk", async || Ok(())).attempts(0)),
                    "`attempts` cannot be 0\nhelp: write a number from 1 to 4294967295".to_owned(),
                )
            }],
        ),
        row(
            "daemon(prestart(stage(timeout)))",
            LONGER,
            [WrongValue {
                of: "prestart stage `check-disk` of daemon `edge`",
                ..daemon(
                    [Some("daemon/prestart_timeout_zero"), Some("daemon/prestart_timeout_zero_const")],
                    |daemon| daemon.prestart(Stage::new("check-disk", async || Ok(())).timeout(ZERO)),
                    zero("timeout"),
                )
            }],
        ),
        free("daemon(prestart(stage(retry)))", "any time; zero is to try again at once"),
        row(
            "daemon(exit_code)",
            "a number from 1 to 255",
            [daemon(
                [Some("daemon/exit_code_zero"), Some("daemon/exit_code_zero_const")],
                |daemon| daemon.exit_code(0),
                exit_code(),
            )],
        ),
        row(
            "daemon(blocking_threshold)",
            "a time longer than zero, or `None`",
            [daemon(
                [Some("daemon/blocking_threshold_zero"), Some("daemon/blocking_threshold_zero_const")],
                |daemon| daemon.blocking_threshold(ZERO),
                zero("blocking_threshold"),
            )],
        ),
        free("daemon(drain)", "any time; zero is no drain"),
        free("daemon(prestart(restart))", "any time; zero is to begin again at once"),
        free("daemon(watchdog_interval)", "any time; zero is not to talk to the service manager"),
        free("daemon(on_stale)", WORD),
        row(
            "daemon(history)",
            "a number from 1 to 4294967295",
            [
                daemon(
                    [Some("daemon/history_zero"), Some("daemon/history_zero_const")],
                    |daemon| daemon.history(0),
                    history("0"),
                ),
                daemon(
                    [Some("daemon/history_too_long"), None],
                    |daemon| daemon.history(5_000_000_000),
                    history("5000000000"),
                ),
            ],
        ),
        free(
            "daemon(admin)",
            "an address; refused at start, in words that the tests of rxd::admin and the macros share",
        ),
    ]
}

fn watches() -> Vec<KeyRow> {
    let within = |cases: [Option<&'static str>; 2], when: fn() -> When, of| WrongValue {
        literal: cases[0],
        constant: cases[1],
        build: Box::new(move || around(service("poller").watch(when().within(ZERO)))),
        of,
        says: zero("within"),
    };
    let lasts = |cases: [Option<&'static str>; 2], when: fn() -> When, of| WrongValue {
        literal: cases[0],
        constant: cases[1],
        build: Box::new(move || around(service("poller").watch(when()))),
        of,
        says: zero("lasts"),
    };
    vec![
        row(
            "watch(within)",
            LONGER,
            [
                within(
                    [Some("watch/within_zero"), Some("watch/within_zero_const")],
                    || When::any(Action::Entering, State::Run, ["health"]),
                    "service `poller` of daemon `edge`, `#[watch(any, entering, Run, \"health\")]`",
                ),
                within(
                    [None, Some("watch/needs_within_zero_const")],
                    || When::all(Action::Entering, State::Run, ["health"]).then(Effect::GateInit),
                    "service `poller` of daemon `edge`, `#[watch(all, entering, Run, \"health\", then(init))]`",
                ),
            ],
        ),
        row(
            "watch(lasts)",
            "a time longer than zero, and not longer than `within`",
            [lasts(
                [Some("watch/lasts_zero"), Some("watch/lasts_zero_const")],
                || When::any(Action::Exited, State::Run, ["health"]).then(Effect::Stop).lasts(ZERO),
                "service `poller` of daemon `edge`, `#[watch(any, exited, Run, \"health\", then(stop))]`",
            )],
        ),
        row(
            "needs(grace)",
            LONGER,
            [WrongValue {
                literal: Some("watch/grace_zero"),
                constant: Some("watch/grace_zero_const"),
                build: Box::new(|| around(service("poller").needs_with_grace(["health"], ZERO))),
                of: "service `poller` of daemon `edge`, `#[needs(\"health\")]`",
                says: zero("grace"),
            }],
        ),
        free("watch(then)", WORD),
        free("needs(value)", "the name of a function, for the macro alone"),
        free("watch(stream)", "the name of a function, for the macro alone"),
    ]
}
