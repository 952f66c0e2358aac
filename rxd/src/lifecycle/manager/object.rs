//! A manager as the engine holds it, and as generated code requires it: neither is for users.

use super::{Ended, Manager, continuous, until_success};
use crate::lifecycle::state::State;
use std::any::TypeId;

/// A [`Manager`] behind a pointer. A manager without fields costs no allocation.
pub trait Decide: Send {
    /// See [`Manager::next`].
    fn decide(&mut self, ended: Ended) -> State;
    /// What a manager of rxd's own decides, which only looks it up; `None` for one of the user's.
    fn look_up(&self, ended: Ended) -> Option<State>;
    /// Whether a service under this manager ends after a successful Run: it is a one-shot.
    fn ends_after_run(&self) -> bool;
}

impl<M: Manager> Decide for M {
    fn decide(&mut self, ended: Ended) -> State {
        self.next(ended)
    }

    fn look_up(&self, ended: Ended) -> Option<State> {
        let is_own = [TypeId::of::<continuous>(), TypeId::of::<until_success>()].contains(&TypeId::of::<M>());
        is_own.then(|| M::TABLE.next(ended.state, !ended.cause.is_failure()))
    }

    fn ends_after_run(&self) -> bool {
        M::TABLE.next(State::Run, true) == State::Exit
    }
}

/// Makes the manager of a service that declares this type.
pub(crate) fn make_manager<M: Manager + Default>() -> Box<dyn Decide> {
    Box::new(M::default())
}

/// What `manager(..)` requires of the type that it names.
///
/// Only generated code requires it, so a type that is not a manager is a single error, which does
/// not list the types that are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a manager that rxd can make",
    label = "not a manager",
    note = "write `manager = \"continuous\"`, `manager = \"until_success\"`, or the path of a type declared with `rxd::manager!`",
    note = "a type that implements `rxd::Manager` by hand has to be `Default`, too"
)]
pub trait Managed: Manager + Default {}

#[diagnostic::do_not_recommend]
impl<M: Manager + Default> Managed for M {}
