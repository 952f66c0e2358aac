//! A service without methods is one error, also in a daemon.

use rxd as _;

#[rxd::service]
struct Poller {
    client: u8,
}

#[rxd::daemon]
struct Edge {
    poller: Poller,
}

fn main() {
    let edge = Edge { poller: Poller { client: 1 } };
    assert_eq!(edge.poller.client, 1);
}
