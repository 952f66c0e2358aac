//! `#[watch]` alone.

use rxd as _;

#[rxd::watch(any, entering, Run, "health")]
struct Poller {
    client: u8,
}

fn main() {
    let poller = Poller { client: 1 };
    assert_eq!(poller.client, 1);
}
