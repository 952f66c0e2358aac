//! The service graph as data: who watches whom, and whether that can work.
//!
//! Everything here is plain `const fn` over borrowed data. `cargo check` runs it on what the
//! attributes declare, [`Daemon::start`](crate::Daemon::start) on what the builder was given:
//! the same rules, in the same words ([`Graph::faults`]).
//!
//! # What is refused
//!
//! Only what can never work. What is legal but odd (a service that nobody watches, an alternative
//! that cannot come true beside one that can) is nobody's business.
//!
#![doc = include_str!("rules.md")]
//!
//! # What a circle is
//!
//! A gate waits for its target to *get somewhere*. `entering S` and `exited S` wait for all that comes
//! before S; `not_in S` holds from the start and waits for nothing. `then(init)` holds back everything
//! its service does, `then(run)` only Run and what follows from it: two services of which one waits
//! before Run for the other's Idle, and the other for the one's Init, do not wait for each other. An
//! `any` gate opens if one of its targets can get there, an `all` gate if each can.
//!
//! Given that, the check computes which states each service can ever be in: the least fixed point, so
//! that what is left is what waits, by way of others, for itself. In doing so
//!
//! * an `Option` field is there;
//! * a service that is held at its gate before Run is not about to fail, unless the gate has a limit
//!   (`within`): to wait for it to leave Idle, or to be in Stop, is to wait for that gate;
//! * a service ends if its manager says so, if it has a restart limit, if it has a `then(exit)`, or if
//!   it needs (or comes after) one that may end;
//! * a watch that is wrong by itself counts as one that holds, so that one mistake is one error.

pub(crate) mod check;
mod cycle;
pub(crate) mod declaration;
pub(crate) mod index;
mod known;
#[cfg(any(test, feature = "systemd"))]
pub(crate) mod limits;
mod message;
mod model;
mod name;
mod phrase;
mod reach;
mod render;
mod rule;
mod rules;
mod solve;
mod stop_order;
mod suggest;
pub(crate) mod table;

#[cfg(test)]
mod tests;

pub use check::Fault;
pub(crate) use model::fnv1a;
pub use model::{Edge, Effect, Graph, Keyword, Mode, Node, ServiceType, Target};
pub(crate) use name::fault as name_fault;
pub(crate) use phrase::{quoted, shown_watch};
pub use rule::Rule;
#[cfg(any(test, feature = "test-util"))]
pub(crate) use suggest::known_names;
#[cfg(feature = "admin")]
pub(crate) use suggest::nearest;
pub(crate) use suggest::unknown_service;
