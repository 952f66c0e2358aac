//! A table without a row for Run.

rxd::manager! {
    /// Ends at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
