//! Two faults are two errors, once each.

rxd::manager! {
    /// Ends at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Rnu, failed: Init },
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
