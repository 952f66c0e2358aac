//! A service with a lifetime parameter.

use rxd as _;

#[rxd::service]
struct Poller<'a> {
    client: &'a u8,
}

fn main() {
    let poller = Poller { client: &1 };
    assert_eq!(*poller.client, 1);
}
