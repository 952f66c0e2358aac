#[rxd::service(
    manager(my::FailFast),
    delay = LIMIT,
    delays(Run = "1s"),
    timeouts(Init = "5s", Stop = "1m30s"),
    backoff(base = "100ms", factor = 2, max = "30s", jitter = 0.2),
    restarts(max = 5, within = "1m"),
    on_failure = "shutdown",
    heartbeat = "2s",
    config = my::Config,
    crate = crate::renamed
)]
struct Everything;
