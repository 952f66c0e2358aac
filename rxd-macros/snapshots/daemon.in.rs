#[rxd::daemon(name = "edge-agent", shutdown_timeout = "30s")]
pub struct EdgeAgent {
    pub health: Health,
    pub poller: Poller,
}
