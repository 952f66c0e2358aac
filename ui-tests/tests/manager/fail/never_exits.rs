//! A table without an end.

rxd::manager! {
    /// Gives up at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Stop },
        Idle => { ok: Run, failed: Run },
        Run => { ok: Stop, failed: Stop },
        Stop => { ok: Init, failed: Init },
    }
}

fn main() {
    let _ = FailFast;
}
