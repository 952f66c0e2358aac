//! A row with the wrong arrow.

rxd::manager! {
    pub Once {
        Init => { ok: Idle, failed: Exit },
        Idle -> { ok: Run, failed: Stop },
        Run => { ok: Stop, failed: Stop },
        Stop => { ok: Exit, failed: Exit },
    }
}

fn main() {
    let _ = Once;
}
