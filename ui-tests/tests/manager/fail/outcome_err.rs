//! An outcome with another name.

rxd::manager! {
    /// Ends at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, err: Exit },
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
