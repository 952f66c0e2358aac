//! The attribute on the impl instead of the type.

use rxd as _;

struct Plain;

#[rxd::service]
impl Plain {
    fn one(&self) -> u8 {
        1
    }
}

fn main() {
    assert_eq!(Plain.one(), 1);
}
