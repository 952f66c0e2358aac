//! Watches before and after `#[rxd::service]`, with and without a path, keep the order of the
//! source.

#![deny(warnings)]

use rxd::{Context, Declared, Effect, Runner, after, needs, watch};

#[watch(any, entering, Run, "a", then(init))]
#[derive(Debug)]
#[needs("b")]
#[rxd::watch(any, exited, Run, "c", then(stop))]
#[after("d")]
#[rxd::service(name = "poller")]
struct Above;

impl Runner for Above {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[needs("b")]
#[rxd::watch(any, exited, Run, "c", then(stop))]
#[rxd::service]
#[after("d")]
struct Around;

impl Runner for Around {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

mod without_imports {
    #[rxd::service]
    #[watch(any, entering, Run, "a", then(init))]
    #[needs("b")]
    #[watch(any, exited, Run, "c", then(stop))]
    #[after("d")]
    #[derive(Debug)]
    pub struct Below;

    impl rxd::Runner for Below {
        async fn run(&mut self, _: &rxd::Context) -> rxd::Result {
            Ok(())
        }
    }
}

fn main() {
    for edges in [Above::DECLARATION.edges, without_imports::Below::DECLARATION.edges] {
        let said: Vec<_> = edges.iter().map(|edge| (edge.targets[0].text, edge.effect)).collect();
        let written =
            [("a", Effect::GateInit), ("b", Effect::GateRun), ("c", Effect::Stop), ("d", Effect::GateRun)];
        assert_eq!(said, written);
    }
    let around: Vec<_> = Around::DECLARATION.edges.iter().map(|edge| edge.targets[0].text).collect();
    assert_eq!(around, ["b", "c", "d"]);
    let _ = Around;
    assert_eq!(format!("{Above:?} {:?}", without_imports::Below), "Above Below");
}
