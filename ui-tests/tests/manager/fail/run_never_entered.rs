//! A table that never does any work.

rxd::manager! {
    /// Gives up at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Stop, failed: Exit },
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
