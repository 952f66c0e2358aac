//! An outcome with a slip in it.

rxd::manager! {
    /// Gives up at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, faild: Exit },
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
