//! Only a table.

rxd::manager! {
    { Init => { ok: Idle, failed: Exit } }
}

fn main() {}
