#[rxd::service(nmae = "poller", delay = 250)]
#[watch(any, entering, Rum, "health", stream(health))]
#[needs("db")]
struct Poller {
    client: Client,
}
