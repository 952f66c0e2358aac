//! Names in scope do not change the meaning of generated code.

mod hostile {
    #![no_implicit_prelude]
    #![allow(dead_code, non_camel_case_types)]

    pub struct Option;
    pub struct Result;
    pub struct Duration;
    pub struct State;
    pub struct Some;
    pub mod diagnostic {}
    pub mod core {}
    pub mod std {}
    pub mod rxd {}
    pub const INDEX: u8 = 0;
    pub const GRAPH: u8 = 0;
    pub const OK: u8 = 0;

    #[::rxd::service(delay = "1s", timeouts(Run = "1s"), restarts(max = 1, within = "1s"), manager(until_success))]
    #[watch(any, exited, Run, Other, then(stop))]
    #[watch(any, entering, Run, "other", stream(other))]
    pub struct D {}

    impl ::rxd::Runner for D {
        async fn run(&mut self, cx: &::rxd::Context) -> ::rxd::Result {
            let _ = D::other(cx);
            ::core::result::Result::Ok(())
        }
    }

    #[::rxd::service]
    pub struct Other {}

    impl ::rxd::Runner for Other {
        async fn run(&mut self, _: &::rxd::Context) -> ::rxd::Result {
            ::core::result::Result::Ok(())
        }
    }

    #[::rxd::daemon(shutdown_timeout = "1s")]
    pub struct Daemon {
        pub d: D,
        pub daemon: ::core::option::Option<Other>,
    }

    ::rxd::manager! {
        pub Manager {
            Init => { ok: Idle, failed: Exit },
            Idle => { ok: Run, failed: Exit },
            Run => { ok: Stop, failed: Exit },
            Stop => { ok: Init, failed: Exit },
        }
    }
}

fn main() {
    let daemon = hostile::Daemon { d: hostile::D {}, daemon: Some(hostile::Other {}) };
    let _ = (daemon.into_daemon(), hostile::Manager);
}
