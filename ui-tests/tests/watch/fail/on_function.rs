//! A watch on a function.

use rxd as _;

#[rxd::watch(any, entering, Run, "health")]
fn helper() -> u8 {
    1
}

fn main() {
    assert_eq!(helper(), 1);
}
