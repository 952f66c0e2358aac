//! A name without a table.

rxd::manager! {
    pub FailFast
}

fn main() {
    let _ = FailFast;
}
