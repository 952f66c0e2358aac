//! Managers: which state follows when a method of a service has ended.

pub(crate) mod object;

use crate::lifecycle::state::{Cause, State};
use crate::text::Text;

/// A transition table: for each of Init, Idle, Run and Stop the next state when its method returned
/// `Ok` and when it failed.
///
/// `Exit` may be written for any of them and means *end*: a service that entered Init passes
/// through Stop first. Which other states may follow is given by the grammar `(Init (Idle Run?)?
/// Stop)* Exit`.
///
/// ```
/// use rxd::State;
/// use rxd::manager::Table;
///
/// /// Restarts after a failure, ends after a success, and tries Init only once.
/// const ONE_TRY: Table = Table::new(
///     [State::Idle, State::Exit], // Init: ok, failed
///     [State::Run, State::Stop],
///     [State::Exit, State::Stop],
///     [State::Init, State::Init],
/// );
/// assert_eq!(ONE_TRY.next(State::Init, false), State::Exit);
/// assert!(ONE_TRY.succeeds() && !Table::may_follow(State::Run, State::Idle));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// `[ok, failed]` for Init, Idle, Run, Stop.
    next: [[State; 2]; 4],
}

impl Table {
    /// Makes a table; each pair is `[ok, failed]`.
    ///
    /// # Panics
    ///
    /// If a state may not follow the one before it; in a `const` this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn new(init: [State; 2], idle: [State; 2], run: [State; 2], stop: [State; 2]) -> Self {
        let next = [init, idle, run, stop];
        let mut row = 0;
        while row < 4 {
            let mut column = 0;
            while column < 2 {
                if !Self::may_follow(State::ALL[row + 1], next[row][column]) {
                    Self::panic_at(row, column, next[row][column]);
                }
                column += 1;
            }
            row += 1;
        }
        Table { next }
    }

    /// Panics with the entry that is wrong.
    #[track_caller]
    const fn panic_at(row: usize, column: usize, next: State) -> ! {
        let mut text = Text::new();
        text.push("this table goes from ");
        text.push(State::ALL[row + 1].name());
        text.push(" to ");
        text.push(next.name());
        text.push(if column == 0 { " when the method returned `Ok`" } else { " when the method failed" });
        text.push("\nhelp: after ");
        text.push(State::ALL[row + 1].name());
        text.push(
            [" comes Idle, Stop or Exit", " comes Run, Stop or Exit", " comes Stop or Exit", " comes Init or Exit"]
                [row],
        );
        panic!("{}", text.as_str())
    }

    /// Whether a table may go from `from` to `to`.
    #[must_use]
    pub const fn may_follow(from: State, to: State) -> bool {
        match from {
            State::Init => matches!(to, State::Idle | State::Stop | State::Exit),
            State::Idle => matches!(to, State::Run | State::Stop | State::Exit),
            State::Run => matches!(to, State::Stop | State::Exit),
            State::Stop => matches!(to, State::Init | State::Exit),
            State::Unknown | State::Exit => false,
        }
    }

    /// The state that follows `state`, whose method returned `Ok` or failed.
    #[must_use]
    pub const fn next(&self, state: State, ok: bool) -> State {
        match state {
            State::Init | State::Idle | State::Run | State::Stop => {
                self.next[state as usize - 1][if ok { 0 } else { 1 }]
            }
            State::Unknown | State::Exit => State::Exit,
        }
    }

    /// Whether a service under this table can ever be in `state`.
    #[must_use]
    pub const fn reaches(&self, state: State) -> bool {
        match state {
            State::Unknown | State::Init | State::Stop => true,
            State::Idle => self.goes(State::Init, State::Idle),
            State::Run => self.goes(State::Init, State::Idle) && self.goes(State::Idle, State::Run),
            State::Exit => self.ends(),
        }
    }

    /// Whether a service under this table may end by itself: not only if an operator, a reaction or
    /// the shutdown ends it, or if it reaches its restart limit.
    #[must_use]
    pub const fn ends(&self) -> bool {
        self.goes(State::Init, State::Exit)
            || (self.reaches(State::Idle) && self.goes(State::Idle, State::Exit))
            || (self.reaches(State::Run) && self.goes(State::Run, State::Exit))
            || self.goes(State::Stop, State::Exit)
    }

    /// Whether a service under this table may end after a successful Run.
    #[must_use]
    pub const fn succeeds(&self) -> bool {
        self.reaches(State::Run)
            && (self.next(State::Run, true).is(State::Exit)
                || (self.next(State::Run, true).is(State::Stop) && self.next(State::Stop, true).is(State::Exit)))
    }

    /// Whether the table goes from `from` to `to` in one of the two cases.
    pub(crate) const fn goes(&self, from: State, to: State) -> bool {
        self.next(from, true).is(to) || self.next(from, false).is(to)
    }
}

