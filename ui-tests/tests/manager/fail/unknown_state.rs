//! A state with a slip in it.

rxd::manager! {
    /// Gives up at the first failure.
    pub FailFast {
        Init => { ok: Idle, failed: Exit },
        Ilde => { ok: Run, failed: Exit },
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

fn main() {
    let _ = FailFast;
}
