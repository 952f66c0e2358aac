//! A table that goes no further than Init.

rxd::manager! {
    /// Gives up at the first failure.
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
