//! A dependency under another name.

extern crate rxd as renamed;

mod inner {
    use renamed::{Context, Runner};

    #[renamed::service(crate = ::renamed)]
    #[renamed::watch(any, entering, Run, "other")]
    pub struct Poller;

    impl Runner for Poller {
        async fn run(&mut self, _: &Context) -> renamed::Result {
            Ok(())
        }
    }

    #[renamed::watch(any, exited, Run, Poller, then(stop))]
    #[renamed::service(crate = renamed)]
    #[renamed::needs("third")]
    pub struct Other;

    impl Runner for Other {
        async fn run(&mut self, _: &Context) -> renamed::Result {
            Ok(())
        }
    }

    #[renamed::service(crate = "renamed", manager(FailFast))]
    pub struct Third;

    impl Runner for Third {
        async fn run(&mut self, _: &Context) -> renamed::Result {
            Ok(())
        }
    }

    // The path of the attribute is enough.
    #[renamed::service]
    #[renamed::needs(Third)]
    pub struct Fourth;

    impl Runner for Fourth {
        async fn run(&mut self, _: &Context) -> renamed::Result {
            Ok(())
        }
    }

    renamed::manager! {
        FailFast {
            Init => { ok: Idle, failed: Exit },
            Idle => { ok: Run, failed: Exit },
            Run => { ok: Stop, failed: Stop },
            Stop => { ok: Init, failed: Exit },
        }
    }

    #[renamed::daemon(crate = ::renamed)]
    pub struct Edge {
        pub poller: Poller,
        pub other: Other,
        pub third: Third,
    }
}

mod by_path {
    #[super::renamed::daemon]
    pub struct Edge {
        pub third: super::inner::Third,
        pub fourth: super::inner::Fourth,
    }
}

fn main() {
    let _ = by_path::Edge { third: inner::Third, fourth: inner::Fourth }.into_daemon();
    let _ = inner::Edge { poller: inner::Poller, other: inner::Other, third: inner::Third }.into_daemon();
    assert_eq!(inner::Edge::GRAPH.nodes[1].edges.len(), 2);
}
