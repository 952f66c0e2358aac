//! Only a name.

rxd::manager! {
    pub FailFast
}

fn main() {
    let _ = FailFast;
}
