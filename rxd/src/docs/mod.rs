//! The guide: from the first daemon to how it works inside.
//!
//! | chapter | read it to |
//! |---|---|
//! | [`first_daemon`] | declare, test, run and ship a daemon |
//! | [`lifecycle`] | learn what happens to a service, when, and what follows a failure |
//! | [`recurring`] | do work each period, or at set times |
//! | [`watching`] | let services follow each other: health, fail-over, migrations, a leader and its standby |
//! | [`readiness`] | learn when a service and its daemon are ready, and what belongs into `init`, `idle` and `run` |
//! | [`configuration`] | load one configuration for all services, and reload it in two steps |
//! | [`processes`] | run another program as a service |
//! | [`topics`] | send messages between services: readings, work for a pool |
//! | [`servers`] | serve HTTP, TCP or gRPC, and cut no answer at the stop |
//! | [`shutdown`] | learn the order of a shutdown, its limits, and the exit status |
//! | [`testing`] | test all that in paused time |
//! | [`operating`] | run a daemon: logs, the admin route, systemd, containers |
//! | [`from_go`] | come from the Go package of this name |
//! | [`from_crates`] | come from another crate |
//! | [`inside`] | learn how rxd works |
//!
//! The tests of rxd compile every program in it, and run those that end.

macro_rules! chapters {
    ($($chapter:ident)*) => { $(
        #[doc = include_str!(concat!(stringify!($chapter), ".md"))]
        pub mod $chapter {}
    )* };
}

chapters! { first_daemon lifecycle recurring watching readiness configuration processes topics servers shutdown testing operating from_go from_crates inside }
