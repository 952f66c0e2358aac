//! A table in which Idle is never entered.

rxd::manager! {
    /// Ends at the first failure.
    pub FailFast {
        Init => { ok: Stop, failed: Exit },
        Idle => { ok: Run, failed: Exit },
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
