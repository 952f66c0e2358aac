//! A manager with a parameter.

rxd::manager! {
    pub Once<T> {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, failed: Stop },
        Run => { ok: Stop, failed: Stop },
        Stop => { ok: Exit, failed: Exit },
    }
}

fn main() {
    let _ = Once;
}
