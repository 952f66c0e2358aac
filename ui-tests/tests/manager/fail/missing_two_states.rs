//! A table without rows for Idle and Run.

rxd::manager! {
    /// Ends at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
