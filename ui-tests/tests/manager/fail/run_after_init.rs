//! Idle is passed on the way to Run.

rxd::manager! {
    /// Gives up at the first failure.
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
