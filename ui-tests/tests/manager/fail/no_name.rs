//! A table without a name.

rxd::manager! {
    { Init => { ok: Idle, failed: Exit } }
}

fn main() {}
