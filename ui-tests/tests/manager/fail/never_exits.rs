//! A table without a way to Exit.

rxd::manager! {
    /// Ends at the first failure.
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
