#[rxd::daemon(signals(interrupt, hangup), config = settings::load)]
struct Workers {
    #[service(name = "worker-1")]
    first: Worker,
    #[cfg(feature = "metrics")]
    metrics: Metrics,
    #[service(name = "worker-2")]
    second: Option<Worker>,
    probes: Vec<Probe>,
}