/// How a method ended: what a manager decides by.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// The state whose method ended.
    pub state: State,
    /// How: [`Cause::Normal`], or one that [is a failure](Cause::is_failure).
    pub cause: Cause,
    /// How many times the service has restarted since a Run that lasted for the back-off's `reset`:
    /// the incarnations in a row that failed, or whose Run was short. It is 0 after an operator has
    /// started the service from Exit. The manager itself is one value for as long as the daemon
    /// runs.
    pub failures: u32,
}

/// Decides which state of a service follows.
///
/// Most managers are a [`Table`], declared with [`rxd::manager!`](crate::manager!). Implement
/// [`next`](Manager::next) for logic that a table cannot express. The engine refuses a state that
/// the grammar forbids, contains a panic, and does not ask while the service is stopping. So a
/// manager can neither skip Stop nor keep its service alive.
///
/// ```
/// use rxd::State;
/// use rxd::manager::{Ended, Manager, Table, continuous};
///
/// /// As `continuous`, but ends at the third failure in a row.
/// #[derive(Default)]
/// struct ThreeStrikes;
///
/// impl Manager for ThreeStrikes {
///     const TABLE: Table = Table::new(
///         [State::Idle, State::Exit], // Init: ok, failed
///         [State::Run, State::Exit],
///         [State::Stop, State::Exit],
///         [State::Init, State::Init],
///     );
///
///     fn next(&mut self, ended: Ended) -> State {
///         let third = ended.cause.is_failure() && ended.failures >= 2;
///         if third && ended.state != State::Stop { State::Exit } else { continuous.next(ended) }
///     }
/// }
///
/// #[rxd::service(manager(ThreeStrikes))]
/// struct Probe;
/// # impl rxd::Runner for Probe {
/// #     async fn run(&mut self, _: &rxd::Context) -> rxd::Result { Ok(()) }
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a manager",
    label = "not a manager",
    note = "write `manager = \"continuous\"`, `manager = \"until_success\"`, or the path of a type declared with `rxd::manager!`"
)]
pub trait Manager: Send + 'static {
    /// The states that the manager may choose; the graph is checked against it.
    const TABLE: Table;

    /// The state that follows. The default looks it up in [`TABLE`](Manager::TABLE).
    fn next(&mut self, ended: Ended) -> State {
        Self::TABLE.next(ended.state, !ended.cause.is_failure())
    }
}

/// `manager = "continuous"`, the default: restart after every Run, until the daemon stops.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, Default)]
pub struct continuous;

impl Manager for continuous {
    const TABLE: Table = Table::new(
        [State::Idle, State::Stop],
        [State::Run, State::Stop],
        [State::Stop, State::Stop],
        [State::Init, State::Init],
    );
}

/// `manager = "until_success"`: restart until Run returns `Ok`, then end.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, Default)]
pub struct until_success;

impl Manager for until_success {
    const TABLE: Table = Table::new(
        [State::Idle, State::Stop],
        [State::Run, State::Stop],
        [State::Exit, State::Stop],
        [State::Init, State::Init],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_with_a_wrong_entry_panics_with_that_entry() {
        let valid = continuous::TABLE.next;
        for (row, after) in ["Init comes Idle, Stop", "Idle comes Run, Stop", "Run comes Stop", "Stop comes Init"]
            .into_iter()
            .enumerate()
        {
            for (column, when) in ["the method returned `Ok`", "the method failed"].into_iter().enumerate() {
                let mut next = valid;
                next[row][column] = State::Unknown;
                let [init, idle, run, stop] = next;
                let panic = std::panic::catch_unwind(|| Table::new(init, idle, run, stop)).expect_err("a wrong entry");
                let from = State::ALL[row + 1].name();
                assert_eq!(
                    panic.downcast_ref::<String>().expect("a message"),
                    &format!("this table goes from {from} to Unknown when {when}\nhelp: after {after} or Exit")
                );
            }
        }
    }
}
