//! The service graph as data: which service watches which, and whether that can work.
//!
//! A [`Graph`] borrows what services declare. To check one that you have built by hand, call
//! [`Graph::faults`]; to draw it, [`Graph::to_mermaid`], [`to_dot`](Graph::to_dot) or
//! [`to_json`](Graph::to_json). A declared daemon needs neither: the compiler has checked its
//! `GRAPH` before the program exists.
//!
//! The checks are plain `const fn` over borrowed data, called from two places:
//!
//! * the code that the macros generate, so that `cargo check` evaluates them and underlines the
//!   word that is wrong;
//! * [`Daemon::start`](crate::Daemon::start), for what the builder was given.
//!
//! Both apply the same rules and give the same messages. The graph knows nothing of a running
//! daemon: watches at run time are matched on the board, and the order of a stop is taken from
//! [`Graph::stops_before`] once, at the start.
//!
//! # Rules
//!
//! A graph is refused only for what can never work. What is legal but odd, such as a service that
//! no other watches, or an alternative that cannot come true beside one that can, is accepted.
//!
#![doc = include_str!("rules.md")]
//!
//! # Advice
//!
//! What is legal and nearly always a mistake is advice, and never an error. [`Graph::advice`] returns
//! it; [`Daemon::advice`](crate::Daemon::advice) adds what depends on the options of the daemon, and
//! the start logs all of it at INFO.
//!
#![doc = include_str!("advice.md")]
//!
//! # What a cycle is
//!
//! A gate waits for its target to reach a state.
//!
//! * `entering S` and `exited S` wait for everything that the target does before S. `not_in S`
//!   holds from the start and waits for nothing, unless S is Unknown.
//! * `then(init)` holds back everything that its service does. `then(run)` holds back only Run and
//!   what follows. So two services of which one waits before Run for the other's Idle, and the
//!   other for the one's Init, do not wait for each other.
//! * An `any` gate can open if one of its targets can satisfy it, an `all` gate if each can.
//!
//! By these, the check computes the states that each service can ever enter: the least fixed point
//! over all gates. A gate that is closed even then waits, by way of other services, for itself: a
//! deadlock, which is reported once, with the gates of the cycle.
//!
//! The fixed point assumes:
//!
//! 1. Every `Option` field is `Some`.
//! 2. A service that is held at a gate before Run does not fail there, since its Init and Idle have
//!    succeeded, unless the gate has a limit (`within`) and its manager does not send a failed Idle
//!    to Run. To wait for such a service to leave Idle, or to enter Stop, is to wait for that gate.
//! 3. A service may end if its manager says so, if it has a restart limit, if it has a
//!    `then(exit)`, or if it needs, or comes after, one that may end.
//! 4. A watch that is a fault by itself counts as satisfied, so that one mistake is one error.
//!
//! # What "in Run together" means
//!
//! A reaction follows its cause, so two services that exclude each other are both in Run for an
//! instant, and a gate may open in it. The rules about such services are therefore about *staying*
//! in Run, and ask who needs whom: `needs`, or a gate on `entering, Run` together with a `then(stop)`
//! on `exited, Run` or `not_in, Run`. A gate alone needs nothing once it has opened, so to hand over
//! from one service to the next is accepted. So is what may settle: a reaction to a state before Run
//! takes a service out once, and no more while the other runs. If the other begins again each time,
//! it may all the same be for ever, which is advice.
//!
//! # Invariants
//!
//! 1. A check at compile time and [`Graph::faults`] report the same faults in the same words. Only
//!    the compiler knows the fields, and says of an unknown name that it is one of them.
//! 2. A fault that says "never" is true in every execution of the daemon.
//! 3. Each place (a service, a watch, a target) has at most one fault: the first rule that is
//!    violated there.
//! 4. A check takes time in proportion to the size of the graph, apart from watches of one service
//!    that are compared with each other, whose number is limited. Names are compared by hash.

// From the ground up: `model`, `declaration`, `rule`, `name`, `suggest`; `table`, `reach`, `source`;
// `family`, `cycle`, `solve`, `index`; `known`, `compare`, `need_search`, `eviction`, `eviction_cycle`, `rules`;
// `phrase`, `eviction_message`, `message`; `check`, `stop_order`, `render`, `limits`; `advice`. None imports one that imports it,
// and from outside they import only `lifecycle`, `text` and `escape`.
mod advice;
pub(crate) mod check;
mod compare;
mod cycle;
pub(crate) mod declaration;
mod eviction;
mod eviction_cycle;
mod eviction_message;
mod family;
pub(crate) mod index;
mod known;
// Without systemd only the longest stop is asked for, by the advice.
#[cfg_attr(not(any(test, feature = "systemd")), allow(dead_code))]
pub(crate) mod limits;
mod message;
mod model;
pub(crate) mod name;
mod need_search;
mod phrase;
mod reach;
mod render;
mod rule;
mod rules;
mod solve;
mod source;
pub(crate) mod stop_order;
mod suggest;
pub(crate) mod table;

#[cfg(test)]
mod tests;

pub use advice::{Advice, AdviceRule};
pub use check::Fault;
#[cfg(feature = "admin")]
pub(crate) use family::is_member_name;
pub(crate) use model::fnv1a;
pub use model::{Edge, Effect, Graph, Keyword, Mode, Node, ServiceType, Target};
pub(crate) use name::fault as name_fault;
pub(crate) use phrase::{quoted, shown_watch};
pub use rule::Rule;
pub(crate) use suggest::known_names;
#[cfg(feature = "admin")]
pub(crate) use suggest::nearest;
pub(crate) use suggest::{unknown_group, unknown_service};
