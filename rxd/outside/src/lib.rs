//! The parts of the suite in `tests/outside`. `cargo test` in this directory runs it.
//!
//! rxd's other tests build it within its own workspace, where the features of all its members are
//! unified. This suite takes the place of a user: it packages rxd, unpacks the packages, takes
//! each program of the documents word for word, builds it with the features that its text names,
//! and runs it as a process.
//!
//! * [`documents`] reads programs out of Markdown.
//! * [`workspace`] makes a user's workspace in the target directory, and builds it.
//! * [`process`] runs one program where users run programs: in a terminal, behind a pipe that is
//!   not read, and so on.
//!
//! It is not a test kit for services: `rxd::testing` is.

pub mod documents;
pub mod process;
pub mod workspace;
