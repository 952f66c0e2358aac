//! The forms of a table.

use rxd::{Manager, State};

mod inner {
    rxd::manager! {
        /// Ends at the first failure.
        #[derive(PartialEq)]
        pub(crate) FailFast {
            Init => { ok: Idle, failed: Exit },
            Idle => { ok: Run, failed: Exit },
            Run => { ok: Stop, failed: Exit },
            Stop => { ok: Init, failed: Exit },
        }
    }
}

rxd::manager! {
    struct Once {
        Stop => { failed: Exit, ok: Exit }
        Run => { ok: State::Stop, failed: rxd::State::Stop }
        Idle => { ok: Run, failed: Run, }
        Init => { ok: Idle, failed: Stop }
    }
}

fn main() {
    assert_eq!(inner::FailFast, inner::FailFast::default());
    let table = inner::FailFast::TABLE;
    assert_eq!(table.next(State::Run, true), State::Stop);
    assert_eq!(table.next(State::Run, false), State::Exit);
    assert!(table.ends() && !table.succeeds());
    assert_eq!(format!("{:?}", Once.clone()), "Once");
    assert_eq!(Once::TABLE.next(State::Idle, false), State::Run);
    assert!(Once::TABLE.succeeds());
}
