#[rxd::service(name = "poller", manager = "until_success", startup_delay = "100ms")]
#[watch(any, entering, Run, "health")]
#[watch(any, exited, Run, Health, then(stop))]
#[needs("db", "cache", within = "30s")]
#[after("migrate")]
struct Poller {
    client: Client,
}
