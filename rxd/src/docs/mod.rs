//! The guide: from the first daemon to how it works inside.
//!
//! | chapter | for whoever asks |
//! |---|---|
//! | [`first_daemon`] | how do I declare, test, run and ship one? |
//! | [`lifecycle`] | what happens to a service, when, and what if it fails? |
//! | [`watching`] | how do services follow one another: health, fail-over, migrations, a leader and its standby? |
//! | [`topics`] | how do services hand things to one another: readings, work for a pool? |
//! | [`shutdown`] | in which order does it stop, how long may that take, and what is the exit status? |
//! | [`testing`] | how do I try all that without waiting for it? |
//! | [`operating`] | how do I run it: logs, the admin route, systemd, containers? |
//! | [`from_go`] | I know the Go package of this name |
//! | [`from_crates`] | I use another crate for this |
//! | [`inside`] | how does it work? |
//!
//! Every piece of code in it is compiled by rxd's own tests, and run where that ends.

macro_rules! chapters {
    ($($chapter:ident)*) => { $(
        #[doc = include_str!(concat!(stringify!($chapter), ".md"))]
        pub mod $chapter {}
    )* };
}

chapters! { first_daemon lifecycle watching topics shutdown testing operating from_go from_crates inside }
