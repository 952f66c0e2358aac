//! A table that skips Idle.

rxd::manager! {
    /// Ends at the first failure.
    pub FailFast {
        Init => { ok: Run, failed: Exit },
        Idle => { ok: Run, failed: Exit },
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
