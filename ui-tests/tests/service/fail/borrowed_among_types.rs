//! A generic service with a lifetime parameter.

use rxd as _;

#[rxd::service]
struct Poller<'a, T: 'a> {
    client: &'a T,
}

fn main() {
    let poller = Poller { client: &1 };
    assert_eq!(*poller.client, 1);
}
