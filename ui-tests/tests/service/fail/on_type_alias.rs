//! The attribute on a type alias.

use rxd as _;

#[rxd::service]
type Poller = u8;

fn main() {
    let poller: Poller = 1;
    assert_eq!(poller, 1);
}
