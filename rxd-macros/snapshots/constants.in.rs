#[rxd::service(timeouts(Stop = LIMIT), backoff(base = FIRST, factor = 2 * GROWTH), heartbeat = "2s")]
#[watch(any, entering, Run, "health", within = LIMIT)]
struct Poller;

#[rxd::daemon(
    shutdown_timeout = "30s",
    exit_code = CODE,
    blocking_threshold = None,
    prestart(check_disk(retry = "1s", attempts = MOST), reach_db)
)]
struct EdgeAgent {
    poller: Poller,
}
