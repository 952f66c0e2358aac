//! The attribute on a function.

use rxd as _;

#[rxd::service]
fn helper() -> u8 {
    1
}

fn main() {
    assert_eq!(helper(), 1);
}
