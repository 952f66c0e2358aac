//! A service without methods.

use rxd as _;

#[rxd::service]
struct Poller {
    client: u8,
}

fn main() {
    let poller = Poller { client: 1 };
    assert_eq!(poller.client, 1);
}
