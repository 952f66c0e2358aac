//! The attribute on a trait.

use rxd as _;

#[rxd::service]
trait Plain {
    fn one(&self) -> u8 {
        1
    }
}

impl Plain for u8 {}

fn main() {
    assert_eq!(0_u8.one(), 1);
}
