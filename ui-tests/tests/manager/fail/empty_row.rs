//! What follows Idle?

rxd::manager! {
    /// Gives up at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => {},
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
